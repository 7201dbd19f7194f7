"""Links, addresses, namespaces, routes and kernel settings."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from kvmbench.check.outcomes import blocked, failed, passed
from kvmbench.check.seeing import listed, need_link, need_netns, prefix, within
from kvmbench.model import Check, Fact, Link, Netns, Outcome, Snapshot

KNOWN = ("REACHABLE", "STALE", "DELAY", "PROBE", "PERMANENT", "NOARP")
"""states of a neighbour whose hardware address is known (ip-neighbour(8))"""


def netns_exists(name: str, *, points: int = 1) -> Check:
    """A named network namespace is there."""

    def judge(seen: Snapshot) -> Outcome:
        room = need_netns(seen, name)
        if isinstance(room, Outcome):
            return room
        return passed(f"namespace {name} is there, with {listed(link.name for link in room.links)}")

    return Check(
        f"{name}-exists", f"there is a network namespace {name}", judge, points, facts=(Fact("netns", name),)
    )


def link_exists(name: str, netns: str = "", *, points: int = 1) -> Check:
    """An interface is there, in the bench's own or a named namespace."""

    def judge(seen: Snapshot) -> Outcome:
        link = need_link(seen, name, netns)
        if isinstance(link, Outcome):
            return link
        return passed(f"{name} is there{within(netns)}, a {link.kind or 'plain device'} with MAC {link.mac}")

    return Check(
        f"{prefix(netns)}{name}-exists",
        f"there is an interface {name}{within(netns)}",
        judge,
        points,
        facts=(Fact("link", name, netns=netns),),
    )


def link_up(name: str, netns: str = "", *, points: int = 1) -> Check:
    """An interface is set up, and so is what it is plugged into."""

    def judge(seen: Snapshot) -> Outcome:
        link = need_link(seen, name, netns)
        if isinstance(link, Outcome):
            return link
        if not link.up:
            return failed(
                f"{name} is down{within(netns)}",
                "A new interface starts down: somebody has to set it up (ip-link(8)).",
            )
        if link.carrier or link.kind == "bridge":  # a bridge without ports is up and has no carrier
            return passed(f"{name} is up{within(netns)}")
        return _no_carrier(link, netns)

    return Check(
        f"{prefix(netns)}{name}-up",
        f"{name} is up{within(netns)}",
        judge,
        points,
        facts=(Fact("up", name, netns=netns),),
    )


def link_mtu(name: str, mtu: int, netns: str = "", *, points: int = 1) -> Check:
    """An interface takes packets up to this many bytes (ip-link(8), mtu)."""

    def judge(seen: Snapshot) -> Outcome:
        link = need_link(seen, name, netns)
        if isinstance(link, Outcome):
            return link
        if link.mtu == mtu:
            return passed(f"{name} takes packets of up to {mtu} bytes{within(netns)}")
        return failed(
            f"{name} has an MTU of {link.mtu}{within(netns)}, not {mtu}",
            "Both ends of a way have to take packets of one size: `ip link set … mtu` changes it.",
        )

    says = f"{name} has an MTU of {mtu}{within(netns)}"
    return Check(
        f"{prefix(netns)}{name}-mtu", says, judge, points, facts=(Fact("mtu", name, str(mtu), netns),)
    )


def _no_carrier(link: Link, netns: str) -> Outcome:
    if link.kind == "veth":
        where = within(link.peer_netns or "")
        return failed(
            f"{link.name} is set up{within(netns)}, and its other end {link.peer or ''}{where} is down",
            "A pair is a cable: both ends have to be set up, each in its own namespace.",
        )
    if link.kind == "tun":
        return failed(
            f"{link.name} is set up, and nobody is plugged into it",
            "A tap lives by the QEMU that holds it: is its guest running?",
        )
    return failed(
        f"{link.name} is set up{within(netns)} and has no carrier", "Nothing is plugged in at its other end."
    )


