"""What the kernel tells by itself: netlink(7) multicast, inotify(7), the mount table (proc(5))."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kvmbench.system import rtnetlink
from kvmbench.system.netlink import NETNS_DIRECTORY
from kvmbench.system.netlink_socket import NETFILTER, ROUTE, NetlinkSocket

CREATED, DELETED, WRITTEN, OPENED, MOVED = 0x100, 0x200, 0x2 | 0x8, 0x20, 0xC0
"""of inotify(7): IN_CREATE, IN_DELETE, IN_MODIFY or IN_CLOSE_WRITE, IN_OPEN, IN_MOVED_FROM or IN_MOVED_TO"""
LOST = "lost"
"""what a socket says when more came than it could keep: something changed, nobody knows what"""

_SOL_NETLINK, _JOIN, _ALL_NAMESPACES = 270, 1, 8
_HEAD = struct.Struct("=IHHII")
_EVENT = struct.Struct("iIII")
_ROUTE_GROUPS = (1, 3, 5, 7, 8, 9, 11, 24, 28)
"""RTNLGRP_LINK, _NEIGH (of bridges too), _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, the same of IPv6,
_IPV4_NETCONF (where forwarding is switched), _NSID: linux/rtnetlink.h"""
_NFTABLES_GROUP = 7
_KINDS = {16: "links", 20: "addresses", 24: "routes", 28: "neighbours", 32: "routes", 80: "switches"}
"""the first message type of each four → what they are about; RTM_NEWNSID and its like are about namespaces"""
_MOST_PIECES = 4096
_INIT_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK
_libc = ctypes.CDLL(None, use_errno=True)


class Notices:
    """A netlink socket that listens to what changes here, and in every namespace that this one has an id for.

    It holds no namespace: one that is deleted goes at once.
    """

    def __init__(self, protocol: int = ROUTE) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._protocol = protocol
        self._socket = socket.socket(socket.AF_NETLINK, kind, protocol)
        try:
            self._socket.bind(
                (0, 0)
            )  # without a number of its own, a socket is taken for the sender and left out
            for group in _ROUTE_GROUPS if protocol == ROUTE else (_NFTABLES_GROUP,):
                self._socket.setsockopt(_SOL_NETLINK, _JOIN, group)
        except OSError:
            self._socket.close()
            raise
        with suppress(PermissionError):  # not the root of this namespace: then it hears its own
            self._socket.setsockopt(_SOL_NETLINK, _ALL_NAMESPACES, 1)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def read(self) -> set[str]:
        """What the notices that have come are about, in words; never waits."""
        found: set[str] = set()
        for _ in range(_MOST_PIECES):
            try:
                piece = self._socket.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                found.add(LOST)
                continue
            found.update(["rules"] if self._protocol == NETFILTER else map(_about, _types(piece)))
        return found


def _types(piece: bytes) -> Iterator[int]:
    at = 0
    while at + _HEAD.size <= len(piece):
        length, kind, *_ = _HEAD.unpack_from(piece, at)
        yield kind
        at += max((length + 3) & ~3, _HEAD.size)


def _about(kind: int) -> str:
    return _KINDS.get(kind & ~3, "namespaces")


def give_ids(names: list[str]) -> None:
    """Have this namespace know these named ones by an id (ip-netns(8), set NAME auto), to listen to them.

    One that has an id keeps it; one that cannot be had is left out.
    """
    with NetlinkSocket() as kernel:
        for name in names:
            try:
                namespace = os.open(os.path.join(NETNS_DIRECTORY, name), os.O_RDONLY | os.O_CLOEXEC)
            except OSError:  # gone already
                continue
            try:
                rtnetlink.give_id(kernel, namespace)
            except (
                OSError
            ):  # it has one, is no namespace yet, or this is not root here: then what is told is less
                continue
            finally:
                os.close(namespace)


def mounts() -> int:
    """A descriptor that epoll(7) tells EPOLLPRI of, whenever something is mounted or unmounted (proc(5))."""
    return os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)


class Inotify:
    """Files and directories that tell when they change."""

    def __init__(self) -> None:
        self._descriptor = _checked(_libc.inotify_init1(_INIT_FLAGS))
        self._paths: dict[int, Path] = {}

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)

    @property
    def watched(self) -> set[Path]:
        return set(self._paths.values())

    def watch(self, path: Path, kinds: int) -> bool:
        """Whether there is such a file and it is watched from now on."""
        number = _libc.inotify_add_watch(self._descriptor, os.fsencode(path), ctypes.c_uint32(kinds))
        if number >= 0:
            self._paths[number] = path
        return bool(number >= 0)

    def read(self) -> set[Path]:
        """Those of the watched paths that something happened to; never waits."""
        found: set[Path] = set()
        while True:
            try:
                piece = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                return found
            at = 0
            while at + _EVENT.size <= len(piece):
                number, kinds, _, length = _EVENT.unpack_from(piece, at)
                at += _EVENT.size + length
                gone = kinds & 0x8000  # IN_IGNORED: the path itself is no more
                path = self._paths.pop(number, None) if gone else self._paths.get(number)
                if path:
                    found.add(path)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
