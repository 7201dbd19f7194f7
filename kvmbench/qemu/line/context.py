"""What a line meets on a bench: the guests, taps and images that are there, and the machine's memory."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from kvmbench.model import Guest, Snapshot
from kvmbench.qemu.line.installed import Installed


@dataclass(frozen=True)
class ImageSeen:
    """An image, and which guests have it open."""

    path: str
    format: str = ""
    written_by: str = ""
    """the guest that writes to it; "" for nobody"""
    read_by: tuple[str, ...] = ()
    """the guests that read it, as a CD or as the image below theirs"""


@dataclass(frozen=True)
class TapSeen:
    """A tap, and the guest that holds it."""

    name: str
    guest: str = ""


@dataclass(frozen=True)
class Context:
    """What is known of the surroundings. None where nothing is known, and then nothing is refused for it."""

    guests: tuple[str, ...] = ()
    macs: tuple[tuple[str, str], ...] = ()
    """hardware address → guest"""
    vnc: tuple[tuple[str, str], ...] = ()
    """"host:port" or a socket's path → guest"""
    taps: tuple[TapSeen, ...] | None = None
    images: tuple[ImageSeen, ...] = ()
    memory_mib: int | None = None
    installed: Installed | None = None
    directory: str = "/"
    """where a relative path begins"""

    def image(self, path: str) -> ImageSeen | None:
        whole = posixpath.normpath(posixpath.join(self.directory, path))
        return next((image for image in self.images if image.path == whole), None)

    def tap(self, name: str) -> TapSeen | None:
        return next((tap for tap in self.taps or () if tap.name == name), None)


def context(seen: Snapshot, installed: Installed | None = None, directory: str = "/") -> Context:
    """The surroundings as a look at the bench found them."""
    held = {nic.tap: guest.name for guest in seen.guests for nic in guest.nics if nic.tap}
    links = seen.namespaces[0].links if seen.namespaces else None
    taps = (
        None
        if links is None
        else tuple(TapSeen(link.name, held.get(link.name, "")) for link in links if link.kind == "tun")
    )
    return Context(
        guests=tuple(_called(guest) for guest in seen.guests),
        macs=tuple(
            (nic.mac.lower(), _called(guest)) for guest in seen.guests for nic in guest.nics if nic.mac
        ),
        vnc=tuple((guest.vnc, _called(guest)) for guest in seen.guests if guest.vnc),
        taps=taps,
        images=_images(seen),
        memory_mib=seen.host.memory_mib or None if seen.host else None,
        installed=installed,
        directory=directory,
    )


def _called(guest: Guest) -> str:
    return guest.name or f"with process id {guest.pid}"


def _images(seen: Snapshot) -> tuple[ImageSeen, ...]:
    """Each image with who has it open: a guest's own disks, and what lies below them, which is only read."""
    backing = {image.path: image.backing for image in seen.images}
    formats = {image.path: image.format for image in seen.images}
    writers: dict[str, str] = {}
    readers: dict[str, list[str]] = {}
    for guest in seen.guests:
        for drive in guest.drives:
            if drive.media == "cdrom":
                readers.setdefault(drive.file, []).append(_called(guest))
            else:
                writers[drive.file] = _called(guest)
            below, passed = backing.get(drive.file), {drive.file}
            while below and below not in passed:
                readers.setdefault(below, []).append(_called(guest))
                passed.add(below)
                below = backing.get(below)
    paths = dict.fromkeys([*formats, *writers, *readers])
    return tuple(
        ImageSeen(
            path, formats.get(path, ""), writers.get(path, ""), tuple(dict.fromkeys(readers.get(path, ())))
        )
        for path in paths
    )
