"""Ways to break guests: their processes, their hardware, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from kvmbench.model import Drive, Guest, Inside, Nic, Snapshot
from kvmbench.mutate import changes
from kvmbench.mutate.mutant import Atom, Mutant

QEMU_MAC = "52:54:00:12:34:56"
BY_MAC = "its MAC is what the lease is known by"
HALTED = {
    "paused": "the monitor's `cont` lets them run again",
    "io-error": "Its disk could not be written",
    "guest-panicked": "Its console shows the last words",
    "internal-error": "Its console shows the last words",
    "prelaunch": "-S holds the processors back",
    "shutdown": "Its process remains",
}
UNSETTLED = ("inmigrate", "unknown")
MAY_BE = "may be the one: is it running"
NOBODY = "to the interface that is to answer"


def guest_mutants(seen: Snapshot, wanted: frozenset[Atom]) -> Iterator[Mutant]:
    """Each guest that a fact is about."""
    for name in sorted({atom[1] for atom in wanted if atom[0] == "guest"}):
        found = seen.guest(name)
        if found is None:
            continue
        yield from _process(seen, found, wanted)
        yield from _hardware(seen, found)
        if found.nics:
            yield from _cards(seen, found)
        if found.drives:
            yield from _disks(seen, found)
        if found.inside:
            yield from _insides(seen, found, found.inside)


def _of(guest: Guest, *parts: str) -> frozenset[Atom]:
    return frozenset({("guest", guest.name, *parts)})


def _process(seen: Snapshot, guest: Guest, wanted: frozenset[Atom]) -> Iterator[Mutant]:
    name = guest.name
    ended = replace(seen, guests=tuple(one for one in seen.guests if one.name != name))
    lost = set(_of(guest))
    for nic in guest.nics:
        ended = changes.without_link(ended, nic.tap or "")
        lost.add(("link", "", nic.tap or ""))
    room = ended.netns("")
    fdb = tuple(line for line in (room.fdb if room else ()) if line.port not in [n.tap for n in guest.nics])
    ended = changes.change_netns(ended, "", fdb=fdb)
    words = (f"Start {name} with qemu-kvm", *(f"Create {nic.tap} first" for nic in guest.nics))
    learned = ("A bridge learns from what it hears", NOBODY)
    lost |= {
        atom for atom in wanted if atom[0] == "fdb" and atom[2] in [nic.mac.lower() for nic in guest.nics]
    }
    yield Mutant("not running", name, ended, frozenset(lost), (*words, *learned))
    if ("guest", name, "vnc") in wanted and guest.vnc:
        taken = replace(guest, name=name[:-1] + "99", pid=99998, nics=(), drives=(), inside=None)
        other = replace(ended, guests=(*ended.guests, taken))
        yield Mutant(
            f"not running, and {taken.name} has its display",
            name,
            other,
            frozenset(lost),
            (*words, *learned, "whoever comes second ends at once"),
        )
    named = replace(
        seen, guests=tuple(replace(g, name=f"my{g.name}") if g is guest else g for g in seen.guests)
    )
    yield Mutant("under another name", name, named, _of(guest, "name"), ("A guest is known by its -name",))
    nameless = replace(seen, guests=tuple(replace(g, name="") if g is guest else g for g in seen.guests))
    yield Mutant("without a name", name, nameless, _of(guest, "name"), ("A guest is known by its -name",))
    if guest.status == "paused":
        going = changes.change_guest(seen, name, status="running")
        yield Mutant("running", name, going, _of(guest, "status"), ("`stop` in its monitor holds",))
    for status, word in HALTED.items():
        if status == guest.status:
            continue
        halted = changes.change_guest(seen, name, status=status, inside=None)
        yield Mutant(status, name, halted, _of(guest, "status"), (word, MAY_BE))
    for status in UNSETTLED:
        unsettled = changes.change_guest(seen, name, status=status, inside=None)
        yield Mutant(status, name, unsettled, _of(guest, "status"), (MAY_BE,), "blocked")
    around = changes.change_guest(seen, name, status="unknown", qmp=None, inside=None)
    yield Mutant("without QMP", name, around, _of(guest, "status"), ("It was started around", MAY_BE))
    silent = changes.change_guest(seen, name, inside=None)
    yield Mutant("agent silent", name, silent, _of(guest, "heard"), (), "blocked")
    mute = changes.change_guest(seen, name, console=None)
    yield Mutant("no console", name, mute, _of(guest, "console"), ("sends the serial port elsewhere",))


def _hardware(seen: Snapshot, guest: Guest) -> Iterator[Mutant]:
    def other(operator: str, part: str, words: tuple[str, ...], **changed: Any) -> Mutant:
        return Mutant(
            operator, guest.name, changes.change_guest(seen, guest.name, **changed), _of(guest, part), words
        )

    counts = "-m counts in MiB"
    yield other("half the memory", "memory", (counts,), memory_mib=guest.memory_mib // 2)
    yield other("twice the memory", "memory", (counts,), memory_mib=guest.memory_mib * 2)
    yield other("other vCPUs", "vcpus", ("-smp says how many",), vcpus=guest.vcpus + 1)
    yield other("other machine", "machine", ("-machine chooses the board",), machine="microvm")
    yield other("other CPU", "cpu", ("-cpu chooses the model",), cpu="486")
    yield other("no screen", "vnc", ("QEMU serves a screen when -vnc",), vnc=None)
    yield other(
        "other display", "vnc", ("The number after the colon counts from port 5900",), vnc="127.0.0.1:5977"
    )
    yield other("screen in a file", "vnc", ("A display number goes after a colon",), vnc="/run/screen.sock")
    twin = next((one for one in seen.guests if one.name != guest.name and one.vnc and guest.vnc), None)
    if twin is not None:
        swapped = changes.change_guest(seen, guest.name, vnc=twin.vnc)
        swapped = changes.change_guest(swapped, twin.name, vnc=guest.vnc)
        lost = _of(guest, "vnc") | _of(twin, "vnc")
        yield Mutant(
            "screens swapped", f"{guest.name} and {twin.name}", swapped, lost, ("A display serves one",)
        )


def _cards(seen: Snapshot, guest: Guest) -> Iterator[Mutant]:
    name, nic = guest.name, guest.nics[0]
    bare = changes.change_guest(seen, name, nics=())
    driverless: frozenset[Atom] = frozenset(
        {("guest", name, "inside", "driver"), ("guest", name, "inside", "address")}
    )
    driverless |= {("guest", name, "inside", "gateway")}
    bare = changes.change_inside(bare, name, drivers={}, addresses={}, gateway=None)
    none = ("A card is an option of its own", "Start it with a card", "No card, or one", "ip address add")
    yield Mutant(
        "no card",
        name,
        bare,
        _of(guest, "nic") | driverless,
        (
            *none,
            "A gateway needs",
            NOBODY,
            "its MAC is what the lease",
            "nowhere to lead it",
            "An answer needs",
        ),
    )

    def other(operator: str, part: str, words: tuple[str, ...], **changed: Any) -> Mutant:
        cards: tuple[Nic, ...] = (replace(nic, **changed), *guest.nics[1:])
        return Mutant(
            operator, name, changes.change_guest(seen, name, nics=cards), _of(guest, "nic", part), words
        )

    yield other("MAC of nobody's choice", "mac", ("macaddr= was left out", BY_MAC), mac=QEMU_MAC)
    yield other("other MAC", "mac", ("byte by byte", BY_MAC), mac=nic.mac[:-2] + "77")
    yield other("no tap", "tap", ("A card alone is a socket", "Its tap is gone"), tap=None)
    yield other("tap gone", "tap", ("Its tap is gone from under it",), tap="tap88")
    model = "rtl8139" if nic.model != "rtl8139" else "e1000"
    yield other("other card", "model", ("model= names the card",), model=model)
    twin = next((one for one in seen.guests if one.name != name and one.nics), None)
    if twin is not None:
        nics = (replace(twin.nics[0], mac=nic.mac), *twin.nics[1:])
        lost = _of(guest, "nic", "mac-once") | _of(twin, "nic", "mac")
        words = ("Two cards with one address", "byte by byte", BY_MAC)
        yield Mutant(
            "MAC twice",
            f"{name} and {twin.name}",
            changes.change_guest(seen, twin.name, nics=nics),
            lost,
            words,
        )


def _disks(seen: Snapshot, guest: Guest) -> Iterator[Mutant]:
    name, drive = guest.name, guest.drives[0]

    def other(operator: str, part: tuple[str, ...], word: str, *drives: Drive) -> Mutant:
        return Mutant(
            operator,
            name,
            changes.change_guest(seen, name, drives=drives),
            _of(guest, "drive", *part),
            (word,),
        )

    yield other("no disk", (), "Without -drive there is nothing")
    strange = replace(drive, file="/vms/cirros/other.img")
    yield other("other image", ("file",), "file= names another image", strange)
    twin = next((one for one in seen.guests if one.name != name and one.drives), None)
    if twin is not None:
        shared = replace(drive, file=twin.drives[0].file)
        yield other("image of another guest", ("file",), "Two guests writing one image", shared)
    bus = "ide" if drive.interface != "ide" else "virtio"
    yield other("other bus", ("interface",), "if= chooses the bus", replace(drive, interface=bus))
    yield other("as a CD", ("media",), "is media=disk", replace(drive, media="cdrom"))
    yield other("read as raw", ("format",), "format= says how the file", replace(drive, format="raw"))
    yield other("format guessed", ("format",), "format= says how the file", replace(drive, format=""))
    yield other("other cache", ("cache",), "cache= says when a write counts", replace(drive, cache="unsafe"))


def _insides(seen: Snapshot, guest: Guest, inside: Inside) -> Iterator[Mutant]:
    name = guest.name

    def other(operator: str, parts: tuple[str, ...], words: tuple[str, ...], **changed: Any) -> Mutant:
        lost = frozenset({("guest", name, "inside", part) for part in parts})
        return Mutant(operator, f"inside {name}", changes.change_inside(seen, name, **changed), lost, words)

    card = next((link for link, held in inside.addresses.items() if link != "lo" and held), None)
    if card is not None:
        yield from _addressed(seen, guest, inside, card)
    gone = ("a default route", "option 3", "An answer needs a route too")
    yield other("no gateway", ("gateway",), gone, gateway=None)
    if inside.gateway is not None:
        far = ("A default route leads to another host", "A gateway is somebody", "An old default route is in")
        yield other("other gateway", ("gateway",), far, gateway=inside.gateway - 1)
        own = next((held[0].ip for link, held in inside.addresses.items() if link == card), None)
        itself = ("not the guest's own", "An old default route is in", "read both routing tables")
        yield other("itself as gateway", ("gateway",), itself, gateway=own)
    if inside.drivers:
        none: dict[str, Any] = {"drivers": {}, "addresses": {}, "gateway": None}
        unbound = (
            "No card, or one",
            "`ip address add` (or ifconfig)",
            "A gateway needs",
            "A lease is a",
            NOBODY,
        )
        yield other("no driver", ("driver", "address", "gateway"), unbound, **none)
        strange = dict.fromkeys(inside.drivers, "ne2k_pci")
        seen_otherwise = changes.change_inside(seen, name, drivers=strange)
        lost = _of(guest, "driver-name")
        yield Mutant("other driver", f"inside {name}", seen_otherwise, lost, ("by the card that QEMU plays",))


def _addressed(seen: Snapshot, guest: Guest, inside: Inside, card: str) -> Iterator[Mutant]:
    name, held = guest.name, inside.addresses[card][0]
    prefix = held.network.prefixlen

    def given(
        operator: str, addresses: tuple[IPv4Interface, ...], words: tuple[str, ...], *more: str
    ) -> Mutant:
        lost = frozenset({("guest", name, "inside", part) for part in ("address", *more)})
        lost = lost if addresses == () else lost - {("guest", name, "inside", "address")}
        gateway: IPv4Address | None = None if "gateway" in more else inside.gateway
        told = {**inside.addresses, card: addresses}
        changed = changes.change_inside(seen, name, addresses=told, gateway=gateway)
        return Mutant(operator, f"inside {name}", changed, lost, words)

    none = (
        "`ip address add` (or ifconfig)",
        "A gateway needs a network",
        "A lease is a promise",
        "no address",
    )
    yield given(
        "no address",
        (),
        (*none, "Who has no address", "A packet needs an address", "nowhere to lead it", NOBODY),
        "gateway",
    )
    strange = IPv4Interface((held.ip + 150, prefix))
    words = ("That is not the address asked for", "A lease is a promise", "leads to an address", NOBODY)
    other_one = given("other address", (strange,), words)
    yield replace(other_one, breaks=frozenset({("guest", name, "inside", "address", "this")}))
    wide = given("wrong prefix", (IPv4Interface((held.ip, 8)),), ("the netmask is not",), "prefix")
    yield wide
    twin = next((one for one in seen.guests if one.name != name and one.inside), None)
    if twin is not None and twin.inside is not None:
        other = next((link for link in twin.inside.addresses if link != "lo"), "eth0")
        both = changes.change_inside(seen, twin.name, addresses={**twin.inside.addresses, other: (held,)})
        lost = _of(guest, "inside", "address-once") | _of(twin, "inside", "address", "this")
        twice = (
            "An address belongs to one host",
            "That is not the address",
            "A lease is a promise",
            "leads to an address",
            NOBODY,
        )
        yield Mutant("address twice", f"inside {name} and {twin.name}", both, lost, twice)
