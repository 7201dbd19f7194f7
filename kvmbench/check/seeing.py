"""What every check needs first: the thing itself, or the Outcome that says why it is not there."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Interface
from typing import NamedTuple

from kvmbench.check.outcomes import blocked, failed
from kvmbench.model import Guest, Image, Inside, Link, Netns, Outcome, Probe, ProbeResult, Snapshot

BENCH_PLACE = "bench"
OUTSIDE_PLACE = "outside"
UNSETTLED = ("inmigrate", "unknown")
"""states in which QEMU has not said yet what becomes of the guest"""
_MOST_LISTED = 6


class Stuck(NamedTuple):
    """What stops a packet, and what to try."""

    saw: str
    hint: str


def within(netns: str) -> str:
    """How a sentence goes on: nothing for the bench's own namespace."""
    return f" in namespace {netns}" if netns else ""


def prefix(netns: str) -> str:
    """How a check's name begins when it looks into a named namespace."""
    return f"{netns}-" if netns else ""


def listed(words: Iterable[str], none: str = "none") -> str:
    """The words in order; of many only the first: a row of a table is read at a glance."""
    found = sorted(words)
    more = f" and {len(found) - _MOST_LISTED} more" if len(found) > _MOST_LISTED else ""
    return ", ".join(found[:_MOST_LISTED]) + more or none


def place_says(place: str) -> str:
    """A place of a probe in words."""
    kind, _, name = place.partition(":")
    if kind == "netns" and name:
        return f"namespace {name}"
    if kind == "guest" and name:
        return f"guest {name}"
    return {BENCH_PLACE: "the bench", OUTSIDE_PLACE: "the outside host"}.get(place, place)


def place_short(place: str) -> str:
    """A place of a probe as a part of a check's name."""
    return place.partition(":")[2] or place


def guest_named(place: str) -> str | None:
    """The guest that a place or target means, if it means one."""
    kind, _, name = place.partition(":")
    return name if kind == "guest" and name else None


def untaken(seen: Snapshot, *words: str) -> Outcome | None:
    """Blocked, when the look itself says that it could not see one of these things."""
    for trouble in seen.troubles:
        if any(word and word in trouble for word in words):
            return blocked(
                f"this could not be looked at: {trouble}",
                "Mend what the look complains of, then check again.",
            )
    return None


def need_netns(seen: Snapshot, netns: str) -> Netns | Outcome:
    """A network namespace."""
    room = seen.netns(netns)
    if room is not None:
        return room
    if not netns:
        return blocked(
            "the bench's own network was not looked at", "Start the bench again, then check again."
        )
    return untaken(seen, f"namespace {netns}:") or failed(
        f"there is no network namespace {netns}; there are: "
        f"{listed(n.name for n in seen.namespaces if n.name)}",
        f"The namespace comes first: `ip netns add` gives it the name {netns} (ip-netns(8)).",
    )


def elsewhere(seen: Snapshot, name: str, netns: str) -> Netns | None:
    """Another namespace that has an interface of this name."""
    return next((room for room in seen.namespaces if room.name != netns and room.link(name)), None)


def need_link(seen: Snapshot, name: str, netns: str = "") -> Link | Outcome:
    """An interface, where it should be."""
    room = need_netns(seen, netns)
    if isinstance(room, Outcome):
        return room
    link = room.link(name)
    if link is not None:
        return link
    other = elsewhere(seen, name, netns)
    if other is not None:
        where = f"namespace {other.name}" if other.name else "the bench itself"
        return failed(
            f"there is no interface {name}{within(netns)}; one is in {where}",
            "An interface is in one namespace at a time: `ip link set … netns` moves it (ip-link(8)).",
        )
    return failed(
        f"there is no interface {name}{within(netns)}",
        f"Create {name} first; `ip -br link`{within(netns)} shows which ones there are.",
    )


def is_sibling(name: str, other: str) -> bool:
    """Whether two names differ in their number only, as c1 and c2 do: then neither is a slip of the pen.

    >>> is_sibling("c1", "c2"), is_sibling("c1", "c0"), is_sibling("c1", "c01"), is_sibling("c1", "centos")
    (True, True, False, False)
    """
    stem, stem_other = name.rstrip("0123456789"), other.rstrip("0123456789")
    number = other[len(stem_other) :]
    return name != other and stem == stem_other and number != "" and number == str(int(number))


def need_guest(seen: Snapshot, name: str) -> Guest | Outcome:
    """A QEMU process, whatever its state."""
    guest = seen.guest(name)
    if guest is not None:
        return guest
    strange = [other.name or "(no name)" for other in seen.guests if not is_sibling(name, other.name)]
    if strange:
        return failed(
            f"no guest is named {name}; running: {listed(g.name or '(no name)' for g in seen.guests)}",
            f"A guest is known by its -name: stop {strange[0]} and start it again as {name} (qemu(1)).",
        )
    running = f"; running: {listed(g.name for g in seen.guests)}" if seen.guests else ""
    return untaken(seen, "guests:", f"guest {name}:", "processes:", "process ") or failed(
        f"guest {name} is not running{running}",
        f"Start {name} with qemu-kvm; if it ended by itself, start it without -daemonize to read why.",
    )


