"""Ways to break namespaces, routes, neighbours, forwarding tables and kernel settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from kvmbench.model import FdbEntry, Link, Neighbour, Netns, Route, Snapshot
from kvmbench.mutate import changes
from kvmbench.mutate.break_links import STRANGE_MAC, UNROUTED, remove, room_of
from kvmbench.mutate.mutant import Atom, Mutant


def room_mutants(seen: Snapshot, wanted: frozenset[Atom]) -> Iterator[Mutant]:
    """Each namespace, and what is in it beside its links."""
    for netns in sorted({atom[1] for atom in wanted if atom[0] == "netns"}):
        if not netns:
            unseen = changes.without_netns(seen, "")
            lost = frozenset(atom[:2] for atom in wanted if atom[:2] in (("netns", ""), ("link", "")))
            yield Mutant(
                "not looked at", "the bench's own network", unseen, lost, (), "blocked", silences=False
            )
            continue
        gone = changes.without_netns(seen, netns)
        lost = frozenset({("netns", netns), ("link", netns)})
        for link in room_of(seen, "").links:
            if link.peer_netns == netns and link.kind == "veth":  # the kernel ends it with its other end
                gone, more = remove(gone, link, "")
                lost |= more
        words = ("The namespace comes first", "An interface is in one namespace", "Create ", *UNROUTED)
        yield Mutant("removed", f"namespace {netns}", gone, lost, words)
        other = replace(
            seen, namespaces=tuple(_renamed(room, netns, netns + "x") for room in seen.namespaces)
        )
        lost = frozenset({("netns", netns), ("link", netns)})
        yield Mutant("renamed", f"namespace {netns}", other, lost, ("The namespace comes first", *words))
    for atom in sorted(atom for atom in wanted if atom[0] in _LINES):
        yield from _LINES[atom[0]](seen, atom)


def _renamed(room: Netns, old: str, new: str) -> Netns:
    links = tuple(replace(one, peer_netns=new) if one.peer_netns == old else one for one in room.links)
    return replace(room, name=new if room.name == old else room.name, links=links)


def _routes(seen: Snapshot, atom: Atom) -> Iterator[Mutant]:
    netns, network = atom[1], IPv4Network(atom[2])
    room = room_of(seen, netns)
    line = next((one for one in room.routes if one.destination == network), None)
    if line is None:
        return
    others = tuple(one for one in room.routes if one.destination != network)
    where, lost = f"route to {network}{' in ' + netns if netns else ''}", frozenset({atom})
    words = (
        "`ip route add` takes",
        "A wider route takes these packets now",
        "`ip route` lists",
        "no way back",
    )
    yield Mutant("removed", where, changes.change_netns(seen, netns, routes=others), lost, words)
    gateway = IPv4Address("10.9.9.9") if line.gateway is None else line.gateway + 1
    wrong = changes.change_netns(seen, netns, routes=(*others, replace(line, gateway=gateway)))
    yield Mutant("by another gateway", where, wrong, lost, ("`ip route replace` changes",))
    if line.gateway is not None:
        straight = changes.change_netns(seen, netns, routes=(*others, replace(line, gateway=None)))
        yield Mutant("without a gateway", where, straight, lost, ("`ip route replace` changes",))


def _neighbours(seen: Snapshot, atom: Atom) -> Iterator[Mutant]:
    room, lost = room_of(seen, atom[1]), frozenset({atom})
    others = tuple(one for one in room.neighbours if one.address != atom[2])
    found = next((one for one in room.neighbours if one.address == atom[2]), None)
    unknown = changes.change_netns(seen, atom[1], neighbours=others)
    yield Mutant("never heard of", f"neighbour {atom[2]}", unknown, lost, ("Who never spoke is not known",))
    for state in ("FAILED", "INCOMPLETE"):
        line = Neighbour(atom[2], found.link if found else "", None, state)
        silent = changes.change_netns(seen, atom[1], neighbours=(*others, line))
        yield Mutant(state.lower(), f"neighbour {atom[2]}", silent, lost, ("Nobody on that wire says",))


def _forwarding(seen: Snapshot, atom: Atom) -> Iterator[Mutant]:
    _, bridge, mac = atom
    room, lost = room_of(seen, ""), frozenset({atom})
    others = tuple(line for line in room.fdb if (line.bridge, line.mac) != (bridge, mac))
    target = f"{mac} on {bridge}"
    forgotten = changes.change_netns(seen, "", fdb=others)
    yield Mutant("never learned", target, forgotten, lost, ("A bridge learns from what it hears",))
    for operator, port, own, word in (
        ("behind another port", "tap99", False, "It was last heard on another port"),
        ("a port's own address", "tap99", True, "That is the port's own address"),
    ):
        line = FdbEntry(bridge, port, mac, own)
        yield Mutant(operator, target, changes.change_netns(seen, "", fdb=(*others, line)), lost, (word,))


def _sysctls(seen: Snapshot, atom: Atom) -> Iterator[Mutant]:
    _, netns, key = atom
    now = room_of(seen, netns).sysctls.get(key, "1")
    flipped = changes.sysctl(seen, key, "0" if now.strip() != "0" else "1", netns)
    words = ("`sysctl -w` changes it at once", "Each namespace has its own setting", "switch forwarding on")
    yield Mutant("switched", f"{key}{' in ' + netns if netns else ''}", flipped, frozenset({atom}), words)


def way_mutants(seen: Snapshot, wanted: frozenset[Atom]) -> Iterator[Mutant]:
    """The bench's way to each address that it sends something to."""
    room = room_of(seen, "")
    for atom in sorted(atom for atom in wanted if atom[0] == "way"):
        address, lost = IPv4Address(atom[1]), frozenset({atom})
        nowhere = Route(IPv4Network(address), None, None)
        hole = changes.change_netns(seen, "", routes=(*room.routes, nowhere))
        words = ("blackhole, unreachable and prohibit are routes too",)
        yield Mutant("thrown away", f"what is for {address}", hole, lost, words)
        macs = [one.mac for one in room.neighbours if one.address == atom[1]]
        guest = next((one for one in seen.guests if macs and macs[0] in [nic.mac for nic in one.nics]), None)
        if guest is None:
            continue
        others = tuple(one for one in room.neighbours if one.address != atom[1])
        line = Neighbour(atom[1], "br-int", STRANGE_MAC, "PERMANENT")
        fixed = changes.change_netns(seen, "", neighbours=(*others, line))
        words = ("who has that address is not asked any more",)
        yield Mutant("written down by hand, and wrong", f"neighbour {address}", fixed, lost, words)
        if seen.netns("router1"):
            words = ("Strict reverse-path filtering drops such packets",)
            yield Mutant("strict, and another way back", str(address), _strict(seen, address), lost, words)


def _strict(seen: Snapshot, address: IPv4Address) -> Snapshot:
    """The bench sends what is for a guest round by router1, which is plugged into the bridge too."""
    near = Link("leg.1", 91, "veth", STRANGE_MAC, up=True, carrier=True, master="br-int", peer="leg.2")
    held = (IPv4Interface("10.1.1.252/24"),)
    far = replace(near, name="leg.2", master=None, peer="leg.1", peer_netns="", inet=held)
    seen = changes.with_link(changes.with_link(seen, replace(near, peer_netns="router1")), far, "router1")
    seen = changes.sysctl(seen, "net.ipv4.ip_forward", "1", "router1")
    routes = (*room_of(seen, "router1").routes, Route(held[0].network, None, "leg.2", held[0].ip))
    seen = changes.change_netns(seen, "router1", routes=routes)
    round_by = Route(IPv4Network(address), IPv4Address("10.2.2.2"), "vethm.1")
    seen = changes.change_netns(seen, "", routes=(*room_of(seen, "").routes, round_by))
    return changes.sysctl(seen, "net.ipv4.conf.br-int.rp_filter", "1")


_LINES = {"route": _routes, "neighbour": _neighbours, "fdb": _forwarding, "sysctl": _sysctls}
