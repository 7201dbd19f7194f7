"""What has to be so for a fact to be so: written by hand from what it says, not from any check's code."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kvmbench.model import Check, Fact, Snapshot
from kvmbench.mutate.mutant import Atom, of_probe

Stated = Callable[[Fact, Snapshot], Iterable[Atom]]

SPOKEN = ("source-nat", "dnat", "vnc", "dhcp", "banner", "dns", "host-key")
"""facts for which the words of the answer count, not only that one came"""


def link(name: str, netns: str = "", *parts: str) -> list[Atom]:
    here: Atom = ("link", netns, name)
    return [("netns", netns), here, (*here, "name"), *((*here, part) for part in parts)]


def addressed(name: str, netns: str = "", *which: str) -> list[Atom]:
    """An interface's address: `this` one, `some` one of its network, its `prefix`, and that `once`."""
    return [*link(name, netns), *(("link", netns, name, "inet", one) for one in which)]


def guest(name: str, *parts: str) -> list[Atom]:
    here: Atom = ("guest", name)
    return [here, (*here, "name"), *((*here, part) for part in parts)]


def inside(name: str, *parts: str) -> list[Atom]:
    """What only a running guest can say of itself."""
    told: Atom = ("guest", name, "inside")
    return [*guest(name, "status", "heard"), *((*told, part) for part in parts)]


def own_address(name: str) -> Atom:
    """The very address that a guest is to have, and not only some."""
    return ("guest", name, "inside", "address", "this")


def port(name: str, bridge: str) -> list[Atom]:
    return [*link(bridge, "", "kind", "up"), *link(name, "", "up", "carrier", "master", "state", "frames")]


def plugged(name: str, bridge: str, seen: Snapshot) -> list[Atom]:
    """A guest's card, and the port behind it."""
    found = seen.guest(name)
    taps = [nic.tap for nic in found.nics if nic.tap] if found else []
    behind = [a for tap in taps for a in port(tap, bridge) if a[2:] != (tap, "name")]
    return [*guest(name, "nic"), ("guest", name, "nic", "tap"), *behind]


def bridge_of(name: str, seen: Snapshot) -> str:
    """The bridge that a guest's first card is plugged into."""
    found = seen.guest(name)
    tap = seen.link(found.nics[0].tap or "") if found and found.nics else None
    return (tap.master if tap else None) or ""


def server(*parts: str) -> list[Atom]:
    return [("dhcp",), *(("dhcp", part) for part in parts)]


def _up(fact: Fact, seen: Snapshot) -> list[Atom]:
    found = seen.link(fact.subject, fact.netns)
    cable = () if found is not None and found.kind == "bridge" else ("carrier",)
    return link(fact.subject, fact.netns, "up", *cable)


def _veth(fact: Fact, seen: Snapshot) -> list[Atom]:
    other, _, where = fact.value.partition("@")
    return [*link(fact.subject, fact.netns, "kind", "peer"), *link(other, where, "kind")]


def _route(fact: Fact, seen: Snapshot) -> list[Atom]:
    room = seen.netns(fact.netns)
    lines = [line for line in (room.routes if room else ()) if str(line.destination) == fact.subject]
    ways = [atom for line in lines[:1] for atom in link(line.link or "", fact.netns, "up")]
    ways = [atom for atom in ways if atom[3:] != ("name",)]
    return [("netns", fact.netns), ("route", fact.netns, fact.subject), *ways]


def _fdb(fact: Fact, seen: Snapshot) -> list[Atom]:
    bridge, _, behind = fact.value.partition(" ")
    return [*link(bridge, "", "kind"), ("fdb", bridge, fact.subject), *link(behind, "")]


def _image(fact: Fact, seen: Snapshot) -> list[Atom]:
    here: Atom = ("image", fact.subject)
    parts = ["format", "size", "trouble", *(["preallocated"] if "preallocated" in fact.value else [])]
    over = fact.value.partition("over ")[2].partition(" ")[0]
    below: list[Atom] = [(*here, "backing"), ("image", over)] if over else []
    return [here, *((*here, part) for part in parts), *below]


def _dhcp(fact: Fact, seen: Snapshot) -> list[Atom]:
    return [*link(fact.subject, "", "kind", "up"), *server("where", "interface", "range", "router", "one")]


def _lease(fact: Fact, seen: Snapshot) -> list[Atom]:
    held: Atom = ("lease", fact.subject)
    by_mac: list[Atom] = [("guest", fact.subject, "nic"), ("guest", fact.subject, "nic", "mac")]
    return [
        *inside(fact.subject, "address", "gateway"),
        own_address(fact.subject),
        *by_mac,
        ("dhcp",),
        ("dhcp", "router"),
        held,
        (*held, "used"),
        (*held, "range"),
        (*held, "time"),
    ]


def _disk(fact: Fact, seen: Snapshot) -> list[Atom]:
    return guest(fact.subject, "drive") + [
        ("guest", fact.subject, "drive", part)
        for part in ("file", "interface", "media", *_after(fact.value, 2))
    ]


def _after(text: str, count: int) -> list[str]:
    return text.split()[count:]


