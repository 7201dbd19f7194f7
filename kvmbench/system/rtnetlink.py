"""What rtnetlink(7) lists, as dictionaries: header fields and attributes under the kernel's own names.

Only what a Snapshot holds is decoded. The numbers are those of linux/rtnetlink.h, if_link.h, if_addr.h and
neighbour.h, which no kernel changes any more.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Mapping
from typing import Any

from kvmbench.system.netlink_socket import (
    Attributes,
    NetlinkSocket,
    address,
    attribute,
    attributes,
    byte,
    hardware_address,
    raw,
    signed,
    text,
    unsigned,
)

Message = Mapping[str, Any]
"""A netlink message: header fields by their own names (`index`), attributes by theirs (`IFLA_IFNAME`)."""

MAIN_TABLE = 254
NO_ID = -1
ALL_LINKS = -1
"""NETCONFA_IFINDEX_ALL: in `switches`, what the sysctls call conf.all"""
_GETLINK, _GETADDR, _GETROUTE, _GETNEIGH, _GETNETCONF, _NEWNSID, _GETNSID = 18, 22, 26, 30, 82, 88, 90
_AF_INET, _AF_BRIDGE = 2, 7
_LINK_HEAD = struct.Struct("=BxHiII")
_ADDRESS_HEAD = struct.Struct("=BBBBI")
_ROUTE_HEAD = struct.Struct("=BBBBBBBBI")
_NEIGHBOUR_HEAD = struct.Struct("=BxxxiHBB")
_HOP = struct.Struct("=HBBi")
_WITHOUT_STATISTICS = attribute(29, struct.pack("=I", 1 << 3))
"""IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS: half of a link's message is counters"""

_PORT: Attributes = {
    1: ("IFLA_BRPORT_STATE", byte),
    3: ("IFLA_BRPORT_COST", unsigned),
    8: ("IFLA_BRPORT_LEARNING", byte),
}
_BRIDGE: Attributes = {
    1: ("IFLA_BR_FORWARD_DELAY", unsigned),
    4: ("IFLA_BR_AGEING_TIME", unsigned),
    5: ("IFLA_BR_STP_STATE", unsigned),
    10: ("IFLA_BR_ROOT_ID", raw),
    11: ("IFLA_BR_BRIDGE_ID", raw),
}


def _linkinfo(buffer: bytearray, start: int, stop: int) -> dict[str, Any]:
    """What its data mean depends on the kind, which stands before them; only a bridge's are of interest."""
    found: dict[str, Any] = {}
    attributes(_INFO, buffer, start, stop, found)
    for data, kind, known in (
        ("IFLA_INFO_DATA", "IFLA_INFO_KIND", _BRIDGE),
        ("IFLA_INFO_SLAVE_DATA", "IFLA_INFO_SLAVE_KIND", _PORT),
    ):
        if data in found:
            whole = bytearray(found.pop(data))
            if found.get(kind) == "bridge":
                attributes(known, whole, 0, len(whole), found.setdefault(data, {}))
    return found


_INFO: Attributes = {
    1: ("IFLA_INFO_KIND", text),
    2: ("IFLA_INFO_DATA", raw),
    4: ("IFLA_INFO_SLAVE_KIND", text),
    5: ("IFLA_INFO_SLAVE_DATA", raw),
}
_LINK: Attributes = {
    1: ("IFLA_ADDRESS", hardware_address),
    3: ("IFLA_IFNAME", text),
    4: ("IFLA_MTU", unsigned),
    5: ("IFLA_LINK", unsigned),
    10: ("IFLA_MASTER", unsigned),
    18: ("IFLA_LINKINFO", _linkinfo),
    27: ("IFLA_GROUP", unsigned),
    37: ("IFLA_LINK_NETNSID", signed),
}
_ADDRESS: Attributes = {1: ("IFA_ADDRESS", address), 2: ("IFA_LOCAL", address)}
_NEIGHBOUR: Attributes = {
    2: ("NDA_LLADDR", hardware_address),
    9: ("NDA_MASTER", unsigned),
    1: ("NDA_DST", address),
}
_FORWARDING: Attributes = {number: name for number, name in _NEIGHBOUR.items() if number != 1}
"""the destination of a tunnel's entry may be of any family"""
_HOP_ATTRIBUTES: Attributes = {5: ("RTA_GATEWAY", address)}


def _hops(buffer: bytearray, start: int, stop: int) -> list[dict[str, Any]]:
    """struct rtnexthop, one behind the other (rtnetlink(7), RTA_MULTIPATH)."""
    found: list[dict[str, Any]] = []
    while start + _HOP.size <= stop:
        length, _, _, link = _HOP.unpack_from(buffer, start)
        if length < _HOP.size:
            break
        hop: dict[str, Any] = {"oif": link}
        attributes(_HOP_ATTRIBUTES, buffer, start + _HOP.size, min(start + length, stop), hop)
        found.append(hop)
        start += (length + 3) & ~3
    return found


_ROUTE: Attributes = {
    1: ("RTA_DST", address),
    4: ("RTA_OIF", unsigned),
    5: ("RTA_GATEWAY", address),
    6: ("RTA_PRIORITY", unsigned),
    7: ("RTA_PREFSRC", address),
    9: ("RTA_MULTIPATH", _hops),
    15: ("RTA_TABLE", unsigned),
}