def unread_rules(seen: Snapshot) -> Stuck | None:
    """What to say of the packet filter when there is no rule because none could be read."""
    room = seen.netns("")
    trouble = next((one for one in seen.troubles if "packet filter rules" in one), None)
    if trouble is None or room is None or room.rules:
        return None
    return Stuck(
        trouble, "What the packet filter does could not be read: `nft list ruleset` may tell you more."
    )


def need_running(seen: Snapshot, name: str) -> Guest | Outcome:
    """A guest whose virtual processors run."""
    guest = need_guest(seen, name)
    if isinstance(guest, Outcome) or guest.status == "running":
        return guest
    return unsettled(guest) or failed(*halted(guest))


def unsettled(guest: Guest) -> Outcome | None:
    """Why nobody can tell whether a guest runs; None when QEMU says it."""
    if guest.status == "unknown" and guest.qmp is None:
        return failed(
            f"{guest.name} runs (pid {guest.pid}) without a socket for QMP, so nobody can ask how it is",
            "It was started around the bench's own launcher: start it with qemu-kvm (or with a -qmp).",
        )
    if guest.status in UNSETTLED:
        return blocked(
            f"{guest.name} is there (pid {guest.pid}), and QEMU says of it: {guest.status}",
            "Wait until QEMU answers, then check again.",
        )
    return None


def halted(guest: Guest) -> tuple[str, str]:
    """What a guest that does not run says, and the hint for it (QMP, RunState)."""
    if guest.status == "io-error":
        return (
            f"{guest.name} stopped on a disk error",
            "Its disk could not be written: `df -h /vms` tells more.",
        )
    if guest.status in ("guest-panicked", "internal-error"):
        return (
            f"{guest.name} has crashed ({guest.status})",
            "Its console shows the last words; kill the process and start it again.",
        )
    if guest.status == "prelaunch":
        return (
            f"{guest.name} was never let go (prelaunch)",
            "-S holds the processors back from the start: leave it away, or type `c` in the monitor.",
        )
    if guest.status in ("shutdown", "postmigrate"):
        return (
            f"{guest.name} is switched off ({guest.status})",
            "Its process remains: end it, and start it again.",
        )
    return (
        f"{guest.name} does not run, it is {guest.status}",
        "Somebody stopped its processors: the monitor's `cont` lets them run again.",
    )


def need_inside(seen: Snapshot, name: str) -> Inside | Outcome:
    """What a running guest says of itself."""
    guest = need_running(seen, name)
    if isinstance(guest, Outcome):
        return guest
    if guest.inside is not None:
        return guest.inside
    return silent(name)


def silent(name: str) -> Outcome:
    return blocked(
        f"{name} runs, and its agent does not answer yet",
        f"It may still be booting: watch the console of {name}, then check again.",
    )


def need_image(seen: Snapshot, path: str) -> Image | Outcome:
    """A disk image that qemu-img can read."""
    image = seen.image(path)
    if image is None:
        return untaken(seen, "images:", path) or failed(
            f"there is no image {path}",
            f"Create it: `qemu-img create` takes a format, {path} and a size (qemu-img(1)).",
        )
    return image


def answer(seen: Snapshot, probe: Probe) -> ProbeResult | Outcome:
    """What came back on the wire, or the Outcome that says why nobody could be asked."""
    result = seen.probe(probe)
    if result is not None and result.ok:
        return result
    asked = result is not None and result.ok is not None
    for place in (probe.source, probe.target):
        missing = _missing(seen, place, asked=asked)
        if missing is not None:
            return missing
    question = f"{probe.kind} from {place_says(probe.source)}" + (
        f" to {place_short(probe.target)}" * bool(probe.target)
    )
    if result is None:
        return blocked(
            f"nobody asked: {question}", "Check again: the look has to ask this check's own probes."
        )
    if result.ok is None:
        why = f": {result.why}" if result.why else ""
        return blocked(f"{question} could not be asked{why}", _mend(probe.source))
    return result


def _mend(source: str) -> str:
    if source == OUTSIDE_PLACE:
        return "The outside host is not yours to mend: `kvmbench bench reset` starts it again."
    return "Check again; if it stays so, `kvmbench look` says what is wrong with the look itself."


def _missing(seen: Snapshot, place: str, *, asked: bool) -> Outcome | None:
    """Why a place cannot ask or be asked: it is not there."""
    kind, _, name = place.partition(":")
    if kind == "netns":
        room = need_netns(seen, name)
        return room if isinstance(room, Outcome) else None
    if kind == "guest":
        thing = need_running(seen, name) if asked else need_inside(seen, name)
        return thing if isinstance(thing, Outcome) else None
    return None


def addresses_of(inside: Inside) -> tuple[tuple[str, IPv4Interface], ...]:
    """A guest's addresses with their interfaces, without the loopback's."""
    return tuple(
        (link, address)
        for link, addresses in inside.addresses.items()
        for address in addresses
        if not address.ip.is_loopback
    )


def ipv4(text: str | None) -> IPv4Address | None:
    """The address that a text is, if it is one.

    >>> ipv4("10.1.1.1"), ipv4("10.1.1.1:22"), ipv4("")
    (IPv4Address('10.1.1.1'), None, None)
    """
    try:
        return IPv4Address(text or "")
    except ValueError:
        return None


def same_path(path: str, other: str, *, at: str = "/") -> bool:
    """Whether two paths are written for the same place; a relative one starts `at` a directory."""
    return posixpath.normpath(posixpath.join(at, path)) == posixpath.normpath(posixpath.join(at, other))
