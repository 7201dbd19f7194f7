"""Ways to break links, addresses, routes, namespaces and what bridges know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Interface, IPv4Network

from kvmbench.model import BridgePort, BridgeState, Link, Netns, Route, Snapshot
from kvmbench.mutate import changes
from kvmbench.mutate.mutant import Atom, Mutant

OTHER_BRIDGE = "br-ext"
STRANGE_MAC = "52:54:00:99:99:99"


def link_mutants(seen: Snapshot, wanted: frozenset[Atom]) -> Iterator[Mutant]:
    """Each interface that a fact is about; nobody can delete `lo`."""
    for netns, name in sorted({(atom[1], atom[2]) for atom in wanted if atom[0] == "link"}):
        found = seen.link(name, netns)
        if found is None:
            continue
        if name != "lo":
            yield from _gone(seen, found, netns)
        parts = {atom[3] for atom in wanted if atom[:3] == ("link", netns, name) and len(atom) > 3}
        for part in sorted(parts):
            if part in _PARTS:
                yield from _PARTS[part](seen, found, netns)
        if "inet" in parts:
            yield from _inet(seen, found, netns, wanted)


def _where(link: Link, netns: str) -> str:
    return f"{link.name} in {netns}" if netns else link.name


def _atom(link: Link, netns: str, *parts: str) -> Atom:
    return ("link", netns, link.name, *parts)


def room_of(seen: Snapshot, netns: str) -> Netns:
    found = seen.netns(netns)
    assert found is not None
    return found


def _ports(seen: Snapshot, bridge: str, **changed: object) -> Snapshot:
    for link in room_of(seen, "").links:
        if link.master == bridge:
            seen = changes.change_link(seen, link.name, "", **changed)
    return seen


def remove(seen: Snapshot, link: Link, netns: str) -> tuple[Snapshot, frozenset[Atom]]:
    """What `ip link delete` leaves: a cable's other end goes too, a bridge's ports are free."""
    lost = {_atom(link, netns), *_routes_of(seen, link, netns)}
    seen = changes.without_link(seen, link.name, netns)
    if link.kind == "veth" and link.peer and seen.link(link.peer, link.peer_netns or ""):
        seen = changes.without_link(seen, link.peer, link.peer_netns or "")
        lost.add(("link", link.peer_netns or "", link.peer))
        lost |= _routes_of(seen, replace(link, name=link.peer), link.peer_netns or "")
    room = room_of(seen, netns)
    fdb = tuple(line for line in room.fdb if link.name not in (line.bridge, line.port))
    seen = changes.change_netns(seen, netns, fdb=fdb)
    if link.kind == "bridge":
        lost |= {_atom(one, "", "master") for one in room.links if one.master == link.name}
        seen = _ports(seen, link.name, master=None, port=None)
    for guest in seen.guests:
        nics = tuple(replace(nic, tap=None) if nic.tap == link.name else nic for nic in guest.nics)
        if nics != guest.nics:
            seen = changes.change_guest(seen, guest.name, nics=nics)
    return seen, frozenset(lost)


def _routes_of(seen: Snapshot, link: Link, netns: str) -> set[Atom]:
    """The kernel takes routes away with the interface that they lead out of."""
    room = seen.netns(netns)
    return {
        ("route", netns, str(r.destination)) for r in (room.routes if room else ()) if r.link == link.name
    }


def _gone(seen: Snapshot, link: Link, netns: str) -> Iterator[Mutant]:
    without, lost = remove(seen, link, netns)
    words = (
        f"Create {link.name} first",
        "A bridge is a link of type bridge",
        "Its tap is gone from under it",
        *UNROUTED,
    )
    others = (f"Create {link.peer} first",) if link.kind == "veth" else ()
    yield Mutant("removed", _where(link, netns), without, lost, (*words, *others))
    if link.name in ("lo", "ens33"):
        return
    new = link.name[:-1] + "x"
    renamed = changes.change_link(seen, link.name, netns, name=new)
    routes = tuple(replace(r, link=new) if r.link == link.name else r for r in room_of(seen, netns).routes)
    renamed = changes.change_netns(renamed, netns, routes=routes)
    renamed = _ports(renamed, link.name, master=new) if link.kind == "bridge" else renamed
    if link.kind == "veth" and link.peer:
        renamed = changes.change_link(renamed, link.peer, link.peer_netns or "", peer=new)
    if link.kind != "tun":
        yield Mutant("renamed", _where(link, netns), renamed, frozenset({_atom(link, netns, "name")}), words)
    if link.kind in ("bridge", "veth"):
        other = changes.change_link(
            seen, link.name, netns, kind="dummy", bridge=None, peer=None, peer_netns=None
        )
        lost = frozenset({_atom(link, netns, "kind"), _atom(link, netns, "peer"), _atom(link, netns, "stp")})
        taken = (
            "The name is taken by something else",
            "A cable has two ends, made together",
            "The address sits on another wire",
        )
        yield Mutant("of another kind", _where(link, netns), other, lost, taken)
    if link.kind == "veth":
        yield from _moved(seen, link, netns)


UNROUTED = (
    "`ip route add` takes",
    "A wider route takes",
    "The switch itself is missing",
    "has to have",
    "to the interface that is to answer",
    "Who has no address cannot be answered",
    "is that address right, or is a route missing",
    "`ip route` lists the known networks",
)


def _moved(seen: Snapshot, link: Link, netns: str) -> Iterator[Mutant]:
    """A cable's end put into another namespace: it loses its addresses, and is down there."""
    there = next((room.name for room in seen.namespaces if room.name != netns), None)
    if there is None or not link.peer:
        return
    arrived = replace(link, inet=(), inet6=(), up=False, carrier=False, master=None, port=None)
    moved = changes.with_link(changes.without_link(seen, link.name, netns), arrived, there)
    moved = changes.change_link(moved, link.peer, link.peer_netns or "", peer_netns=there, carrier=False)
    lost = {_atom(link, netns), ("link", link.peer_netns or "", link.peer, "carrier")}
    words = (
        "An interface is in one namespace at a time",
        "both ends have to be set up",
        "look at its other end",
        f"set {link.name}, which is in namespace {there}," if there else f"set {link.name} up too",
        "Who has no address cannot be answered",
    )
    made = frozenset({("link", there, link.name)})
    yield Mutant("in another namespace", _where(link, netns), moved, frozenset(lost), words, makes=made)


