"""How a packet goes from one host to the owner of an address, by everybody's routes, and where it gets stuck.

For hints only, after the wire has said no.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import NamedTuple

from kvmbench.check.guests import plug_trouble
from kvmbench.check.seeing import OUTSIDE_PLACE, Stuck, addresses_of, guest_named, ipv4
from kvmbench.check.stacks import Stack, owner_of
from kvmbench.model import Guest, Link, Route, Snapshot

HOPS = 5
"""more than the course's longest way has"""


class Reach(NamedTuple):
    """A walk that arrived: whose the address is, and through which hosts and links it went."""

    owner: Stack
    routers: tuple[tuple[Stack, str, str], ...]
    """each with the interface that packets come in by and the one they leave by"""
    came_in: str = ""
    """by which the owner gets them; none where it sent them itself"""


def target_address(seen: Snapshot, target: str) -> IPv4Address | None:
    """The address that a probe's target means."""
    name = guest_named(target)
    if name is None:
        return ipv4(target)
    guest = seen.guest(name)
    held = addresses_of(guest.inside) if guest and guest.inside else ()
    return held[0][1].ip if held else None


def walk(seen: Snapshot, sender: Stack, address: IPv4Address) -> Stuck | Reach:
    """Follow the routes from a host to the owner of an address."""
    here, came_in = sender, ""
    routers: list[tuple[Stack, str, str]] = []
    for _ in range(HOPS):
        if here.owns(address):
            return Reach(here, tuple(routers), came_in)
        route = _leave(here, address)
        if isinstance(route, Stuck):
            return route
        hop = route.gateway or address
        there = owner_of(seen, hop)
        trouble = _out(seen, here, route, there) or _nobody(seen, here, route, hop, there)
        if trouble or there is None:
            return trouble or Stuck("nobody is there", "Look at who has which address.")
        if here is not sender:
            routers.append((here, came_in, route.link or ""))
        came_in = there.owns(hop) or ""
        trouble = _in(seen, there, came_in)
        trouble = trouble or _two_wires(seen, here, route, there, came_in)
        trouble = trouble or _fixed_neighbour(here, route, hop, there, came_in)
        if trouble:
            return trouble
        if hop != address and not there.owns(address) and not _forwards(there):
            return Stuck(
                f"{there.says} got it and does not pass it on (net.ipv4.ip_forward = 0)",
                "A host passes on what is not for it only when told so: switch forwarding on, "
                f"on {there.says} (sysctl(8)).",
            )
        if there.place == OUTSIDE_PLACE and not there.owns(address):
            return Stuck(
                f"{here.says} sends it outside, by its route for {route.destination}",
                f"No network of {here.says} holds {address}, so the default route takes it:"
                " is that address right, or is a route missing?",
            )
        here = there
    return Stuck(
        "the routes lead round in a circle", "Two hosts send it to each other: read both routing tables."
    )


def _forwards(host: Stack) -> bool:
    return host.netns is None or host.netns.sysctls.get("net.ipv4.ip_forward", "1").strip() != "0"


def _leave(here: Stack, address: IPv4Address) -> Route | Stuck:
    """The route by which a host sends a packet."""
    bare = no_card(here.guest) if here.guest and not here.addresses else None
    if bare is not None:
        return bare
    if not here.addresses:
        return Stuck(
            f"{here.says} has no address of its own",
            f"Who has no address cannot be answered: give {here.says} one.",
        )
    direct = next((link for link, held in here.addresses if address in held.network), None)
    link = here.netns.link(direct) if here.netns and direct else None
    if link is not None and not link.up:  # its routes went with it, and a wider one may take the packet
        return _is_down(here, link)
    route = here.towards(address)
    if route is not None and route.link is None and route.gateway is None:
        return Stuck(
            f"{here.says} throws it away: its route for {route.destination} leads nowhere",
            "blackhole, unreachable and prohibit are routes too: `ip route` lists it, and `ip route del` "
            "takes it away (ip-route(8)).",
        )
    if route is not None:
        return route
    if here.guest is not None:
        return Stuck(
            f"{here.says} has no gateway, and {address} is not in its network",
            f"Inside {here.guest.name}, a default route has to name the bench's address on the bridge "
            "(ip-route(8)).",
        )
    return Stuck(
        f"{here.says} has no route to {address}",
        f"On {here.says}, `ip route` lists the known networks: {address} is in none.",
    )


