"""Routes of the main table, and neighbours, out of what rtnetlink(7) told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network

from kvmbench.model import Neighbour, Route
from kvmbench.system.netlink import Dump, Message

_RT_TABLE_MAIN = 254
_NUD_NOARP = 0x40
_REMEMBERED = 1 << 10
"""networks: each is in many tables"""
_STATES = {
    0x01: "INCOMPLETE",
    0x02: "REACHABLE",
    0x04: "STALE",
    0x08: "DELAY",
    0x10: "PROBE",
    0x20: "FAILED",
    0x80: "PERMANENT",
}


def routes(dump: Dump) -> tuple[Route, ...]:
    """A route with several next hops comes as several; one that leads nowhere (blackhole, …) has no link."""
    names = dump.link_names
    return tuple(
        route
        for message in dump.routes
        if message.get("RTA_TABLE", message.get("table")) == _RT_TABLE_MAIN
        for route in _routes(message, names)
    )


def _routes(message: Message, names: Mapping[int, str]) -> Iterator[Route]:
    for hop in message.get("RTA_MULTIPATH") or [message]:
        gateway, source = hop.get("RTA_GATEWAY"), message.get("RTA_PREFSRC")
        yield Route(
            destination=_network(message.get("RTA_DST", "0.0.0.0"), message["dst_len"]),
            gateway=IPv4Address(gateway) if gateway else None,
            link=names.get(hop.get("RTA_OIF", hop.get("oif", 0))),
            source=IPv4Address(source) if source else None,
            metric=message.get("RTA_PRIORITY", 0),
        )


@lru_cache(_REMEMBERED)
def _network(address: str, length: int) -> IPv4Network:
    return IPv4Network((address, length), strict=False)


def neighbours(dump: Dump) -> tuple[Neighbour, ...]:
    """As `ip neigh` lists them: without those that need no asking (multicast, NOARP)."""
    names = dump.link_names
    return tuple(
        Neighbour(
            address=message["NDA_DST"],
            link=names[message["ifindex"]],
            mac=message.get("NDA_LLADDR"),
            state=_STATES.get(message["state"], "NONE"),
        )
        for message in dump.neighbours
        if "NDA_DST" in message and message["ifindex"] in names and not message["state"] & _NUD_NOARP
    )