def _nic(name: str, *parts: str) -> list[Atom]:
    return [("guest", name, "nic", part) for part in parts]


def _script(fact: Fact, seen: Snapshot) -> list[Atom]:
    here: Atom = ("file", fact.subject)
    return [here, *((*here, part) for part in ("kind", "text", "executable"))]


def _file_link(fact: Fact, seen: Snapshot) -> list[Atom]:
    here: Atom = ("file", fact.subject)
    return [here, *((*here, part) for part in ("kind", "target", "resolves"))]


def _engine(fact: Fact, seen: Snapshot) -> list[Atom]:
    file: list[Atom] = [("file", fact.subject), ("file", fact.subject, "resolves")] if fact.subject else []
    return [("host",), ("host", "engine"), *file]


_BY_KIND: dict[str, Stated] = {
    "netns": lambda f, _: [("netns", f.subject)],
    "link": lambda f, _: link(f.subject, f.netns),
    "up": _up,
    "mtu": lambda f, _: link(f.subject, f.netns, "mtu"),
    "master": lambda f, _: link(f.subject, f.netns, "master"),
    "veth": _veth,
    "address": lambda f, _: addressed(f.subject, f.netns, "some", "this", "prefix", "once"),
    "sysctl": lambda f, _: [("netns", f.netns), ("sysctl", f.netns, f.subject)],
    "route": _route,
    "neighbour": lambda f, _: [("netns", f.netns), ("neighbour", f.netns, f.subject)],
    "bridge": lambda f, _: link(f.subject, "", "kind"),
    "bridge-up": lambda f, _: link(f.subject, "", "kind", "up"),
    "port": lambda f, _: port(f.subject, f.value),
    "fdb": _fdb,
    "stp": lambda f, _: link(f.subject, "", "kind", "stp"),
    "guest": lambda f, _: guest(f.subject, "status"),
    "paused": lambda f, _: guest(f.subject, "status"),
    "hardware": lambda f, _: guest(f.subject, "memory", "vcpus"),
    "machine": lambda f, _: guest(f.subject, "machine"),
    "cpu": lambda f, _: guest(f.subject, "cpu"),
    "mac": lambda f, _: [*guest(f.subject, "nic"), *_nic(f.subject, "mac", "mac-once")],
    "nic-model": lambda f, _: [*guest(f.subject, "nic"), *_nic(f.subject, "model")],
    "disk": _disk,
    "plugged": lambda f, seen: plugged(f.subject, f.value, seen),
    "console": lambda f, _: guest(f.subject, "status", "console"),
    "vnc": lambda f, _: guest(f.subject, "vnc"),
    "guest-address": lambda f, _: [
        *inside(f.subject, "address", "prefix", "address-once"),
        own_address(f.subject),
    ],
    "guest-gateway": lambda f, _: inside(f.subject, "gateway"),
    "driver": lambda f, _: [*inside(f.subject, "driver"), ("guest", f.subject, "driver-name")],
    "file-link": _file_link,
    "script": _script,
    "image": _image,
    "engine": _engine,
    "ksm": lambda f, _: [("host",), ("host", "ksm"), ("host", "ksm", "run"), ("host", "ksm", "pages")],
    "dhcp": _dhcp,
    "lease": _lease,
    "dnat": lambda f, _: guest(f.subject, "status"),
    "source-nat": lambda f, _: [],
    "answer": lambda f, _: [],
    "silence": lambda f, _: [],
    "banner": lambda f, _: [],
    "dns": lambda f, _: [],
    "host-key": lambda f, _: guest(f.subject, "status"),
    "verdict": lambda f, _: [],
}


def unknown(check: Check) -> list[str]:
    """The kinds of fact that a check states and nothing here can break."""
    return [fact.kind for fact in check.facts if fact.kind not in _BY_KIND]


def atoms(fact: Fact, seen: Snapshot) -> frozenset[Atom]:
    """All that has to be so for one fact to be so on a bench."""
    stated = _BY_KIND.get(fact.kind)
    return frozenset(stated(fact, seen)) if stated else frozenset()


def stated(check: Check, seen: Snapshot) -> frozenset[Atom]:
    """All that has to be so for a check to pass, apart from what else will do instead."""
    asked = [of_probe(probe, part) for probe in check.probes for part in ("asked", "ok")]
    spoken = [of_probe(probe, "said") for probe in check.probes] * any(f.kind in SPOKEN for f in check.facts)
    return frozenset([*asked, *spoken, *(atom for fact in check.facts for atom in atoms(fact, seen))])


def alternatives(check: Check, seen: Snapshot) -> list[frozenset[Atom]]:
    """The states with which a check is content, as far as they are about this bench; usually one."""
    if not any(fact.instead for fact in check.facts):
        return [stated(check, seen)]
    others = [fact for fact in check.facts for fact in fact.instead]
    either = [frozenset(a for fact in facts for a in atoms(fact, seen)) for facts in (check.facts, others)]
    return [wanted for wanted in either if all(_is_there(atom, seen) for atom in wanted)]


def _is_there(atom: Atom, seen: Snapshot) -> bool:
    return seen.link(atom[2], atom[1]) is not None if atom[0] == "link" else True
