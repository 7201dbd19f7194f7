"""What an answer on the wire depends on: the road of each question, as a person would tell it."""

from __future__ import annotations

from dataclasses import replace

from kvmbench.model import Link, Netns, Probe, ProbeResult, Snapshot
from kvmbench.mutate.mutant import Atom, broken, of_probe
from kvmbench.mutate.stated import addressed, bridge_of, guest, inside, link, own_address, plugged, server

UPLINK = "ens33"
VNC = range(5900, 6000)
OUTSIDE_ADDRESS = "172.16.0.1"
_NOTHING_TO_A_PACKET = (("name",), ("frames",))


def road(probe: Probe, seen: Snapshot) -> frozenset[Atom]:
    """All that has to be so for this question to be answered.

    What interfaces are called is nothing to a packet, nor whether a look could be taken; and each is small.
    """
    return frozenset(
        atom for atom in _road(probe, seen) if atom[3:] not in _NOTHING_TO_A_PACKET and atom != ("netns", "")
    )


def _road(probe: Probe, seen: Snapshot) -> frozenset[Atom]:
    name = _name(probe.source, "guest")
    here = _place(probe.source, seen, with_address=probe.kind != "dhcp")
    if probe.kind == "dhcp":
        served = server("where", "interface", "range", "router", "room", "asked")
        return frozenset(
            [*here, *served, *addressed(bridge_of(name, seen), "", "some"), ("filter", "input", "udp")]
        )
    owner = _owner(probe.target, seen)
    if probe.source == "bench" and probe.target.startswith("127."):
        return frozenset(here + _screen(probe.port, seen))
    called = _name(owner, "guest") if owner != probe.target else ""
    there = _answering(called, seen) if called else _place(owner, seen)
    if name and owner == "outside":
        return frozenset([*here, *there, *_way_out(name, seen), ("rule", "snat")])
    if probe.source == "outside" and owner == "bench" and _led_to(probe, seen):
        led = _led_to(probe, seen)
        return frozenset([*here, *_answering(led, seen), *_way_out(led, seen), ("rule", "dnat")])
    return frozenset(
        [*here, *there, *_between(probe.source, owner, seen), *_called(probe, owner, seen), *_served(probe)]
    )


def _name(place: str, kind: str) -> str:
    return place.partition(":")[2] if place.startswith(f"{kind}:") else ""


def _owner(target: str, seen: Snapshot) -> str:
    """The place that a target means."""
    if ":" in target:
        return target
    for room in seen.namespaces:
        if any(target == str(held.ip) for one in room.links for held in one.inet):
            return f"netns:{room.name}" if room.name else "bench"
    for one in seen.guests:
        told = one.inside.addresses.values() if one.inside else ()
        if any(target == str(held.ip) for each in told for held in each):
            return f"guest:{one.name}"
    return "outside"


def _place(place: str, seen: Snapshot, *, with_address: bool = True) -> list[Atom]:
    """A host that is there, and can send and hear."""
    name = _name(place, "guest")
    if name:
        said = inside(name, "address", "driver") if with_address else inside(name, "driver")
        return [*said, *plugged(name, bridge_of(name, seen), seen)]
    if place.startswith("netns:"):
        where = _name(place, "netns")
        room = seen.netns(where)
        cables = [one for one in (room.links if room else ()) if one.kind == "veth"]
        return [("netns", where), *(atom for one in cables for atom in _cable(one, where))]
    return (
        [*link(UPLINK, "", "up", "carrier"), *addressed(UPLINK, "", "some", "this")]
        if place == "outside"
        else []
    )


def _answering(name: str, seen: Snapshot) -> list[Atom]:
    """A guest that is called by its address: what it is named and says of itself is nothing to that."""
    here: Atom = ("guest", name)
    unheard = ((*here, "name"), (*here, "heard"))
    return [*(atom for atom in _place(f"guest:{name}", seen) if atom not in unheard), own_address(name)]


def _cable(one: Link, netns: str) -> list[Atom]:
    ends = [(one.name, netns), *([(one.peer, one.peer_netns or "")] if one.peer else [])]
    up = [atom for name, where in ends for atom in link(name, where, "up", "carrier", "peer", "kind")]
    return up + [atom for name, where in ends for atom in addressed(name, where, "some")]


def _way_out(name: str, seen: Snapshot) -> list[Atom]:
    """From a guest through the bench to the other side of its uplink."""
    gateway: Atom = ("guest", name, "inside", "gateway")
    bridge = addressed(bridge_of(name, seen), "", "some", "this")
    forwarding: list[Atom] = [("sysctl", "", "net.ipv4.ip_forward"), ("filter", "forward")]
    ways: list[Atom] = [("way", address) for address in (OUTSIDE_ADDRESS, *_address_of(name, seen))]
    return [gateway, *bridge, *forwarding, *_place("outside", seen), *ways]


