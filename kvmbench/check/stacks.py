"""Hosts as the wire knows them: the bench, its namespaces, its guests, and the host outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from kvmbench.check.seeing import BENCH_PLACE, OUTSIDE_PLACE, addresses_of, place_says
from kvmbench.model import Guest, Netns, Route, Snapshot

OUTSIDE = IPv4Interface("172.16.0.1/16")
"""the host behind ens33; it knows no network but its own"""
UPLINK = "ens33"
ANYWHERE = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True)
class Stack:
    """One host with a network stack of its own."""

    place: str
    addresses: tuple[tuple[str, IPv4Interface], ...]
    routes: tuple[Route, ...]
    netns: Netns | None = None
    guest: Guest | None = None

    @property
    def says(self) -> str:
        return place_says(self.place)

    def owns(self, address: IPv4Address) -> str | None:
        """The interface that has this address, if one has."""
        return next((link for link, held in self.addresses if held.ip == address), None)

    def towards(self, address: IPv4Address) -> Route | None:
        """The route that a packet for this address takes: the longest prefix, then the lowest metric."""
        fitting = [route for route in self.routes if address in route.destination]
        return max(fitting, key=lambda route: (route.destination.prefixlen, -route.metric), default=None)

    def speaks_as(self, address: IPv4Address) -> IPv4Address | None:
        """The address that this host gives as its own to a receiver."""
        route = self.towards(address)
        if route is None:
            return None
        if route.source is not None:
            return route.source
        near = [held for link, held in self.addresses if link == route.link]
        hop = route.gateway or address
        return next((held.ip for held in near if hop in held.network), near[0].ip if near else None)


def stack(seen: Snapshot, place: str) -> Stack | None:
    """The host at a place of a probe; None when it is not there, or says nothing of itself."""
    kind, _, name = place.partition(":")
    if place == OUTSIDE_PLACE:
        return Stack(place, (("eth0", OUTSIDE),), (Route(OUTSIDE.network, None, "eth0"),))
    if place == BENCH_PLACE or kind == "netns":
        room = seen.netns(name)
        return _of_netns(place, room) if room else None
    guest = seen.guest(name) if kind == "guest" else None
    return _of_guest(place, guest) if guest and guest.inside else None


def _of_netns(place: str, room: Netns) -> Stack:
    held = tuple(
        (link.name, address) for link in room.links for address in link.inet if not address.ip.is_loopback
    )
    return Stack(place, held, room.routes, netns=room)


def _of_guest(place: str, guest: Guest) -> Stack:
    inside = guest.inside
    held = addresses_of(inside) if inside else ()
    routes = [Route(address.network, None, link, address.ip) for link, address in held]
    if inside and inside.gateway is not None:
        near = next((link for link, address in held if inside.gateway in address.network), None)
        if near:  # a kernel takes no gateway that it cannot reach
            routes.append(Route(ANYWHERE, inside.gateway, near))
    return Stack(place, held, tuple(routes), guest=guest)


def stacks(seen: Snapshot) -> Iterator[Stack]:
    """Every host that there is."""
    places = [f"netns:{room.name}" if room.name else BENCH_PLACE for room in seen.namespaces]
    for place in (*places, *(f"guest:{guest.name}" for guest in seen.guests), OUTSIDE_PLACE):
        host = stack(seen, place)
        if host is not None:
            yield host


def owner_of(seen: Snapshot, address: IPv4Address) -> Stack | None:
    """The host that has an address."""
    return next((host for host in stacks(seen) if host.owns(address)), None)