def veth_pair(a: str, b: str, *, netns_b: str = "", points: int = 1) -> Check:
    """Two interfaces are the two ends of one cable, the second one in its namespace."""

    def judge(seen: Snapshot) -> Outcome:
        here = _need_veth(seen, a, "")
        if isinstance(here, Outcome):
            return here
        there = _need_veth(seen, b, netns_b)
        if isinstance(there, Outcome):
            return there
        return _joined(here, b, netns_b)

    says = f"{a} and {b}{within(netns_b)} are the two ends of one veth pair"
    return Check(f"{a}-{b}-pair", says, judge, points, facts=(Fact("veth", a, f"{b}@{netns_b}"),))


def _need_veth(seen: Snapshot, name: str, netns: str) -> Link | Outcome:
    link = need_link(seen, name, netns)
    if isinstance(link, Outcome) or link.kind == "veth":
        return link
    return failed(
        f"{name} is a {link.kind or 'plain device'}, no veth",
        f"A cable has two ends, made together as type veth: delete {name} and begin with the pair (veth(4)).",
    )


def _joined(here: Link, b: str, netns_b: str) -> Outcome:
    """Whether the other end of a veth is the right one."""
    if here.peer is None:
        return failed(
            f"the other end of {here.name} is in a namespace without a name",
            "That end is out of reach: delete this one (both go together), and make the pair anew.",
        )
    if here.peer != b or (here.peer_netns or "") != netns_b:
        return failed(
            f"the other end of {here.name} is {here.peer}{within(here.peer_netns or '')}, "
            f"not {b}{within(netns_b)}",
            f"{here.name} and {b} are ends of two different cables: `ip -d link` names each one's peer.",
        )
    return passed(f"{here.name} and {b}{within(netns_b)} are one veth pair")


def has_address(link: str, interface: str | IPv4Interface, *, netns: str = "", points: int = 1) -> Check:
    """An interface has this address with this prefix length, and no other interface there has it too."""
    wanted = IPv4Interface(interface)

    def judge(seen: Snapshot) -> Outcome:
        room, found = need_netns(seen, netns), need_link(seen, link, netns)
        if isinstance(room, Outcome):
            return room
        if isinstance(found, Outcome):
            return found
        holders = [
            other.name
            for other in room.links
            if other.name != link and wanted.ip in (held.ip for held in other.inet)
        ]
        if wanted in found.inet:
            if holders:
                return failed(
                    f"{link} and {listed(holders)} both have {wanted.ip}",
                    f"One address on two interfaces: take it from {holders[0]} (ip-address(8)).",
                )
            return passed(f"{link} has {wanted}{within(netns)}")
        return _other_address(found, wanted, holders)

    return Check(
        f"{prefix(netns)}{link}-address",
        f"{link} has the address {wanted}{within(netns)}",
        judge,
        points,
        facts=(Fact("address", link, str(wanted), netns),),
    )


def _other_address(link: Link, wanted: IPv4Interface, holders: list[str]) -> Outcome:
    held = listed((str(address) for address in link.inet), none="no address")
    for address in link.inet:
        if address.ip == wanted.ip:
            return failed(
                f"{link.name} has {address}, not {wanted}",
                f"The address is right, its prefix length is not: /{wanted.network.prefixlen} says how wide "
                "the network is.",
            )
    if holders:
        return failed(
            f"{wanted.ip} is on {holders[0]}, and {link.name} has {held}",
            f"The address sits on the wrong interface: delete it from {holders[0]}, add it to {link.name}.",
        )
    if not link.inet:
        return failed(
            f"{link.name} has no address",
            f"`ip address add` takes ADDRESS/LENGTH and the device, {link.name}.",
        )
    return failed(
        f"{link.name} has {held}, not {wanted}",
        "That is another address: compare it number by number, add the right one, delete the wrong one.",
    )


