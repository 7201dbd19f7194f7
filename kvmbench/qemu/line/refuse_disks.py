"""What cannot work with a line's disks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kvmbench.qemu.line.catalogue_devices import CACHE_MODES
from kvmbench.qemu.line.context import Context
from kvmbench.qemu.line.description import Description, Disk
from kvmbench.qemu.line.reader_disks import CACHES
from kvmbench.qemu.line.trouble import Trouble
from kvmbench.qemu.line.words import last

_PLACES = {"ide": 4, "floppy": 2}
"""how many drives a PC has places for"""


def disk_troubles(guest: Description, around: Context) -> Iterator[Trouble]:
    """Of each disk by itself, of two disks, and of a disk and the guests that run."""
    taken: dict[tuple[str, int], Disk] = {}
    files: dict[str, Disk] = {}
    for disk in guest.disks:
        yield from _words(disk)
        yield from _place(disk, guest, taken)
        yield from _image(disk, around)
        other = files.get(disk.file)
        if other and disk.file and (disk.writes or other.writes):
            hint = "Give each disk an image of its own, or an overlay on this one."
            yield Trouble(
                f"{disk.file} is two disks of this guest, and is written to", hint, disk.said, "file"
            )
        files.setdefault(disk.file, disk)


def _words(disk: Disk) -> Iterator[Trouble]:
    if disk.interface == "scsi" and not disk.device:
        hint = "Take if=virtio; or plug in -device virtio-scsi-pci and put a -device scsi-hd on it."
        yield Trouble("a PC has no SCSI bus by itself", hint, disk.said, "if")
    elsewhere = disk.format or any(key.startswith("file.") for key, _ in disk.options)
    if (
        not disk.file
        and not elsewhere
        and disk.interface != "none"
        and (disk.media != "cdrom" or disk.options)
    ):
        path = next((key for key, value in disk.options if value == "on" and re.search("[/.]", key)), "")
        hint = f"Write file={path}" if path else "Name it: -drive file=/vms/cirros/cirros1.img,…"
        yield Trouble("a disk without an image", hint, disk.said, "file")
    if disk.readonly and disk.interface == "ide" and disk.media == "disk":
        hint = "Take if=virtio for a disk that is only read, or media=cdrom."
        yield Trouble("an IDE disk cannot be read-only", hint, disk.said, "readonly")
    yield from _caching(disk)


def _caching(disk: Disk) -> Iterator[Trouble]:
    direct, no_flush, _ = CACHES.get(disk.cache, ("off", "off", "on"))
    said = {key: last(disk.options, key) for key in ("cache.direct", "cache.no-flush")}
    if disk.cache and disk.cache not in CACHE_MODES:
        return  # told with the option's own words
    for key, mode in (("cache.direct", direct), ("cache.no-flush", no_flush)):
        if disk.cache and said[key] and said[key] != mode:
            hint = f"Leave one of them out: cache={disk.cache} means {key}={mode}."
            yield Trouble(
                f"cache={disk.cache} and {key}={said[key]} exclude each other", hint, disk.said, "cache"
            )
    if disk.aio == "native" and (said["cache.direct"] or direct) != "on":
        yield Trouble(
            f"aio=native and cache={disk.cache or 'writeback'} exclude each other",
            "It goes past the page cache: write cache=none beside it, or leave aio= out.",
            disk.said,
            "aio",
        )


def _place(disk: Disk, guest: Description, taken: dict[tuple[str, int], Disk]) -> Iterator[Trouble]:
    """Two drives on one place; the places of a bus are counted one after the other."""
    at = disk.index
    bus, unit = last(disk.options, "bus"), last(disk.options, "unit")
    width = {"ide": 2, "floppy": 2, "scsi": 7}.get(disk.interface, 0)
    if at is None and (bus or unit) and width and f"{bus or 0}{unit or 0}".isdigit() and len(bus + unit) < 6:
        at = int(bus or 0) * width + int(unit or 0)
    if at is None or disk.interface == "none":
        return
    places = 6 if "q35" in guest.machine and disk.interface == "ide" else _PLACES.get(disk.interface)
    if places and at >= places:
        hint = f"Take index 0 to {places - 1}, or if=virtio, which has no such limit."
        yield Trouble(
            f"this board has no place {at} for a drive of bus {disk.interface}", hint, disk.said, "index"
        )
    elif (disk.interface, at) in taken:
        other = taken[disk.interface, at].said
        yield Trouble(
            f"two drives are on place {at} of bus {disk.interface}: {other} is the other",
            f"Give one of them another place: index={at + 1}, or leave index= out.",
            disk.said,
            "index",
        )
    taken.setdefault((disk.interface, at), disk)


def _image(disk: Disk, around: Context) -> Iterator[Trouble]:
    seen = around.image(disk.file) if disk.file else None
    if seen is None:
        return
    if disk.format and seen.format and disk.format != seen.format:
        yield Trouble(
            f"{disk.file} is {seen.format}, not {disk.format}",
            f"Write format={seen.format}.",
            disk.said,
            "format",
        )
    if last(disk.options, "file.locking", "locking") == "off":
        return
    if seen.written_by:
        does = f"guest {seen.written_by} writes to it"
    elif seen.read_by and disk.writes:
        does = f"guest {seen.read_by[0]} reads it, perhaps below a disk of its own"
    else:
        return
    hint = "Give each guest an image of its own, or an overlay with this one's backing file."
    yield Trouble(f"{disk.file} is locked: {does}", hint, disk.said, "file")