def no_card(guest: Guest) -> Stuck | None:
    """Why a guest can have no address at all; None when it has a card."""
    if not guest.nics:
        return Stuck(
            f"{guest.name} has no network card",
            f"A card is an option of its own, -net nic or -nic: start {guest.name} with one.",
        )
    if guest.inside and not guest.inside.drivers:
        return Stuck(
            f"{guest.name} sees no network card",
            f"No card, or one that its kernel has no driver for: look at -net nic of {guest.name}.",
        )
    return None


def _is_down(host: Stack, link: Link) -> Stuck:
    return Stuck(
        f"{link.name} is down on {host.says}",
        f"Set {link.name} up on {host.says}: a down link sends and hears nothing.",
    )


def _link_trouble(host: Stack, link: Link) -> Stuck | None:
    if not link.up:
        return _is_down(host, link)
    if not link.carrier and link.kind != "bridge":
        return Stuck(
            f"{link.name} on {host.says} has no carrier",
            f"What {link.name} is plugged into is down: look at its other end, {link.peer or 'its peer'}.",
        )
    return None


def _out(seen: Snapshot, here: Stack, route: Route, there: Stack | None) -> Stuck | None:
    """What stops a packet between the sender's interface and the next host."""
    trouble = _in(seen, here, route.link or "")
    return trouble or (_in(seen, there, "") if there and there.guest else None)


def _in(seen: Snapshot, host: Stack, name: str) -> Stuck | None:
    """What is wrong with a host's own interface."""
    if host.guest is not None:
        return _guest_cable(seen, host.guest)
    link = host.netns.link(name) if host.netns else None
    if link is None or host.netns is None:
        return None
    trouble = _link_trouble(host, link)
    if trouble or link.master is None:
        return trouble
    master = host.netns.link(link.master)
    if master is not None and not master.up:
        return Stuck(
            f"{link.name} is on {master.name}, which is down",
            f"A bridge that is down passes nothing: set {master.name} up.",
        )
    return Stuck(
        f"{host.says} has its address on {link.name}, which is a port of {link.master}",
        f"A port hands everything over to its bridge: the address belongs on {link.master} itself.",
    )


def _guest_cable(seen: Snapshot, guest: Guest) -> Stuck | None:
    """Why a guest's card leads nowhere."""
    taps = [tap for nic in guest.nics if nic.tap and (tap := seen.link(nic.tap))]
    if not taps and guest.nics and any(word.split(",")[0] == "tap" for word in guest.argv):
        return Stuck(
            f"the tap of {guest.name} is not on the bench any more",
            "Its tap is gone from under it: start the guest again, it makes a new one.",
        )
    if not taps:
        return Stuck(
            f"{guest.name} has no tap on the bench",
            f"A card without a tap is a socket without a cable: start {guest.name} with -net tap.",
        )
    plugged = [tap for tap in taps if tap.master]
    room = seen.netns("")
    if not plugged and room and not any(link.kind == "bridge" for link in room.links):
        return Stuck(
            f"{taps[0].name} of {guest.name} belongs to no bridge, and there is none on the bench",
            "The switch itself is missing: make the bridge, then plug the tap in.",
        )
    if not plugged:
        return Stuck(
            f"{taps[0].name} of {guest.name} belongs to no bridge",
            f"Between guest and bridge the cable is missing: {taps[0].name} needs a master.",
        )
    trouble = plug_trouble(seen, guest, plugged[0].master or "")
    return Stuck(trouble.saw, trouble.hint) if trouble else None


