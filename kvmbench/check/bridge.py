"""Bridges, their ports, and what they learned."""

from __future__ import annotations

from kvmbench.check.outcomes import failed, passed
from kvmbench.check.seeing import listed, need_link, need_netns, within
from kvmbench.model import Check, Fact, Link, Outcome, Snapshot

WAITING = ("listening", "learning")


def need_bridge(seen: Snapshot, name: str) -> Link | Outcome:
    """A bridge of the bench's own namespace."""
    link = need_link(seen, name)
    if isinstance(link, Outcome):
        if link.verdict == "failed" and all(room.link(name) is None for room in seen.namespaces):
            bridges = [
                one.name
                for room in seen.namespaces
                if not room.name
                for one in room.links
                if one.kind == "bridge"
            ]
            return failed(
                f"there is no bridge {name}; bridges: {listed(bridges)}",
                f"A bridge is a link of type bridge: create {name} (ip-link(8), or brctl(8)).",
            )
        return link
    if link.kind != "bridge":
        return failed(
            f"{name} is a {link.kind or 'plain device'}, no bridge",
            f"The name is taken by something else: delete {name}, then make it as a bridge.",
        )
    return link


def need_bridge_up(seen: Snapshot, name: str) -> Link | Outcome:
    """A bridge of the bench's own namespace that is set up."""
    link = need_bridge(seen, name)
    if isinstance(link, Outcome) or link.up:
        return link
    return failed(f"the bridge {name} is down", f"A bridge that is down passes nothing on: set {name} up.")


def bridge_exists(name: str, *, points: int = 1) -> Check:
    """There is a bridge of this name."""

    def judge(seen: Snapshot) -> Outcome:
        link = need_bridge(seen, name)
        if isinstance(link, Outcome):
            return link
        ports = listed(one.name for one in _bench_links(seen) if one.master == name)
        return passed(f"{name} is a bridge; ports: {ports}")

    return Check(f"{name}-exists", f"there is a bridge {name}", judge, points, facts=(Fact("bridge", name),))


def bridge_up(name: str, *, points: int = 1) -> Check:
    """A bridge is set up."""

    def judge(seen: Snapshot) -> Outcome:
        link = need_bridge_up(seen, name)
        return link if isinstance(link, Outcome) else passed(f"the bridge {name} is up")

    return Check(f"{name}-up", f"the bridge {name} is up", judge, points, facts=(Fact("bridge-up", name),))


def port_of(bridge: str, port: str, *, points: int = 1) -> Check:
    """An interface is a port of a bridge that passes packets on."""

    def judge(seen: Snapshot) -> Outcome:
        up = need_bridge_up(seen, bridge)
        if isinstance(up, Outcome):
            return up
        link = need_link(seen, port)
        if isinstance(link, Outcome):
            return link
        return port_trouble(seen, link, bridge) or passed(f"{port} is a forwarding port of {bridge}")

    return Check(
        f"{port}-on-{bridge}",
        f"{port} is a forwarding port of {bridge}",
        judge,
        points,
        facts=(Fact("port", port, bridge),),
    )


def port_trouble(seen: Snapshot, link: Link, bridge: str) -> Outcome | None:
    """Why an interface of the bench is no forwarding port of a bridge; None when it is one."""
    if link.master is None:
        return failed(
            f"{link.name} belongs to no bridge",
            f"A port joins by getting a master: {bridge} is to be the master of {link.name}.",
        )
    if link.master != bridge:
        return failed(
            f"{link.name} is on {link.master}",
            f"It has one master at a time: move {link.name} over to {bridge}.",
        )
    if not link.up:
        return failed(
            f"{link.name} is on {bridge} but down",
            f"Joining does not bring it up: set {link.name} up as well.",
        )
    if not link.carrier:
        return failed(f"{link.name} is on {bridge} and has no carrier", _unplugged(link))
    largest = max(one.mtu for one in _bench_links(seen) if one.master == bridge)
    if link.mtu < largest:
        return failed(
            f"{link.name} is on {bridge} and passes packets of {link.mtu} bytes at most, others {largest}",
            "Small ones arrive, and a bridge drops in silence what is too large for a port: "
            f"give all ports of {bridge} the same MTU (ip-link(8)).",
        )
    return _state_trouble(link, bridge)


