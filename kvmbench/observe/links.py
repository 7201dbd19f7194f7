"""Links with their addresses, bridges with their ports and tables, out of what rtnetlink(7) told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Interface, IPv6Interface

from kvmbench.model import BridgePort, BridgeState, FdbEntry, Link
from kvmbench.system.netlink import Dump, Message

_IFF_UP = 0x1
_IFF_LOWER_UP = 0x1_0000
_ARPHRD_LOOPBACK = 772
_NUD_PERMANENT = 0x80
_NTF_SELF = 0x02
_AF_INET, _AF_INET6 = 2, 10
_HUNDREDTH = 100.0
"""the kernel tells bridge times in hundredths of a second (USER_HZ)"""
_REMEMBERED = 1 << 13
"""addresses: to read one takes as long as to decode the link that has it, and most are seen again"""
_PORT_STATES = ("disabled", "listening", "learning", "forwarding", "blocking")


def links(name: str, dumps: Mapping[str, Dump]) -> tuple[Link, ...]:
    """The links of one namespace; all dumps together tell where its veth pairs lead."""
    dump = dumps[name]
    names = dump.link_names
    addresses: dict[int, list[Message]] = {}
    for message in dump.addresses:
        addresses.setdefault(message["index"], []).append(message)
    return tuple(
        _link(message, name, names, addresses.get(message["index"], ()), dumps) for message in dump.links
    )


def _link(
    message: Message,
    name: str,
    names: Mapping[int, str],
    addresses: Iterable[Message],
    dumps: Mapping[str, Dump],
) -> Link:
    info = message.get("IFLA_LINKINFO", {})
    kind = info.get("IFLA_INFO_KIND", "loopback" if message["ifi_type"] == _ARPHRD_LOOPBACK else "")
    peer, peer_netns = _peer(message, name, dumps) if kind == "veth" else (None, None)
    return Link(
        name=str(message["IFLA_IFNAME"]),
        index=message["index"],
        kind=kind,
        mac=message.get("IFLA_ADDRESS", ""),
        up=bool(message["flags"] & _IFF_UP),
        carrier=bool(message["flags"] & _IFF_LOWER_UP),
        mtu=message.get("IFLA_MTU", 0),
        master=names.get(message.get("IFLA_MASTER", 0)),
        peer=peer,
        peer_netns=peer_netns,
        inet=tuple(_inet(_address(each)) for each in addresses if each["family"] == _AF_INET),
        inet6=tuple(_inet6(_address(each)) for each in addresses if each["family"] == _AF_INET6),
        port=_port(info) if info.get("IFLA_INFO_SLAVE_KIND") == "bridge" else None,
        bridge=_bridge(info.get("IFLA_INFO_DATA", {})) if kind == "bridge" else None,
    )


def _peer(message: Message, name: str, dumps: Mapping[str, Dump]) -> tuple[str | None, str | None]:
    """The other end of a veth pair and its namespace.

    Its index alone says nothing, as every namespace counts its own: the id beside it tells whose index it is.
    """
    number = message.get("IFLA_LINK_NETNSID")
    where = name if number is None else dumps[name].names.get(number)
    if where is None:
        return None, None
    return dumps[where].link_names.get(message.get("IFLA_LINK", 0)) if where in dumps else None, where


_inet, _inet6 = lru_cache(_REMEMBERED)(IPv4Interface), lru_cache(_REMEMBERED)(IPv6Interface)


def _address(message: Message) -> str:
    """On a point-to-point link IFA_ADDRESS is the other end's, IFA_LOCAL its own (rtnetlink(7))."""
    return f"{message.get('IFA_LOCAL') or message['IFA_ADDRESS']}/{message['prefixlen']}"


def _port(info: Message) -> BridgePort:
    data = info.get("IFLA_INFO_SLAVE_DATA", {})
    number = data.get("IFLA_BRPORT_STATE", 0)
    return BridgePort(
        state=_PORT_STATES[number] if number < len(_PORT_STATES) else str(number),
        cost=data.get("IFLA_BRPORT_COST", 0),
        learning=bool(data.get("IFLA_BRPORT_LEARNING", 1)),
    )


def _bridge(data: Message) -> BridgeState:
    stp = bool(data.get("IFLA_BR_STP_STATE", 0))
    itself, root = data.get("IFLA_BR_BRIDGE_ID"), data.get("IFLA_BR_ROOT_ID")
    return BridgeState(
        stp=stp,
        ageing_s=data.get("IFLA_BR_AGEING_TIME", 0) / _HUNDREDTH,
        forward_delay_s=data.get("IFLA_BR_FORWARD_DELAY", 0) / _HUNDREDTH,
        root=itself == root if stp else None,
    )


def forwarding(dump: Dump) -> tuple[FdbEntry, ...]:
    """The forwarding tables of a namespace's bridges.

    The kernel lists with them, under the flag `self`, which multicast groups a device listens to: these are
    left out, as no bridge forwards by them.
    """
    names = dump.link_names
    entries = [
        FdbEntry(
            bridge=names[message["NDA_MASTER"]],
            port=names[message["ifindex"]],
            mac=message["NDA_LLADDR"],
            own=bool(message["state"] & _NUD_PERMANENT),
        )
        for message in dump.fdb
        if not message["flags"] & _NTF_SELF
        and message.get("NDA_MASTER") in names
        and message["ifindex"] in names
        and "NDA_LLADDR" in message
    ]
    return tuple(dict.fromkeys(entries))  # with VLANs the same address comes once for each