_SWITCHES: Attributes = {
    1: ("NETCONFA_IFINDEX", signed),
    2: ("NETCONFA_FORWARDING", signed),
    3: ("NETCONFA_RP_FILTER", signed),
}


def _link(buffer: bytearray, start: int, stop: int) -> dict[str, Any]:
    _, kind, index, flags, _ = _LINK_HEAD.unpack_from(buffer, start)
    made: dict[str, Any] = {"index": index, "ifi_type": kind, "flags": flags}
    attributes(_LINK, buffer, start + _LINK_HEAD.size, stop, made)
    return made


def _address(buffer: bytearray, start: int, stop: int) -> dict[str, Any]:
    family, prefix, _, _, index = _ADDRESS_HEAD.unpack_from(buffer, start)
    made: dict[str, Any] = {"family": family, "prefixlen": prefix, "index": index}
    attributes(_ADDRESS, buffer, start + _ADDRESS_HEAD.size, stop, made)
    return made


def _route(buffer: bytearray, start: int, stop: int) -> dict[str, Any]:
    family, length, _, _, table, _, _, kind, _ = _ROUTE_HEAD.unpack_from(buffer, start)
    made: dict[str, Any] = {"family": family, "dst_len": length, "table": table, "type": kind}
    attributes(_ROUTE, buffer, start + _ROUTE_HEAD.size, stop, made)
    return made


def _neighbour(buffer: bytearray, start: int, stop: int) -> dict[str, Any]:
    family, link, state, flags, _ = _NEIGHBOUR_HEAD.unpack_from(buffer, start)
    made: dict[str, Any] = {"family": family, "ifindex": link, "state": state, "flags": flags}
    known = _FORWARDING if family == _AF_BRIDGE else _NEIGHBOUR
    attributes(known, buffer, start + _NEIGHBOUR_HEAD.size, stop, made)
    return made


def _switches(buffer: bytearray, start: int, stop: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    attributes(_SWITCHES, buffer, start + 4, stop, made)
    return made


def links(kernel: NetlinkSocket) -> tuple[Message, ...]:
    """RTM_GETLINK."""
    return tuple(kernel.dump(_GETLINK, bytes(_LINK_HEAD.size) + _WITHOUT_STATISTICS, _link))


def addresses(kernel: NetlinkSocket) -> tuple[Message, ...]:
    """RTM_GETADDR."""
    return tuple(kernel.dump(_GETADDR, bytes(_ADDRESS_HEAD.size), _address))


def routes(kernel: NetlinkSocket) -> tuple[Message, ...]:
    """RTM_GETROUTE, of the main table, IPv4; a namespace that never had a route there has no such table."""
    try:
        return tuple(
            kernel.dump(_GETROUTE, _ROUTE_HEAD.pack(_AF_INET, 0, 0, 0, MAIN_TABLE, 0, 0, 0, 0), _route)
        )
    except OSError as error:
        if error.errno == errno.ENOENT:
            return ()
        raise


def neighbours(kernel: NetlinkSocket) -> tuple[Message, ...]:
    """RTM_GETNEIGH."""
    return tuple(kernel.dump(_GETNEIGH, bytes(_NEIGHBOUR_HEAD.size), _neighbour))


def forwarding(kernel: NetlinkSocket) -> tuple[Message, ...]:
    """RTM_GETNEIGH of the family AF_BRIDGE: the bridges' forwarding tables."""
    return tuple(kernel.dump(_GETNEIGH, _NEIGHBOUR_HEAD.pack(_AF_BRIDGE, 0, 0, 0, 0), _neighbour))


def switches(kernel: NetlinkSocket) -> tuple[Message, ...]:
    """RTM_GETNETCONF: the IPv4 sysctls of each link and of ALL_LINKS.

    In /proc/sys/net the same take longer than all else together: the kernel keeps the files of a thousand
    namespaces under the same names, and searches through them.
    """
    return tuple(kernel.dump(_GETNETCONF, bytes([_AF_INET, 0, 0, 0]), _switches))


def namespace_id(kernel: NetlinkSocket, descriptor: int) -> int:
    """The id by which this namespace knows the one behind a descriptor (RTM_GETNSID); NO_ID when it does not.

    It gives no id out; listing links did, to those that its veth pairs lead to.
    """

    def read(buffer: bytearray, start: int, stop: int) -> int:
        found: dict[str, int] = {}
        attributes({1: ("id", signed)}, buffer, start + 4, stop, found)
        return found.get("id", NO_ID)

    return kernel.ask(_GETNSID, bytes(4) + attribute(3, struct.pack("=I", descriptor)), read)


def give_id(kernel: NetlinkSocket, descriptor: int) -> None:
    """Have this namespace know the one behind a descriptor by the next free id (RTM_NEWNSID).

    Raises:
        OSError: it has one already (EEXIST), or the kernel refused.
    """
    wanted = attribute(1, struct.pack("=i", NO_ID)) + attribute(3, struct.pack("=I", descriptor))
    kernel.change((_NEWNSID, 0, bytes(4) + wanted))
