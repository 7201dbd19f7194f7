"""The way back: from a Description to a command line, in today's spelling, in pairs, or in the tutorial's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields as fields_of
from itertools import count
from typing import Literal

from kvmbench.errors import BadInput
from kvmbench.qemu.line.description import Accel, Boot, Card, Description, Disk, Smp, Vnc, Wire
from kvmbench.qemu.line.reader import FIRST
from kvmbench.qemu.line.reader_disks import CACHES, FORMATS, SHORT
from kvmbench.qemu.line.words import Fields, fields, joined, last

Spelling = Literal["today", "pairs", "tutorial"]
"""-drive and -nic; -blockdev and -netdev each with its -device; -hda and -net nic -net tap"""
_PAIRED = {
    ("virtio", "disk"): "virtio-blk-pci",
    ("ide", "disk"): "ide-hd",
    ("ide", "cdrom"): "ide-cd",
}
"""interface and media → the device that -drive makes; to a guest a CD on virtio is a disk"""
_HUB_ONLY = frozenset(("vlan", "name"))
"""of -net alone; both were removed, and are kept so that it can be told"""
_SHORT = {
    (index, media): option for option, (kind, index, media) in SHORT.items() if option and kind == "ide"
}


def qemu_argv(guest: Description, spelling: Spelling = "today") -> tuple[str, ...]:
    """The command line of a guest. What a spelling cannot say is said in another one, never left out.

    >>> qemu_argv(Description(name="c1", disks=(Disk("c1.img", index=0),)), "tutorial")
    ('qemu-kvm', '-name', 'c1', '-hda', 'c1.img')

    Raises:
        BadInput: a word has a null byte in it, which no program can be given.
    """
    names = _names(guest)
    words = [guest.program, *_machine(guest, spelling)]
    for group in guest.rest:
        words += group if group and group[0].lstrip("-") in FIRST else ()
    for disk in guest.disks:
        words += _disk(disk, spelling, names)
    words += _cards(guest, spelling, names)
    words += _screens(guest)
    for group in guest.rest:
        words += () if group and group[0].lstrip("-") in FIRST else group
    if any("\0" in word for word in words):
        raise BadInput(
            "a word of this command line has a null byte in it", "Leave it out of names and paths."
        )
    return tuple(words)


def _names(guest: Description) -> Callable[[str], str]:
    """Ids for what has none, which nothing else on the line goes by."""
    known = {part for group in guest.rest for word in group for _, part in fields(word, "id")}
    known |= {disk.id for disk in guest.disks}
    for card in guest.cards or ():
        known |= {card.id, card.wire.id if card.wire else ""}

    def fresh(kind: str) -> str:
        found = next(f"{kind}{number}" for number in count() if f"{kind}{number}" not in known)
        known.add(found)
        return found

    return fresh


def _machine(guest: Description, spelling: Spelling) -> Iterator[str]:
    if guest.name or guest.name_options:
        yield from ("-name", _named("guest", guest.name, guest.name_options))
    machine, accels = guest.machine_options, list(guest.accels)
    plain = not any(accel.options or ":" in accel.name for accel in accels) and not last(machine, "accel")
    if spelling == "tutorial" and plain and len(accels) > 1:
        machine, accels = (*machine, ("accel", ":".join(accel.name for accel in accels))), []
    if guest.machine or machine:
        yield from ("-machine", _named("type", guest.machine, machine))
    if spelling == "tutorial" and accels == [Accel("kvm")] and plain:
        yield "-enable-kvm"
    else:
        for accel in accels:
            yield from ("-accel", _named("accel", accel.name, accel.options))
    if guest.cpu:
        yield from ("-cpu", guest.cpu)
    if guest.memory_kib is not None or guest.memory_options:
        yield from ("-m", _named("size", _size(guest.memory_kib), guest.memory_options))
    if guest.smp is not None and guest.smp != Smp():
        yield from ("-smp", joined(_smp(guest.smp), "cpus"))
    if guest.boot is not None and guest.boot != Boot():
        yield from ("-boot", joined(_boot(guest.boot)))


def _named(key: str, value: str, more: Fields) -> str:
    return joined((*(((key, value),) if value else ()), *more), key)


def _size(kib: int | None) -> str:
    if kib is None:
        return ""
    return f"{kib}k" if kib % 1024 else str(kib // 1024)


def _smp(smp: Smp) -> Fields:
    said = ((each.name, getattr(smp, each.name)) for each in fields_of(smp))
    return tuple((key, str(value)) for key, value in said if value is not None)


def _boot(boot: Boot) -> Fields:
    said = (
        ("order", boot.order or None),
        ("once", boot.once or None),
        ("menu", _switch(boot.menu)),
        ("splash", boot.splash or None),
        ("splash-time", boot.splash_time_ms),
        ("reboot-timeout", boot.reboot_timeout_ms),
        ("strict", _switch(boot.strict)),
    )
    return tuple((key, str(value)) for key, value in said if value is not None)


def _switch(value: bool | None) -> str | None:
    return None if value is None else "on" if value else "off"


def _disk(disk: Disk, spelling: Spelling, names: Callable[[str], str]) -> tuple[str, ...]:
    apart = disk.device or disk.device_options
    if spelling == "pairs" or apart:
        pair = _blockdev(disk, names)
        if pair:
            return pair
    if apart:
        name = disk.id or names("disk")
        source = ("-drive", joined(_drive(disk, "none", name)))
        return (*source, "-device", _device(disk, name, ()))
    short = _SHORT.get((disk.index or 0, disk.media)) if disk.index is not None else None
    if (
        spelling == "tutorial"
        and short
        and disk == Disk(disk.file, media=disk.media, index=disk.index, readonly=disk.media == "cdrom")
    ):
        return (f"-{short}", disk.file) if not disk.id else ("-drive", joined(_drive(disk, "ide", disk.id)))
    return ("-drive", joined(_drive(disk, disk.interface, disk.id)))


def _drive(disk: Disk, interface: str, name: str) -> Fields:
    cd = disk.media == "cdrom"
    said: tuple[tuple[str, str | int | None], ...] = (
        ("id", name or None),
        ("file", disk.file or None),
        ("media", disk.media),
        ("if", interface),
        ("index", disk.index),
        ("format", disk.format or None),
        ("cache", disk.cache or None),
        ("aio", disk.aio or None),
        ("readonly", "on" if disk.readonly and not cd else None),
        ("snapshot", "on" if disk.snapshot else None),
    )
    return (*((key, str(value)) for key, value in said if value is not None), *disk.options)


def _blockdev(disk: Disk, names: Callable[[str], str]) -> tuple[str, ...]:
    """-blockdev and -device; () when they cannot say it: they know no index, and guess no format."""
    plain = disk.format in FORMATS and disk.file and ((disk.interface, disk.media) in _PAIRED or disk.device)
    # -drive takes any word for the mode, and QEMU then refuses it in its own words.
    odd = disk.cache not in ("", *CACHES) or {"cache.direct", "cache.no-flush"} & {
        key for key, _ in disk.options
    }
    said_of_cache = last(disk.device_options, "write-cache")
    special = {"file.filename", "file.driver", "driver", "node-name", "read-only"} & {
        key for key, _ in disk.options
    }
    named = disk.id and not _is_node_name(disk.id)
    if not plain or disk.index is not None or disk.snapshot or special or named:
        return ()
    if disk.cache and (odd or said_of_cache):
        return ()
    name = disk.id or names("disk")
    direct, no_flush, write_cache = CACHES.get(disk.cache, ("", "", ""))
    node: Fields = (
        ("driver", disk.format),
        ("node-name", name),
        ("file.driver", "file"),
        ("file.filename", disk.file),
        *((("file.aio", disk.aio),) if disk.aio else ()),
        *((("read-only", "on"),) if disk.readonly else ()),
        *((("cache.direct", direct), ("cache.no-flush", no_flush)) if disk.cache else ()),
        *disk.options,
    )
    more: Fields = (("write-cache", write_cache),) if disk.cache else ()
    return ("-blockdev", joined(node), "-device", _device(disk, name, more))


def _is_node_name(name: str) -> bool:
    return name[:1].isalpha() and len(name) < 32 and name.isascii()


def _device(disk: Disk, name: str, more: Fields) -> str:
    device = disk.device or _PAIRED.get((disk.interface, disk.media), "virtio-blk-pci")
    return joined((("driver", device), ("drive", name), *more, *disk.device_options), "driver")


def _cards(guest: Description, spelling: Spelling, names: Callable[[str], str]) -> Iterator[str]:
    if guest.cards is None:
        return
    loose = any(group and group[0].lstrip("-") in ("net", "nic", "netdev") for group in guest.rest)
    if not guest.cards and not loose:
        yield from ("-nic", "none")
    pair = spelling == "tutorial" and len(guest.cards) == 1 and not loose
    for card in guest.cards:
        old = len(guest.cards) == 1 and not loose and _HUB_ONLY & {key for key, _ in card.options}
        if card.wire is None or card.joined or old or (pair and _plain_names(card)):
            yield from _on_hub(card)
        elif spelling == "pairs" or card.options or card.id or "model" in dict(card.wire.options):
            yield from _netdev(card, card.wire, names)
        else:
            parts = (("type", card.wire.kind), *_of_card(card, "mac"), *_of_wire(card.wire))
            yield from ("-nic", joined(parts, "type"))


def _plain_names(card: Card) -> bool:
    """Whether -net can say it: it has no mac= but macaddr=, and no device's own properties."""
    return all(key in ("addr", "vectors") for key, _ in card.options)


