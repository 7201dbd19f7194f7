"""The few questions put to nf_tables without nft(8): is there a rule, is it another, what did it count.

To start nft takes 5 ms and more, and words for rules are its own business. But words stay the same as long as
the rules do, and the kernel numbers each change of them.
"""

from __future__ import annotations

import socket
import struct
import sys
from dataclasses import dataclass
from typing import Any

from kvmbench.system.netlink_socket import NETFILTER, Attributes, NetlinkSocket, attributes, raw, text

Place = tuple[str, str, str]
"""family, table, chain"""

_NFTABLES = 10 << 8
_GETTABLE, _GETRULE, _GETGEN = _NFTABLES | 1, _NFTABLES | 7, _NFTABLES | 16
"""linux/netfilter/nf_tables.h"""
_OF_ALL_FAMILIES = bytes(4)
_FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_COUNTER, _OTHER_STATE = "counter", {"objref", "quota", "last", "connlimit"}
"""expressions with a state of their own, which nft's words show"""
_SO_NETNS_COOKIE = 71
_BIG_64 = struct.Struct(">Q")


@dataclass(frozen=True)
class Counted:
    """What the rules of one network namespace have counted."""

    namespace: int
    """the kernel's number of it, never given twice (socket(7), SO_NETNS_COOKIE)"""
    generation: int
    """the kernel's number of this very ruleset"""
    counters: dict[Place, list[tuple[int, int] | None]]
    """each chain's rules in their order: packets and bytes, None for a rule that counts nothing"""


def has_tables() -> bool | None:
    """Whether the calling thread's namespace has a table of any family; None where nobody may know."""
    try:
        with NetlinkSocket(NETFILTER) as kernel:
            return bool(kernel.dump(_GETTABLE, _OF_ALL_FAMILIES, raw))
    except OSError:  # a kernel without nf_tables, or a caller who may not ask: nft will say it in words
        return None


def counted() -> Counted | None:
    """The counters of the calling thread's network namespace.

    None where they are not all that changes without a change of the rules (named counters, quotas), and where
    the kernel does not tell.
    """
    try:
        with NetlinkSocket(NETFILTER) as kernel:
            generation = _generation(kernel)
            rules = kernel.dump(_GETRULE, _OF_ALL_FAMILIES, _rule)
            if generation != _generation(kernel):
                return None
            namespace = kernel.option(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
    except OSError:
        return None
    counters: dict[Place, list[tuple[int, int] | None]] = {}
    for rule in rules:
        counts = [value for name, value in rule["expressions"] if name == _COUNTER]
        if len(counts) > 1 or any(name in _OTHER_STATE for name, _ in rule["expressions"]):
            return None
        place = (_FAMILIES.get(rule["family"], "?"), rule["table"], rule["chain"])
        counters.setdefault(place, []).append(counts[0] if counts else None)
    return Counted(int.from_bytes(namespace, sys.byteorder), generation, counters)


def _generation(kernel: NetlinkSocket) -> int:
    def read(buffer: bytearray, start: int, stop: int) -> int:
        found: dict[str, bytes] = {}
        attributes({1: ("id", raw)}, buffer, start + 4, stop, found)
        return int.from_bytes(found["id"], "big")

    return kernel.ask(_GETGEN, _OF_ALL_FAMILIES, read)


def _rule(buffer: bytearray, start: int, stop: int) -> dict[str, Any]:
    made: dict[str, Any] = {"family": buffer[start], "expressions": []}
    attributes(_RULE, buffer, start + 4, stop, made)
    return made


def _expressions(buffer: bytearray, start: int, stop: int) -> list[tuple[str, tuple[int, int] | None]]:
    """Each one's name, and what a counter among them says."""
    found: list[tuple[str, tuple[int, int] | None]] = []
    while start + 4 <= stop:
        length = int.from_bytes(buffer[start : start + 2], sys.byteorder)
        if length < 4:
            break
        one: dict[str, Any] = {"name": "", "data": b""}
        attributes(_EXPRESSION, buffer, start + 4, start + length, one)
        found.append((one["name"], _counts(one["data"]) if one["name"] == _COUNTER else None))
        start += (length + 3) & ~3
    return found


def _counts(data: bytes) -> tuple[int, int]:
    """Packets and bytes."""
    found: dict[str, int] = {"packets": 0, "bytes": 0}
    attributes(_COUNTS, bytearray(data), 0, len(data), found)
    return found["packets"], found["bytes"]


def _big(buffer: bytearray, start: int, stop: int) -> int:
    return int(_BIG_64.unpack_from(buffer, start)[0])


_COUNTS: Attributes = {1: ("bytes", _big), 2: ("packets", _big)}
_EXPRESSION: Attributes = {1: ("name", text), 2: ("data", raw)}
_RULE: Attributes = {1: ("table", text), 2: ("chain", text), 4: ("expressions", _expressions)}
