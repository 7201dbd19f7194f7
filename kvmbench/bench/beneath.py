"""A bench's own files, opened from the machine: no link on the bench leads out of it (openat2(2))."""

from __future__ import annotations

import ctypes
import fcntl
import os
import stat
import struct
from contextlib import suppress

from kvmbench.bench import linux

_OPENAT2 = 437
_IN_ROOT, _NO_MAGIC_LINKS = 0x10, 0x02
_NS_GET_NSTYPE = 0xB703
MOST_BYTES = 1 << 20


class _How(ctypes.Structure):
    """struct open_how of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_path(init: int, path: str, flags: int = 0) -> int:
    """A descriptor that only names the file (O_PATH), as the process `init` would find it.

    Raises:
        OSError: there is none.
    """
    root = os.open(f"/proc/{init}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        how = _How(os.O_PATH | os.O_CLOEXEC | flags, 0, _IN_ROOT | _NO_MAGIC_LINKS)
        return linux.call(_OPENAT2, root, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
    finally:
        os.close(root)


def read(init: int, path: str, most_bytes: int = MOST_BYTES) -> bytes | None:
    """The beginning of a regular file; None where it is none: a pipe or a device could wait for ever."""
    try:
        place = open_path(init, path)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(place).st_mode):
            return None
        opened = os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(opened, "rb") as file:
            return file.read(most_bytes)
    except OSError:
        return None
    finally:
        os.close(place)


def names_in(init: int, path: str, most: int = 1000) -> tuple[str, ...]:
    """The names in a directory in order; empty where there is none."""
    try:
        place = open_path(init, path, os.O_DIRECTORY)
    except OSError:
        return ()
    try:
        return tuple(sorted(os.listdir(f"/proc/self/fd/{place}")))[:most]
    except OSError:
        return ()
    finally:
        os.close(place)


def network_namespaces(init: int) -> dict[str, int]:
    """The named network namespaces (ip-netns(8)), each open: name → descriptor; what is none is left out."""
    found: dict[str, int] = {}
    for name in names_in(init, "/run/netns", most=200):
        try:
            place = open_path(init, f"/run/netns/{name}", os.O_NOFOLLOW)
        except OSError:
            continue
        with suppress(OSError):  # a file that is no namespace, or is of another kind
            opened = os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            if _is_network(opened):
                found[name] = opened
            else:
                os.close(opened)
        os.close(place)
    return found


def _is_network(descriptor: int) -> bool:
    try:
        return fcntl.ioctl(descriptor, _NS_GET_NSTYPE) == linux.CLONE_NEWNET
    except OSError:
        return False


def connect_path(init: int, path: str) -> tuple[str, int]:
    """What to connect to for a socket's path on the bench, and the descriptor that keeps it meant.

    Raises:
        OSError: there is no such socket.
    """
    place = open_path(init, path)
    if not stat.S_ISSOCK(os.fstat(place).st_mode):
        os.close(place)
        raise FileNotFoundError(path)
    return f"/proc/self/fd/{place}", place


def peer(credentials: bytes) -> int:
    """The process that listens, out of what SO_PEERCRED gave (unix(7)): the kernel's word.

    >>> peer(struct.pack("3i", 42, 0, 0))
    42
    """
    return int(struct.unpack("3i", credentials)[0])
