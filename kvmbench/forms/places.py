"""Where each field of the form for a guest stands in a Description, and how its text is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from kvmbench.errors import BadInput
from kvmbench.qemu.line import Accel, Boot, Card, Description, Disk, Smp, Vnc, Wire, parse
from kvmbench.qemu.line.catalogue import find
from kvmbench.qemu.line.installed import Installed
from kvmbench.qemu.line.words import last

T = TypeVar("T", Description, Disk, Card)
_FOR_WIRE = ("tap", "user", "bridge", "none")


@dataclass(frozen=True)
class Place(Generic[T]):
    """A field: what stands in it, and what becomes of the guest when something else does."""

    name: str
    label: str
    option: str
    """the option of QEMU's that says it, and the key there"""
    key: str
    get: Callable[[T], str]
    put: Callable[[T, str], T]
    offered: Callable[[Installed], tuple[str, ...]] = lambda installed: ()
    """words that are offered; any other text may be typed too"""
    switch: bool = False

    @property
    def does(self) -> str:
        """What the option does, and what QEMU takes when nothing is said."""
        option = find(self.option)
        if option is None:
            return ""
        key = option.key(self.key)
        does, default = (key.does, key.default) if key else (option.does, option.default)
        spelt = f"-{option.name} {self.key}=" if key and self.key != option.implied else f"-{option.name}"
        return f"{spelt}: {does}" + (f" (left out: {default})" if default else "")