def _on_hub(card: Card) -> Iterator[str]:
    nic = (
        ("type", "nic"),
        *((("id", card.id),) if card.id else ()),
        *_of_card(card, "macaddr"),
        *card.options,
    )
    yield from ("-net", joined(nic, "type"))
    if card.wire:
        yield from ("-net", joined((("type", card.wire.kind), *_of_wire(card.wire)), "type"))


def _of_card(card: Card, mac: str) -> Fields:
    return tuple((key, value) for key, value in (("model", card.model), (mac, card.mac)) if value)


def _of_wire(wire: Wire) -> Fields:
    return (*((("id", wire.id),) if wire.id else ()), *wire.options)


def _netdev(card: Card, wire: Wire, names: Callable[[str], str]) -> Iterator[str]:
    name = wire.id or names("net")
    yield from ("-netdev", joined((("type", wire.kind), ("id", name), *wire.options), "type"))
    own: Fields = (("id", card.id),) if card.id else ()
    if card.model:
        device = "virtio-net-pci" if card.model == "virtio" else card.model
        mac: Fields = (("mac", card.mac),) if card.mac else ()
        yield from (
            "-device",
            joined((("driver", device), ("netdev", name), *own, *mac, *card.options), "driver"),
        )
    else:  # the machine's own choice has no device name
        parts = (("type", "nic"), ("netdev", name), *own, *_of_card(card, "macaddr"), *card.options)
        yield from ("-net", joined(parts, "type"))


def _screens(guest: Description) -> Iterator[str]:
    if guest.display:
        yield from ("-display", guest.display)
    if guest.nographic:
        yield "-nographic"
    if guest.vga:
        yield from ("-vga", guest.vga)
    for vnc in guest.vnc:
        yield from ("-vnc", _vnc(vnc))
    for option, devices in (("serial", guest.serial), ("monitor", guest.monitor), ("qmp", guest.qmp)):
        for device in devices:
            yield from (f"-{option}", device)
    if guest.daemonize:
        yield "-daemonize"
    if guest.pidfile:
        yield from ("-pidfile", guest.pidfile)


def _vnc(vnc: Vnc) -> str:
    return joined((("vnc", vnc.where), *vnc.options), "vnc")