def wire_of(seen: Snapshot, host: Stack, name: str) -> frozenset[tuple[str, str]] | None:
    """The wire that an interface is on: a bridge, or the two ends of a cable; None when that is not known."""
    if host.guest is not None:
        taps = (seen.link(nic.tap) for nic in host.guest.nics if nic.tap)
        bridge = next((tap.master for tap in taps if tap and tap.master), None)
        return frozenset({("", bridge)}) if bridge else None
    room = host.netns
    link = room.link(name) if room else None
    if room is None or link is None:
        return None
    if link.kind == "bridge":
        return frozenset({(room.name, link.name)})
    if link.master:
        return frozenset({(room.name, link.master)})
    if link.kind != "veth" or link.peer is None:
        return None
    far = link.peer_netns if link.peer_netns is not None else room.name
    peer = seen.link(link.peer, far)
    return frozenset(
        {(far, peer.master)} if peer and peer.master else {(room.name, link.name), (far, link.peer)}
    )


def _two_wires(seen: Snapshot, here: Stack, route: Route, there: Stack, came_in: str) -> Stuck | None:
    """Sender and receiver are plugged into two different wires."""
    mine, theirs = wire_of(seen, here, route.link or ""), wire_of(seen, there, came_in)
    if mine is not None and theirs is None and there.netns and came_in not in ("", "lo"):
        ours = " and ".join(sorted(name for _, name in mine))
        return Stuck(
            f"{here.says} is on {ours}, and {there.says} has that address on {came_in}",
            f"The address sits on another wire: move it to where {here.says} is plugged in.",
        )
    if mine is None or theirs is None or mine == theirs:
        return None
    ours, others = (" and ".join(sorted(name for _, name in wire)) for wire in (mine, theirs))
    return Stuck(
        f"{here.says} is on {ours}, {there.says} on {others}",
        "Two wires that are not joined: plug both into the same bridge, or route between them.",
    )


def _fixed_neighbour(here: Stack, route: Route, hop: IPv4Address, there: Stack, came_in: str) -> Stuck | None:
    """The next hop's MAC address was written down by hand, and is another one."""
    written = here.netns.neighbours if here.netns else ()
    fixed = next(
        (
            each.mac
            for each in written
            if (each.address, each.link, each.state) == (str(hop), route.link, "PERMANENT")
        ),
        None,
    )
    real = _macs(there, came_in)
    if fixed is None or fixed in real or not real:  # nobody knows the outside host's
        return None
    return Stuck(
        f"{here.says} sends it to {fixed}, and that is not the MAC address of {there.says}",
        f"A neighbour was written down, so that who has that address is not asked any more: `ip neigh` lists "
        f"{hop} as PERMANENT; delete it (ip-neighbour(8)).",
    )


def _macs(host: Stack, link: str) -> tuple[str, ...]:
    if host.guest is not None:
        return tuple(nic.mac for nic in host.guest.nics)
    card = host.netns.link(link) if host.netns else None
    return (card.mac,) if card else ()


def _nobody(seen: Snapshot, here: Stack, route: Route, hop: IPv4Address, there: Stack | None) -> Stuck | None:
    """Nobody has the address of the next hop."""
    if there is not None:
        return None
    if route.gateway is not None:
        return Stuck(
            f"{here.says} sends it to the gateway {hop}, and nobody has that address",
            f"A gateway is somebody: {hop} has to be an address of the host that passes packets on.",
        )
    silent = [guest.name for guest in seen.guests if guest.inside is None and guest.nics]
    if silent:
        return Stuck(
            f"nobody has the address {hop} (no word from {', '.join(silent)})",
            f"{silent[0]} says nothing, and may be the one: is it running, and booted?",
        )
    return Stuck(
        f"nobody has the address {hop}",
        f"Give {hop} to the interface that is to answer, and set that up.",
    )