def _unplugged(link: Link) -> str:
    if link.kind == "veth":
        nameless = "in a namespace that has no name"
        where = nameless if link.peer_netns is None else within(link.peer_netns).strip()
        there = f", which is {where}," if where else ""
        return f"The other end of the cable is down: set {link.peer or 'it'}{there} up too."
    return "Nobody holds its other end: a tap has a carrier while its QEMU runs."


def _state_trouble(link: Link, bridge: str) -> Outcome | None:
    state = link.port.state if link.port else "forwarding"
    if state == "forwarding":
        return None
    saw = f"{link.name} is on {bridge}, and its state is {state}"
    if state in WAITING:
        return failed(
            saw,
            "The spanning tree lets a new port listen first: wait twice the forward delay, "
            "or switch STP off (bridge(8)).",
        )
    if state == "blocking":
        return failed(
            saw, "The spanning tree found a loop: two ports lead to the same place, one of them has to go."
        )
    return failed(
        saw, "A port is disabled while its bridge or its own link is down: `bridge link` shows its state."
    )


def fdb_knows(bridge: str, mac: str, port: str, *, points: int = 1) -> Check:
    """A bridge has learned behind which port an address lives (bridge(8), fdb)."""
    wanted = mac.lower()

    def judge(seen: Snapshot) -> Outcome:
        found, room = need_bridge(seen, bridge), need_netns(seen, "")
        if isinstance(found, Outcome):
            return found
        if isinstance(room, Outcome):
            return room
        lines = [line for line in room.fdb if line.bridge == bridge and line.mac.lower() == wanted]
        if any(line.port == port and not line.own for line in lines):
            return passed(f"{bridge} has learned that {wanted} is behind {port}")
        if any(line.own for line in lines):
            return failed(
                f"{wanted} is an address of {lines[0].port} itself",
                "That is the port's own address: look for the one behind it, the guest's.",
            )
        if lines:
            return failed(
                f"{bridge} has learned {wanted} behind {lines[0].port}, not {port}",
                "It was last heard on another port: who else uses this MAC address?",
            )
        behind = need_link(seen, port)
        if isinstance(behind, Outcome):
            return behind
        return failed(
            f"{bridge} has not learned {wanted}",
            "A bridge learns from what it hears: let that address send something, then look again.",
        )

    return Check(
        f"{bridge}-learned-{port}",
        f"{bridge} has learned {wanted} behind {port}",
        judge,
        points,
        facts=(Fact("fdb", wanted, f"{bridge} {port}"),),
    )


def stp_state(bridge: str, *, on: bool, points: int = 1) -> Check:
    """A bridge takes part in the spanning tree protocol, or does not."""
    wanted = "on" if on else "off"

    def judge(seen: Snapshot) -> Outcome:
        link = need_bridge(seen, bridge)
        if isinstance(link, Outcome):
            return link
        if link.bridge is None:
            return failed(
                f"{bridge} says nothing of its spanning tree", "`ip -d link` shows stp_state of a bridge."
            )
        if link.bridge.stp == on:
            return passed(f"STP is {wanted} on {bridge}, forward delay {link.bridge.forward_delay_s:g} s")
        return failed(
            f"STP is {'off' if on else 'on'} on {bridge}",
            f"stp_state is an option of the bridge, not of a port: switch it {wanted} (ip-link(8)).",
        )

    return Check(
        f"{bridge}-stp-{wanted}",
        f"STP is {wanted} on {bridge}",
        judge,
        points,
        facts=(Fact("stp", bridge, wanted),),
    )


def _bench_links(seen: Snapshot) -> tuple[Link, ...]:
    room = seen.netns("")
    return room.links if room else ()