def _number(text: str, what: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadInput(f"{text!r} is no number of {what}", "Write digits only, like 2.")
    return int(text)


def _attribute(name: str) -> Callable[[Any], str]:
    return lambda noun: str(getattr(noun, name))


def _instead(name: str) -> Callable[[Any, str], Any]:
    return lambda noun, text: replace(noun, **{name: text})


def _memory(guest: Description) -> str:
    kib = guest.memory_kib
    return "" if kib is None else f"{kib // 1024}" if kib % 1024 == 0 else f"{kib}K"


def _with_memory(guest: Description, text: str) -> Description:
    read = parse(["qemu-kvm", "-m", text]) if text else Description()
    return replace(guest, memory_kib=read.memory_kib)


def _of_smp(name: str, guest: Description) -> str:
    value = getattr(guest.smp or Smp(), name)
    return "" if value is None else str(value)


def _with_smp(name: str, guest: Description, text: str) -> Description:
    what = "processors" if name in ("cpus", "maxcpus") else name
    smp = replace(guest.smp or Smp(), **{name: _number(text, what)})
    return replace(guest, smp=None if smp == Smp() else smp)


def _with_accel(guest: Description, text: str) -> Description:
    return replace(guest, accels=tuple(Accel(each) for each in text.split(":") if each))


def _with_boot(guest: Description, text: str) -> Description:
    boot = replace(guest.boot or Boot(), order=text)
    return replace(guest, boot=None if boot == Boot() else boot)


def _screen(guest: Description) -> str:
    if guest.nographic:
        return "nographic"
    return guest.vnc[0].where if guest.vnc else guest.display


def _with_screen(guest: Description, text: str) -> Description:
    """A VNC display (:0, unix:/path, none), nographic, or one of QEMU's own windows."""
    plain = replace(guest, nographic=text == "nographic", display="", vnc=guest.vnc[1:])
    if text in ("", "nographic"):
        return plain
    if text == "none" or ":" in text:
        options = guest.vnc[0].options if guest.vnc else ()
        return replace(plain, vnc=(Vnc(text, options), *plain.vnc))
    return replace(plain, display=text)


def _switched(text: str) -> bool:
    return text == "on"


def _with_media(disk: Disk, text: str) -> Disk:
    """A CD is only read; what was one may be written to again."""
    if text == disk.media:
        return disk
    return replace(disk, media=text, readonly=text == "cdrom")


MACHINE: tuple[Place[Description], ...] = (
    Place("name", "name", "name", "guest", _attribute("name"), _instead("name")),
    Place(
        "machine",
        "machine",
        "machine",
        "type",
        _attribute("machine"),
        _instead("machine"),
        lambda installed: installed.machines,
    ),
    Place(
        "accel",
        "engine",
        "accel",
        "accel",
        lambda guest: ":".join(each.name for each in guest.accels),
        _with_accel,
        lambda installed: installed.accels,
    ),
    Place("cpu", "CPU", "cpu", "model", _attribute("cpu"), _instead("cpu"), lambda installed: installed.cpus),
    Place(
        "memory", "memory MiB", "m", "size", _memory, _with_memory, lambda installed: ("128", "256", "512")
    ),
    *(
        Place(name, label, "smp", name, partial(_of_smp, name), partial(_with_smp, name))
        for name, label in (
            ("cpus", "vCPUs"),
            ("sockets", "sockets"),
            ("cores", "cores"),
            ("threads", "threads"),
            ("maxcpus", "at most"),
        )
    ),
    Place(
        "boot",
        "boot order",
        "boot",
        "order",
        lambda guest: guest.boot.order if guest.boot else "",
        _with_boot,
        lambda installed: ("c", "d", "dc", "n"),
    ),
    Place(
        "screen",
        "display",
        "vnc",
        "vnc",
        _screen,
        _with_screen,
        lambda installed: ("none", ":0", ":1", ":2", "nographic", *installed.displays),
    ),
    Place("vga", "graphics", "vga", "", _attribute("vga"), _instead("vga"), lambda installed: installed.vgas),
    Place(
        "daemonize",
        "in background",
        "daemonize",
        "",
        lambda guest: "on" if guest.daemonize else "off",
        lambda guest, text: replace(guest, daemonize=_switched(text)),
        switch=True,
    ),
)

DISK: tuple[Place[Disk], ...] = (
    Place("file", "image", "drive", "file", _attribute("file"), _instead("file")),
    Place(
        "interface",
        "bus",
        "drive",
        "if",
        _attribute("interface"),
        _instead("interface"),
        lambda installed: ("virtio", "ide", "scsi", "floppy", "none"),
    ),
    Place(
        "format",
        "format",
        "drive",
        "format",
        _attribute("format"),
        _instead("format"),
        lambda installed: ("qcow2", "raw"),
    ),
    Place(
        "media",
        "medium",
        "drive",
        "media",
        _attribute("media"),
        _with_media,
        lambda installed: ("disk", "cdrom"),
    ),
    Place(
        "cache",
        "cache",
        "drive",
        "cache",
        _attribute("cache"),
        _instead("cache"),
        lambda installed: ("writeback", "none", "writethrough", "directsync", "unsafe"),
    ),
    Place(
        "snapshot",
        "throw away",
        "drive",
        "snapshot",
        lambda disk: "on" if disk.snapshot else "off",
        lambda disk, text: replace(disk, snapshot=_switched(text)),
        switch=True,
    ),
)


def _wire(card: Card) -> str:
    return card.wire.kind if card.wire else "none"


def _with_wire(card: Card, text: str) -> Card:
    if text == _wire(card):
        return card
    if text in ("", "none"):
        return replace(card, wire=None)
    return replace(card, wire=Wire(text))


def _of_wire(key: str, card: Card) -> str:
    return last(card.wire.options, key) if card.wire else ""


def _with_wire_option(key: str, kind: str, card: Card, text: str) -> Card:
    wire = card.wire
    if wire is None or wire.kind != kind:
        if not text:
            return card
        wire = Wire(kind)
    kept = tuple((name, value) for name, value in wire.options if name != key)
    # ifname= goes first and script= behind it, as everybody writes them
    options = ((key, text), *kept) if key != "script" else (*kept, (key, text))
    return replace(card, wire=replace(wire, options=options if text else kept))


CARD: tuple[Place[Card], ...] = (
    Place(
        "model",
        "model",
        "nic",
        "model",
        _attribute("model"),
        _instead("model"),
        lambda installed: ("virtio", *installed.nic_models),
    ),
    Place("mac", "MAC", "nic", "mac", _attribute("mac"), _instead("mac")),
    Place("wire", "plugged into", "nic", "type", _wire, _with_wire, lambda installed: _FOR_WIRE),
    Place(
        "tap",
        "tap",
        "nic",
        "ifname",
        partial(_of_wire, "ifname"),
        partial(_with_wire_option, "ifname", "tap"),
    ),
    Place(
        "script",
        "script",
        "nic",
        "script",
        partial(_of_wire, "script"),
        partial(_with_wire_option, "script", "tap"),
        lambda installed: ("/etc/qemu-ifup", "no"),
    ),
    Place("br", "bridge", "nic", "br", partial(_of_wire, "br"), partial(_with_wire_option, "br", "bridge")),
)
