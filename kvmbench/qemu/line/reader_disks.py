"""Disks read in every spelling: -hda, an image alone, -drive, and -blockdev with its -device."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from kvmbench.errors import BadInput
from kvmbench.qemu.line.description import Disk
from kvmbench.qemu.line.words import Fields, Given, fields, last, number, switch, without

SHORT = {
    "": ("ide", 0, "disk"),
    "hda": ("ide", 0, "disk"),
    "hdb": ("ide", 1, "disk"),
    "hdc": ("ide", 2, "disk"),
    "hdd": ("ide", 3, "disk"),
    "cdrom": ("ide", 2, "cdrom"),
    "fda": ("floppy", 0, "disk"),
    "fdb": ("floppy", 1, "disk"),
}
"""each short spelling → its interface, index and media (qemu(1), Block device options)"""
DEVICES = {
    "virtio-blk-pci": ("virtio", "disk"),
    "virtio-blk": ("virtio", "disk"),
    "ide-hd": ("ide", "disk"),
    "ide-cd": ("ide", "cdrom"),
    "scsi-hd": ("scsi", "disk"),
    "scsi-cd": ("scsi", "cdrom"),
    "usb-storage": ("usb", "disk"),
    "nvme": ("nvme", "disk"),
}
"""what a -device puts before the guest → interface and media"""
PLAIN = frozenset(("virtio-blk-pci", "virtio-blk", "ide-hd", "ide-cd"))
"""those of them that -drive if= makes as well"""
CACHES = {
    "writeback": ("off", "off", "on"),
    "none": ("on", "off", "on"),
    "writethrough": ("off", "off", "off"),
    "directsync": ("on", "off", "off"),
    "unsafe": ("off", "on", "on"),
}
"""cache= → cache.direct, cache.no-flush and the device's write-cache (qemu(1), -drive, cache)"""
JSON = frozenset(("blockdev", "device", "netdev", "object"))
"""options whose value may be JSON"""
_FORMATS = "bochs cloop dmg luks parallels qcow qcow2 qed raw vdi vhdx vmdk vpc"
FORMATS = frozenset(_FORMATS.split())


def read_disks(given: Sequence[Given]) -> tuple[tuple[Disk, ...], list[Given]]:
    """The disks among some options, and the options that are none.

    Raises:
        BadInput: an index or a switch cannot be meant.
    """
    nodes, sources = _nodes(given), _sources(given)
    used: set[Given] = set()
    placed: dict[Given, Disk] = {}
    for each in given:
        if each.option in SHORT:
            interface, index, media = SHORT[each.option]
            cd = media == "cdrom"
            placed[each] = Disk(
                each.value or "", interface, media=media, index=index, readonly=cd, said=str(each)
            )
        elif each.option == "drive":
            placed[each] = _drive(each)
    for each in given:
        said = properties(each, "driver") if each.option == "device" else ()
        device, back = last(said, "driver"), last(said, "drive")
        if device not in DEVICES or not back:
            continue
        if (back in sources and sources[back] in used) or (back in nodes and used & set(nodes[back][1])):
            raise BadInput(f"two devices are plugged into {back}", "Give each an image of its own.")
        if back in sources:
            placed[sources[back]] = _plugged(placed[sources[back]], said)
            used |= {each, sources[back]}
        elif back in nodes:
            disk = _from_node(nodes[back][0], said, each)
            if disk:
                placed[each] = disk
                used |= {each, *nodes[back][1]}
    disks = tuple(placed[each] for each in given if each in placed)
    return disks, [each for each in given if each not in placed and each not in used]


def properties(each: Given, implied: str) -> Fields:
    """What an option says, in either spelling: key=value,… or JSON (-blockdev, -device, -netdev, -object)."""
    value = each.value or ""
    if each.option not in JSON or not value.startswith("{"):
        return fields(value, implied)
    try:
        said = json.loads(value)
    except (ValueError, RecursionError):
        raise BadInput(
            f"-{each.option}: its JSON cannot be read", "Check its quotes, commas and braces."
        ) from None
    found = tuple(_flat("", said)) if isinstance(said, dict) else ()
    wrong = next((key for key, _ in found if {"=", ","} & set(key)), None)
    if wrong is not None:
        raise BadInput(f"-{each.option}: {wrong!r} is no key", "A key is letters, digits, '-' and '_'.")
    return found


