"""A netlink(7) socket with nothing between it and the kernel: requests packed, answers walked, by struct.

pyroute2 takes 3 ms to read a namespace, of which the kernel needs 0.1: at a thousand namespaces that is the
difference between a look that one notices and one that one waits for.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, TypeVar

ROUTE, NETFILTER = 0, 12
"""protocols: rtnetlink(7) and nfnetlink"""

T = TypeVar("T")
Read = Callable[[bytearray, int, int], T]
"""makes something of the bytes of a buffer from one place up to another"""
Attributes = Mapping[int, tuple[str, Read[Any]]]
"""attribute number → the name it gets, and what reads its value"""

_HEAD = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_INT, _UNSIGNED = struct.Struct("=i"), struct.Struct("=I")
_NOOP, _ERROR, _DONE = 1, 2, 3
_REQUEST, _ACK, _DUMP, _DUMP_INTR = 0x1, 0x4, 0x300, 0x10
_NUMBER = 0x3FFF
"""of an attribute's type; the two bits above say nested, and byte order"""
_SOL_NETLINK, _STRICT_CHECK = 270, 12
_LARGEST = 1 << 16
"""the kernel hands out a dump in pieces of at most 32 KiB"""
_TRIES = 3
_here = threading.local()


class NetlinkSocket:
    """A socket to the kernel, in the network namespace of the thread that opens it; it stays bound to that.

    What the kernel refuses is an OSError with the kernel's own number.
    """

    def __init__(self, protocol: int = ROUTE, *, connected: socket.socket | None = None) -> None:
        """`connected` leads to something that answers as a kernel would."""
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        self._socket = connected or socket.socket(socket.AF_NETLINK, kind, protocol)
        self._number = 0
        if protocol == ROUTE and connected is None:
            # It makes the kernel filter a dump by what the request names, instead of sending everything.
            self._socket.setsockopt(_SOL_NETLINK, _STRICT_CHECK, 1)

    def __enter__(self) -> NetlinkSocket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def option(self, level: int, name: int, size: int) -> bytes:
        """getsockopt(2)."""
        return self._socket.getsockopt(level, name, size)

    def dump(self, kind: int, body: bytes, read: Read[T]) -> list[T]:
        """All that the kernel lists; asked again when the list changed while it was read (netlink(7))."""
        for _ in range(_TRIES):
            self._send([(kind, _DUMP, body)])
            found, changed = self._listed(read)
            if not changed:
                break
        return found

    def _listed(self, read: Read[T]) -> tuple[list[T], bool]:
        """The messages of one dump, and whether the list changed meanwhile."""
        found: list[T] = []
        changed = False
        while True:
            for buffer, kind, flags, start, stop in self._answers():
                changed = changed or bool(flags & _DUMP_INTR)
                if kind > _DONE:
                    found.append(read(buffer, start, stop))
                elif kind != _NOOP:
                    _raise_refusal(_INT.unpack_from(buffer, start)[0] if stop - start >= 4 else 0)
                    return found, changed

    def ask(self, kind: int, body: bytes, read: Read[T]) -> T:
        """One question that has one answer."""
        self._send([(kind, 0, body)])
        while True:
            for buffer, answered, _, start, stop in self._answers():
                if answered == _ERROR:
                    _raise_refusal(_INT.unpack_from(buffer, start)[0])
                return read(buffer, start, stop)

    def change(self, *requests: tuple[int, int, bytes]) -> None:
        """Have the kernel make several changes, sent at once: each a message type, flags, and a body.

        Raises:
            OSError: it refused one; those before it and after it have been made.
        """
        self._send([(kind, flags | _ACK, body) for kind, flags, body in requests])
        refused, left = 0, len(requests)
        while left:
            for buffer, kind, _, start, _ in self._answers():
                if kind == _ERROR:
                    refused = refused or _INT.unpack_from(buffer, start)[0]
                    left -= 1
        _raise_refusal(refused)

    def _send(self, requests: list[tuple[int, int, bytes]]) -> None:
        self._number += 1
        self._socket.send(
            b"".join(
                _HEAD.pack(_HEAD.size + len(body), kind, _REQUEST | flags, self._number, 0) + _padded(body)
                for kind, flags, body in requests
            )
        )

    def _answers(self) -> Iterator[tuple[bytearray, int, int, int, int]]:
        """What lies in the next piece: the buffer, message type, flags, where its body starts and ends."""
        buffer = _buffer()
        size = self._socket.recv_into(buffer, 0, socket.MSG_TRUNC)
        if size > len(buffer):
            raise OSError(0, f"a netlink message of {size} bytes")
        at = 0
        while at + _HEAD.size <= size:
            length, kind, flags, number, _ = _HEAD.unpack_from(buffer, at)
            if length < _HEAD.size:
                return
            if number == self._number:  # otherwise it is the rest of a dump that was given up
                yield buffer, kind, flags, at + _HEAD.size, at + length
            at += (length + 3) & ~3


def _buffer() -> bytearray:
    """One for each thread: to clear 64 KiB for each namespace would take longer than to read it."""
    if not hasattr(_here, "buffer"):
        _here.buffer = bytearray(_LARGEST)
    return _here.buffer  # type: ignore[no-any-return]


def _raise_refusal(number: int) -> None:
    if number:
        raise OSError(-number, os.strerror(-number))


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def attribute(kind: int, value: bytes) -> bytes:
    """An attribute as it stands in a request (rtnetlink(7)), padded to four bytes."""
    return _padded(_ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value)


def attributes(known: Attributes, buffer: bytearray, start: int, stop: int, into: dict[str, Any]) -> None:
    """Read those attributes that have a name; the others cost nothing but the step over them."""
    unpack, named = _ATTRIBUTE.unpack_from, known.get
    while start + 4 <= stop:
        length, kind = unpack(buffer, start)
        if length < 4 or start + length > stop:
            return
        if found := named(kind & _NUMBER):
            name, read = found
            into[name] = read(buffer, start + 4, start + length)
        start += (length + 3) & ~3


def text(buffer: bytearray, start: int, stop: int) -> str:
    return buffer[start:stop].partition(b"\0")[0].decode(errors="replace")


def unsigned(buffer: bytearray, start: int, stop: int) -> int:
    return int(_UNSIGNED.unpack_from(buffer, start)[0])


def signed(buffer: bytearray, start: int, stop: int) -> int:
    return int(_INT.unpack_from(buffer, start)[0])


def byte(buffer: bytearray, start: int, stop: int) -> int:
    return buffer[start]


def raw(buffer: bytearray, start: int, stop: int) -> bytes:
    return bytes(buffer[start:stop])


def hardware_address(buffer: bytearray, start: int, stop: int) -> str:
    return buffer[start:stop].hex(":")


def address(buffer: bytearray, start: int, stop: int) -> str:
    """IPv4 or IPv6, as its length tells."""
    family = socket.AF_INET if stop - start == 4 else socket.AF_INET6
    return socket.inet_ntop(family, buffer[start:stop])
