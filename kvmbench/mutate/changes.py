"""A bench with one thing changed: how mistakes are made by hand."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface
from typing import Any

from kvmbench.model import DhcpServer, Link, Probe, ProbeResult, Rule, Snapshot


def change_netns(seen: Snapshot, name: str, /, **changes: Any) -> Snapshot:
    rooms = tuple(replace(room, **changes) if room.name == name else room for room in seen.namespaces)
    return replace(seen, namespaces=rooms)


def change_link(seen: Snapshot, name: str, netns: str = "", /, **changes: Any) -> Snapshot:
    room = seen.netns(netns)
    links = room.links if room else ()
    changed = tuple(replace(link, **changes) if link.name == name else link for link in links)
    return change_netns(seen, netns, links=changed)


def with_link(seen: Snapshot, link: Link, netns: str = "") -> Snapshot:
    room = seen.netns(netns)
    return change_netns(seen, netns, links=(*(room.links if room else ()), link))


def without_link(seen: Snapshot, name: str, netns: str = "") -> Snapshot:
    """An interface is gone, and so are its routes."""
    room = seen.netns(netns)
    links = tuple(link for link in (room.links if room else ()) if link.name != name)
    return change_netns(without_routes(seen, name, netns), netns, links=links)


def without_routes(seen: Snapshot, link: str, netns: str = "") -> Snapshot:
    room = seen.netns(netns)
    return change_netns(seen, netns, routes=tuple(r for r in (room.routes if room else ()) if r.link != link))


def without_netns(seen: Snapshot, name: str) -> Snapshot:
    return replace(seen, namespaces=tuple(room for room in seen.namespaces if room.name != name))


def down(seen: Snapshot, name: str, netns: str = "") -> Snapshot:
    """An interface is set down: its routes go, and on a cable the other end loses its carrier."""
    link = seen.link(name, netns)
    seen = change_link(without_routes(seen, name, netns), name, netns, up=False, carrier=False)
    if link and link.peer is not None:
        seen = change_link(seen, link.peer, link.peer_netns or "", carrier=False)
    return seen


def rules(seen: Snapshot, *held: Rule, **policies: str) -> Snapshot:
    """Other rules on the bench; a policy is given as FORWARD="drop"."""
    kept = {f"ip filter {chain}": policy for chain, policy in policies.items()}
    return change_netns(seen, "", rules=held, policies=kept)


def sysctl(seen: Snapshot, key: str, value: str, netns: str = "") -> Snapshot:
    room = seen.netns(netns)
    return change_netns(seen, netns, sysctls={**(room.sysctls if room else {}), key: value})


def change_guest(seen: Snapshot, name: str, /, **changes: Any) -> Snapshot:
    guests = tuple(replace(one, **changes) if one.name == name else one for one in seen.guests)
    return replace(seen, guests=guests)


def change_inside(seen: Snapshot, name: str, /, **changes: Any) -> Snapshot:
    found = seen.guest(name)
    inside = found.inside if found else None
    return change_guest(seen, name, inside=replace(inside, **changes) if inside else None)


def addressed(seen: Snapshot, name: str, *addresses: str) -> Snapshot:
    """A guest has these addresses and no others."""
    return change_inside(
        seen, name, addresses={"eth0": tuple(IPv4Interface(address) for address in addresses)}
    )


def change_nic(seen: Snapshot, name: str, /, **changes: Any) -> Snapshot:
    found = seen.guest(name)
    return change_guest(
        seen, name, nics=tuple(replace(nic, **changes) for nic in (found.nics if found else ()))
    )


def change_drive(seen: Snapshot, name: str, /, **changes: Any) -> Snapshot:
    found = seen.guest(name)
    return change_guest(
        seen, name, drives=tuple(replace(one, **changes) for one in (found.drives if found else ()))
    )


def without_guest(seen: Snapshot, name: str) -> Snapshot:
    """A guest is not running: its tap is gone too, and it can ask nothing."""
    found = seen.guest(name)
    for nic in found.nics if found else ():
        seen = without_link(seen, nic.tap or "")
    probes = tuple(
        result for result in seen.probes if f"guest:{name}" not in (result.probe.source, result.probe.target)
    )
    return replace(seen, guests=tuple(one for one in seen.guests if one.name != name), probes=probes)


def booting(seen: Snapshot, name: str) -> Snapshot:
    """A guest runs, its agent is silent, and so nothing could be asked from it."""
    for result in seen.probes:
        if f"guest:{name}" in (result.probe.source, result.probe.target):
            seen = answer(seen, result.probe, None, why="its agent does not answer")
    return change_guest(seen, name, inside=None)


def answer(seen: Snapshot, probe: Probe, ok: bool | None, said: str = "", why: str = "") -> Snapshot:
    """Another answer to a question."""
    others = tuple(result for result in seen.probes if result.probe != probe)
    return replace(seen, probes=(*others, ProbeResult(probe, ok=ok, said=said, why=why)))


def unanswered(seen: Snapshot, probe: Probe, why: str = "no answer") -> Snapshot:
    return answer(seen, probe, ok=False, why=why)


def unasked(seen: Snapshot, probe: Probe) -> Snapshot:
    return replace(seen, probes=tuple(result for result in seen.probes if result.probe != probe))


def change_image(seen: Snapshot, path: str, /, **changes: Any) -> Snapshot:
    images = tuple(replace(image, **changes) if image.path == path else image for image in seen.images)
    return replace(seen, images=images)


def change_file(seen: Snapshot, path: str, /, **changes: Any) -> Snapshot:
    return replace(seen, files=tuple(replace(f, **changes) if f.path == path else f for f in seen.files))


def serving(seen: Snapshot, *servers: DhcpServer) -> Snapshot:
    return replace(seen, dhcp_servers=servers)