def _flat(before: str, said: Mapping[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in said.items():
        if isinstance(value, dict):
            found += _flat(f"{before}{key}.", value)
        elif isinstance(value, list):
            found += _flat(f"{before}{key}.", {str(number): each for number, each in enumerate(value)})
        elif isinstance(value, bool):
            found.append((before + key, "on" if value else "off"))
        else:
            found.append((before + key, "" if value is None else str(value)))
    return found


_What = TypeVar("_What")


def named(pairs: Iterable[tuple[str, _What]]) -> dict[str, _What]:
    """What has a name, by it.

    Raises:
        BadInput: two have the same one.
    """
    found: dict[str, _What] = {}
    for name, what in pairs:
        if name and name in found:
            raise BadInput(f"two parts of this line have the name {name}", "Give each an id of its own.")
        if name:
            found[name] = what
    return found


def _drive(each: Given) -> Disk:
    said = fields(each.value or "")
    index = last(said, "index")
    media = last(said, "media", default="disk")
    readonly = last(said, "readonly", "read-only")
    plain = ("file", "if", "format", "driver", "media", "index", "cache", "aio", "readonly", "read-only")
    return Disk(
        file=last(said, "file"),
        interface=last(said, "if", default="ide"),
        format=last(said, "format", "driver"),
        media=media,
        index=number(index, "-drive index") if index else None,
        cache=last(said, "cache"),
        aio=last(said, "aio"),
        readonly=media == "cdrom" or bool(readonly and switch(readonly, "-drive readonly")),
        snapshot=switch(last(said, "snapshot", default="off"), "-drive snapshot"),
        options=without(said, *plain, "snapshot", "id"),
        id=last(said, "id"),
        said=str(each),
    )


def _sources(given: Sequence[Given]) -> dict[str, Given]:
    """The -drive if=none among some options by their ids: a -device may take them up."""
    said = {each: fields(each.value or "") for each in given if each.option == "drive"}
    return named((last(parts, "id"), each) for each, parts in said.items() if last(parts, "if") == "none")


def _nodes(given: Sequence[Given]) -> dict[str, tuple[Fields, tuple[Given, ...]]]:
    """Each -blockdev by its name, with the one that it leans on, when that is all that there is to say."""
    said_of = {each: without(properties(each, "driver")) for each in given if each.option == "blockdev"}
    alone = named((last(said, "node-name"), (said, each)) for each, said in said_of.items())
    found: dict[str, tuple[Fields, tuple[Given, ...]]] = {}
    for name, (said, each) in alone.items():
        below = alone.get(last(said, "file"))
        if below and below[1] != each:
            inner = tuple((f"file.{key}", value) for key, value in below[0] if key != "node-name")
            found[name] = (without((*said, *inner), "file"), (each, below[1]))
        else:
            found[name] = (said, (each,))
    return found


def _plugged(disk: Disk, said: Fields) -> Disk:
    """A -drive if=none with the -device that takes it up."""
    interface, media = DEVICES[last(said, "driver")]
    return replace(
        disk,
        interface=interface,
        media=media,
        readonly=disk.readonly or media == "cdrom",
        device_options=without(said, "driver", "drive", "id"),
        device=_device(said),
    )


def _from_node(node: Fields, said: Fields, device: Given) -> Disk | None:
    """A -blockdev with the -device that takes it up; None when it is more than a file in a format."""
    given = dict(node)
    driver, below = given.pop("driver", ""), given.pop("file.driver", "")
    if driver not in FORMATS or below != "file" or "file" in given or "file.filename" not in given:
        return None
    interface, media = DEVICES[last(said, "driver")]
    name = given.pop("node-name", "")
    readonly = given.pop("read-only", "off")
    cache, kept = _cache(given, last(said, "write-cache"))
    return Disk(
        file=given.pop("file.filename"),
        interface=interface,
        format=driver,
        media=media,
        cache=cache,
        aio=given.pop("file.aio", ""),
        readonly=media == "cdrom" or switch(readonly, "-blockdev read-only"),
        options=tuple(given.items()),
        device_options=without(said, "driver", "drive", "id", *([] if kept else ["write-cache"])),
        device=_device(said),
        id=name,
        said=f"{device}",
    )


def _device(said: Fields) -> str:
    return "" if last(said, "driver") in PLAIN else last(said, "driver")


def _cache(given: dict[str, str], write_cache: str) -> tuple[str, bool]:
    """The cache mode that three switches come to, taken out of them; whether the device's switch stays."""
    seen = (given.get("cache.direct", ""), given.get("cache.no-flush", ""), write_cache)
    for mode, switches in CACHES.items():
        if seen == switches:
            del given["cache.direct"], given["cache.no-flush"]
            return mode, False
    return "", True