def _down(seen: Snapshot, link: Link, netns: str) -> Iterator[Mutant]:
    down = changes.down(seen, link.name, netns)
    lost = {_atom(link, netns, "up"), _atom(link, netns, "carrier")}
    lost |= _routes_of(seen, link, netns)
    if link.kind == "veth" and link.peer:
        lost.add(("link", link.peer_netns or "", link.peer, "carrier"))
    if link.kind == "bridge":
        down = _ports(down, link.name, port=BridgePort("disabled"))
    if link.port:
        down = changes.change_link(down, link.name, netns, port=BridgePort("disabled"))
    words = (
        "A bridge that is down passes nothing",
        "A new interface starts down",
        "Joining does not bring it up",
        "oth ends have to be set up",
        f"Set {link.name} up",
        f"set {link.name} up",
        "`ip route add` takes",
        "A wider route takes",
        f"is plugged into is down: look at its other end, {link.name}",
    )
    yield Mutant("down", _where(link, netns), down, frozenset(lost), words)


def _no_carrier(seen: Snapshot, link: Link, netns: str) -> Iterator[Mutant]:
    if link.kind != "tun":
        return
    dead = changes.change_link(seen, link.name, netns, carrier=False, port=BridgePort("disabled"))
    words = ("a tap has a carrier while its QEMU runs", "A tap lives by the QEMU")
    yield Mutant("no carrier", _where(link, netns), dead, frozenset({_atom(link, netns, "carrier")}), words)