def sysctl_is(key: str, value: str | int, *, netns: str = "", points: int = 1) -> Check:
    """A kernel setting has this value in the kernel itself, whatever a file declares."""
    wanted = " ".join(str(value).split())

    def judge(seen: Snapshot) -> Outcome:
        room = need_netns(seen, netns)
        if isinstance(room, Outcome):
            return room
        now = _value(room, key)
        if now == wanted:
            return passed(f"{key} = {now}{within(netns)}")
        other = next((r for r in seen.namespaces if r.name != netns and _value(r, key) == wanted), None)
        if now is None:
            return blocked(
                f"{key} was not seen{within(netns)}",
                f"`sysctl {key}` says whether this kernel has it; some keys appear with their module.",
            )
        if other is not None and netns:
            return failed(
                f"{key} = {now}{within(netns)}, while it is {wanted} "
                f"{'in ' + other.name if other.name else 'on the bench'}",
                "Each namespace has its own setting: run sysctl inside the right one (ip-netns(8), exec).",
            )
        return failed(
            f"{key} = {now}{within(netns)}, not {wanted}",
            "`sysctl -w` changes it at once; a file alone changes nothing (sysctl(8)).",
        )

    short = key.rpartition(".")[2].replace("_", "-")
    return Check(
        f"{prefix(netns)}{short}-{wanted.replace(' ', '-')}",
        f"{key} is {wanted}{within(netns)}",
        judge,
        points,
        facts=(Fact("sysctl", key, wanted, netns),),
    )


def _value(room: Netns, key: str) -> str | None:
    raw = room.sysctls.get(key)
    return None if raw is None else " ".join(raw.split())


def route_to(
    destination: str | IPv4Network, via: str | IPv4Address | None, *, netns: str = "", points: int = 1
) -> Check:
    """Packets for a network go by this gateway (None: they are sent straight to their receiver)."""
    network = IPv4Network("0.0.0.0/0" if destination == "default" else destination)
    gateway = None if via is None else IPv4Address(via)
    road = f"via {gateway}" if gateway else "directly"

    def judge(seen: Snapshot) -> Outcome:
        room = need_netns(seen, netns)
        if isinstance(room, Outcome):
            return room
        lines = sorted((r for r in room.routes if r.destination == network), key=lambda route: route.metric)
        if not lines:
            wider = [r for r in room.routes if network.subnet_of(r.destination)]
            if wider:
                return failed(
                    f"{network} has no route of its own{within(netns)}, {wider[0].destination} covers it",
                    "A wider route takes these packets now: add the narrow one, "
                    "the longest prefix wins (ip-route(8)).",
                )
            return failed(
                f"there is no route to {network}{within(netns)}",
                f"`ip route add` takes {network} and how to go there.",
            )
        best = lines[0]
        if best.gateway != gateway:
            now = f"via {best.gateway}" if best.gateway else f"straight out of {best.link}"
            return failed(
                f"packets for {network} go {now}{within(netns)}, not {road}",
                "`ip route replace` changes where an old route leads.",
            )
        link = room.link(best.link or "")
        if link is None or not link.up:
            return failed(
                f"packets for {network} go out of {best.link}, which is not up",
                f"The route is right; set {best.link} up.",
            )
        return passed(f"packets for {network} go {road}, out of {best.link}{within(netns)}")

    name = "default" if network.prefixlen == 0 else str(network).replace("/", "-")
    return Check(
        f"{prefix(netns)}route-{name}",
        f"packets for {network} go {road}{within(netns)}",
        judge,
        points,
        facts=(Fact("route", str(network), str(gateway or ""), netns),),
    )


def neighbour_known(address: str | IPv4Address, *, netns: str = "", points: int = 1) -> Check:
    """A host has found out the hardware address of another one on the same wire (arp(7))."""
    wanted = str(IPv4Address(address))

    def judge(seen: Snapshot) -> Outcome:
        room = need_netns(seen, netns)
        if isinstance(room, Outcome):
            return room
        found = [line for line in room.neighbours if line.address == wanted]
        known = [line for line in found if line.mac and line.state.upper() in KNOWN]
        if known:
            return passed(
                f"{wanted} is at {known[0].mac} on {known[0].link}{within(netns)}, {known[0].state}"
            )
        if found:
            return failed(
                f"{wanted} was asked for on {found[0].link} and did not answer ({found[0].state})",
                "Nobody on that wire says 'that is me': is the other one up, and on this wire?",
            )
        return failed(
            f"nothing is known of {wanted}{within(netns)}",
            "Who never spoke is not known: ping it once, then look (ip-neighbour(8)).",
        )

    return Check(
        f"{prefix(netns)}knows-{wanted}",
        f"the hardware address of {wanted} is known{within(netns)}",
        judge,
        points,
        facts=(Fact("neighbour", wanted, netns=netns),),
    )
