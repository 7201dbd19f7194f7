"""Connections that the kernel remembers, by ctnetlink: whom their packets were sent to, and who gets them.

Rules of NAT are asked for a connection's first packet only; what was decided then holds until the kernel
forgets it (conntrack(8)).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import partial
from typing import Any

from kvmbench.system.netlink_socket import (
    NETFILTER,
    Attributes,
    NetlinkSocket,
    Read,
    address,
    attributes,
    byte,
)

_GET = 1 << 8 | 1
"""NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET (linux/netfilter/nfnetlink_conntrack.h)"""
_OF_IPV4 = bytes([2, 0, 0, 0])
_RECEIVER_CHANGED = 1 << 5
"""IPS_DST_NAT (linux/netfilter/nf_conntrack_common.h)"""
_BIG_16, _BIG_32 = struct.Struct(">H"), struct.Struct(">I")


@dataclass(frozen=True)
class Connection:
    """One entry: how its first packet was addressed, and how an answer is."""

    source: str
    destination: str
    protocol: int
    port: int
    """the first packet's; 0 where there are none"""
    answers_from: str
    answers_from_port: int
    remembered_s: int
    """for how long, when no further packet comes"""


def led_elsewhere() -> tuple[Connection, ...]:
    """The connections of the calling thread's network namespace whose receiver was changed.

    None are told by a kernel that tracks no connections, or to a caller who may not ask.
    """
    try:
        with NetlinkSocket(NETFILTER) as kernel:
            found = kernel.dump(_GET, _OF_IPV4, _entry)
    except OSError:
        return ()
    return tuple(_connection(each) for each in found if each.get("status", 0) & _RECEIVER_CHANGED)


def _connection(entry: dict[str, Any]) -> Connection:
    sent, answer = entry["original"], entry["reply"]
    return Connection(
        source=sent["source"],
        destination=sent["destination"],
        protocol=sent["protocol"],
        port=sent.get("port", 0),
        answers_from=answer["source"],
        answers_from_port=answer.get("from", 0),
        remembered_s=entry.get("timeout", 0),
    )


def _entry(buffer: bytearray, start: int, stop: int) -> dict[str, Any]:
    return _read(_ENTRY, buffer, start + 4, stop)


def _read(known: Attributes, buffer: bytearray, start: int, stop: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    attributes(known, buffer, start, stop, made)
    return made


def _tuple(buffer: bytearray, start: int, stop: int) -> dict[str, Any]:
    """A pair of addresses, and below it one of ports."""
    parts = _read(_TUPLE, buffer, start, stop)
    return {**parts.get("addresses", {}), **parts.get("protocol", {})}


def _big_16(buffer: bytearray, start: int, stop: int) -> int:
    return int(_BIG_16.unpack_from(buffer, start)[0])


def _big_32(buffer: bytearray, start: int, stop: int) -> int:
    return int(_BIG_32.unpack_from(buffer, start)[0])


_ADDRESSES: Attributes = {1: ("source", address), 2: ("destination", address)}
_PROTOCOL: Attributes = {1: ("protocol", byte), 2: ("from", _big_16), 3: ("port", _big_16)}
_READ_ADDRESSES: Read[dict[str, Any]] = partial(_read, _ADDRESSES)
_READ_PROTOCOL: Read[dict[str, Any]] = partial(_read, _PROTOCOL)
_TUPLE: Attributes = {1: ("addresses", _READ_ADDRESSES), 2: ("protocol", _READ_PROTOCOL)}
_ENTRY: Attributes = {
    1: ("original", _tuple),
    2: ("reply", _tuple),
    3: ("status", _big_32),
    7: ("timeout", _big_32),
}