def _master(seen: Snapshot, link: Link, netns: str) -> Iterator[Mutant]:
    if link.master is None:
        return
    lost, bridge = frozenset({_atom(link, netns, "master")}), link.master
    free = changes.change_link(seen, link.name, netns, master=None, port=None)
    words = (
        "A port joins by getting a master",
        "is what gives the tap its master",
        f"{link.name} needs a master",
    )
    yield Mutant("no master", _where(link, netns), free, lost, words)
    other = Link(
        OTHER_BRIDGE, 77, "bridge", STRANGE_MAC, up=True, carrier=True, bridge=BridgeState(False, 300, 15)
    )
    moved = changes.change_link(changes.with_link(seen, other, netns), link.name, netns, master=OTHER_BRIDGE)
    words = (f"move {link.name} over to {bridge}", "not joined", f"{OTHER_BRIDGE}")
    yield Mutant("other master", _where(link, netns), moved, lost, words)


def _state(seen: Snapshot, link: Link, netns: str) -> Iterator[Mutant]:
    lost = frozenset({_atom(link, netns, "state")})
    waiting, loop = "The spanning tree lets a new port listen first", "The spanning tree found a loop"
    for state, word in (("listening", waiting), ("learning", waiting), ("blocking", loop)):
        port = BridgePort(state, link.port.cost if link.port else 100)
        yield Mutant(
            state, _where(link, netns), changes.change_link(seen, link.name, netns, port=port), lost, (word,)
        )


def _peer(seen: Snapshot, link: Link, netns: str) -> Iterator[Mutant]:
    if not link.peer:
        return
    lost = frozenset({_atom(link, netns, "peer"), ("link", link.peer_netns or "", link.peer, "peer")})
    crossed = changes.change_link(seen, link.name, netns, peer="vethx.2", peer_netns="")
    crossed = changes.change_link(crossed, link.peer, link.peer_netns or "", peer="vethx.1", peer_netns="")
    for name, peer, where in (("vethx.2", link.name, netns), ("vethx.1", link.peer, link.peer_netns)):
        end = Link(name, 78, "veth", STRANGE_MAC, up=True, carrier=True, peer=peer, peer_netns=where)
        crossed = changes.with_link(crossed, end)
    words = ("are ends of two different cables", "Two wires that are not joined")
    yield Mutant("of another cable", _where(link, netns), crossed, lost, words)
    hidden = changes.change_link(seen, link.name, netns, peer=None, peer_netns=None)
    hidden = changes.without_link(hidden, link.peer, link.peer_netns or "")
    lost = frozenset({_atom(link, netns, "peer"), ("link", link.peer_netns or "", link.peer)})
    unseen = ("out of reach", f"Create {link.peer} first", *UNROUTED)
    yield Mutant("other end in a namespace without a name", _where(link, netns), hidden, lost, unseen)