def _address_of(name: str, seen: Snapshot) -> list[str]:
    """A guest's own address, if it says one."""
    found = seen.guest(name)
    told = found.inside.addresses.items() if found and found.inside else ()
    return [str(held.ip) for link, each in told if link != "lo" for held in each][:1]


def _led_to(probe: Probe, seen: Snapshot) -> str:
    """The guest to whose address a rule leads a port of the bench."""
    room = seen.netns("")
    rules = [
        rule for rule in (room.rules if room else ()) if rule.action == "dnat" and rule.port == probe.port
    ]
    address = (rules[0].to or "").partition(":")[0] if rules else ""
    return _name(_owner(address, seen), "guest")


def _screen(port: int, seen: Snapshot) -> list[Atom]:
    """The guest whose screen is served at a port of the bench."""
    if port not in VNC:
        return []
    shown = [one for one in seen.guests if (one.vnc or "").endswith((f":{port}", f":{port - VNC.start}"))]
    return [atom for one in shown for atom in guest(one.name, "vnc")]


def _served(probe: Probe) -> list[Atom]:
    """Who answers for names."""
    return [("dhcp",), ("dhcp", "where")] if probe.kind == "dns" else []


def _called(probe: Probe, owner: str, seen: Snapshot) -> list[Atom]:
    """The interface whose very address is called; a host reaches its own wherever it is."""
    which = "local" if probe.source == owner else "this"
    return [
        atom
        for room in seen.namespaces
        for one in room.links
        if probe.target in [str(held.ip) for held in one.inet]
        for atom in addressed(one.name, room.name, which)
    ]


def _between(source: str, target: str, seen: Snapshot) -> list[Atom]:
    """What lies between two neighbours, beside themselves."""
    names = [name for name in (_name(source, "guest"), _name(target, "guest")) if name]
    if len(names) == 1:
        ways: list[Atom] = [("way", address) for address in _address_of(names[0], seen)]
        return [*addressed(bridge_of(names[0], seen), "", "some"), *ways]
    return [("filter", "forward")] if names else []


def forgotten(seen: Snapshot, solved: Snapshot) -> tuple[Snapshot, frozenset[Atom]]:
    """A bench that has forgotten its neighbours on links that went down, or lost an address (arp(7))."""
    lost: set[Atom] = set()
    rooms: list[Netns] = []
    for room in seen.namespaces:
        before = solved.netns(room.name)
        kept = [
            one for one in room.neighbours if not before or _still(room.link(one.link), before.link(one.link))
        ]
        lost |= {("neighbour", room.name, one.address) for one in room.neighbours if one not in kept}
        rooms.append(replace(room, neighbours=tuple(kept)))
    return replace(seen, namespaces=tuple(rooms)), frozenset(lost)


def _still(now: Link | None, before: Link | None) -> bool:
    """Whether a link is as much of a way to its neighbours as it was."""
    if now is None or before is None:
        return before is None
    return now.up >= before.up and now.carrier >= before.carrier and set(before.inet) <= set(now.inet)


def silenced(seen: Snapshot, solved: Snapshot, breaks: frozenset[Atom]) -> tuple[Snapshot, frozenset[Atom]]:
    """A bench on which whatever cannot be answered any more is not, as a look would tell it."""
    results: list[ProbeResult] = []
    lost: set[Atom] = set()
    for result in seen.probes:
        probe = result.probe
        lame = [atom for atom in road(probe, solved) if broken(atom, breaks)]
        touched = any(one[: len(of_probe(probe))] == of_probe(probe) for one in breaks)
        if not lame or touched or not result.ok:
            results.append(_unasked(result, seen, lame) if lame and result.ok is False else result)
            continue
        lost.add(of_probe(probe, "ok"))
        closed = probe.kind == "dns" and any(atom[0] == "dhcp" for atom in lame)
        why = "Connection refused" if closed else "no answer in time"
        results.append(_unasked(replace(result, ok=False, said="", why=why), seen, lame))
    return replace(seen, probes=tuple(results)), frozenset(lost)


def _unasked(result: ProbeResult, seen: Snapshot, lame: list[Atom]) -> ProbeResult:
    """Nobody can be asked who is not there, and an address is not known that only a silent guest knows."""
    for place in (result.probe.source, result.probe.target):
        name = _name(place, "guest")
        found = seen.guest(name)
        if name and (found is None or found.inside is None):
            ok = False if found is None and place == result.probe.target else None
            return replace(result, ok=ok, why=f"guest {name} does not answer")
    netns = _name(result.probe.source, "netns")
    if netns and seen.netns(netns) is None:
        return replace(result, ok=None, why=f"there is no namespace {netns}")
    return result