def _inet(seen: Snapshot, link: Link, netns: str, wanted: frozenset[Atom]) -> Iterator[Mutant]:
    """Addresses: none, another one, too wide, twice, or elsewhere."""
    if not link.inet:
        return
    held, kept, room = link.inet[0], link.inet[1:], room_of(seen, netns)
    routes = frozenset(_routes_of(seen, link, netns))
    bare = changes.change_link(changes.without_routes(seen, link.name, netns), link.name, netns, inet=kept)
    here = ("inet",)
    missed = (
        "`ip address add` takes",
        "A gateway is somebody",
        f"Give {held.ip} to the interface",
        f"has to have {held.ip}",
        *UNROUTED,
    )
    alone = (
        "dnsmasq serves a network only when",
        "Who has no address cannot be answered",
        "`ip route` lists the known networks",
        "is that address right, or is a route missing",
        "no way back",
    )
    lost = frozenset({_atom(link, netns, *here)})
    yield Mutant("no address", _where(link, netns), bare, lost | routes, (*missed, *alone))
    if _atom(link, netns, "inet", "once") not in wanted:
        return
    near = IPv4Interface((held.ip + (1 if int(held.ip) % 256 < 200 else -1), held.network.prefixlen))
    other = changes.change_link(seen, link.name, netns, inet=(near, *kept))
    lines = tuple(replace(r, source=near.ip) if r.source == held.ip else r for r in room.routes)
    other = changes.change_netns(other, netns, routes=lines)
    lost = frozenset({_atom(link, netns, "inet", part) for part in ("this", "local")})
    yield Mutant("other address", _where(link, netns), other, lost, ("compare it number by number", *missed))
    wide = IPv4Interface((held.ip, 8 if held.network.prefixlen != 8 else 16))
    wider = changes.change_link(seen, link.name, netns, inet=(wide, *kept))
    near_by = replace_network(room, link.name, held.network, wide.network)
    wider = changes.change_netns(wider, netns, routes=near_by)
    masks = f"mask={held.netmask}", f"mask={wide.netmask}"  # dnsmasq takes it from the interface
    if link.kind == "bridge":
        wider = replace(wider, probes=tuple(replace(p, said=p.said.replace(*masks)) for p in wider.probes))
    lost = frozenset({_atom(link, netns, "inet", "prefix"), ("route", netns, str(held.network))})
    yield Mutant("wrong prefix", _where(link, netns), wider, lost, ("its prefix length is not", *UNROUTED))
    twins = [one for one in room.links if one.master == link.name][:1]
    twins += [one for one in room.links if one.name not in (link.name, "lo") and one.master is None][:1]
    for twin in twins:
        both = changes.change_link(seen, twin.name, netns, inet=(*twin.inet, held))
        lost = frozenset({_atom(link, netns, "inet", "once")})
        yield Mutant(
            "also on " + twin.name, _where(link, netns), both, lost, ("One address on two interfaces",)
        )
        wrong = changes.change_link(both, link.name, netns, inet=kept)
        lines = tuple(replace(r, link=twin.name) if r.link == link.name else r for r in room.routes)
        wrong = changes.change_netns(wrong, netns, routes=lines)
        lost = frozenset({_atom(link, netns, "inet", part) for part in ("this", "some", "once", "prefix")})
        words = (
            "The address sits on",
            "the address belongs on",
            "dnsmasq serves a network only when",
            "Two wires that are not joined",
        )
        yield Mutant("on " + twin.name, _where(link, netns), wrong, lost, words)


def replace_network(room: Netns, link: str, old: IPv4Network, new: IPv4Network) -> tuple[Route, ...]:
    """The routes of a room, where the one that the kernel made of an address is of another width."""
    return tuple(
        replace(line, destination=new) if (line.link, line.destination) == (link, old) else line
        for line in room.routes
    )


def _stp(seen: Snapshot, link: Link, netns: str) -> Iterator[Mutant]:
    lost = frozenset({_atom(link, netns, "stp")})
    if link.bridge is None:
        return
    turned = changes.change_link(seen, link.name, netns, bridge=replace(link.bridge, stp=not link.bridge.stp))
    yield Mutant("STP switched", link.name, turned, lost, ("stp_state is an option of the bridge",))


def _mtu(seen: Snapshot, link: Link, netns: str) -> Iterator[Mutant]:
    small = changes.change_link(seen, link.name, netns, mtu=1400)
    words = ("packets of one size",)
    yield Mutant("other MTU", _where(link, netns), small, frozenset({_atom(link, netns, "mtu")}), words)


def _frames(seen: Snapshot, link: Link, netns: str) -> Iterator[Mutant]:
    """One port takes smaller packets than the others; the bridge goes along with the smallest."""
    others = [
        one for one in room_of(seen, netns).links if one.master == link.master and one.name != link.name
    ]
    if link.master is None or not others:
        return
    small = changes.change_link(seen, link.name, netns, mtu=1000)
    small = changes.change_link(small, link.master, netns, mtu=1000)
    words = ("a bridge drops in silence what is too large for a port",)
    lost = frozenset({_atom(link, netns, "frames")})
    yield Mutant("small packets only", _where(link, netns), small, lost, words)


_PARTS = {
    "frames": _frames,
    "up": _down,
    "carrier": _no_carrier,
    "master": _master,
    "state": _state,
    "peer": _peer,
    "stp": _stp,
    "mtu": _mtu,
}
