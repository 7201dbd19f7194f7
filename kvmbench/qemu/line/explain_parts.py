"""One option of a line explained: its words, what was left out of it, and today's spelling of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kvmbench.errors import BadInput
from kvmbench.qemu.line.build import qemu_argv
from kvmbench.qemu.line.catalogue import GONE, KNOWN, Change, Option, find
from kvmbench.qemu.line.description import Card, Description, Disk
from kvmbench.qemu.line.reader_disks import SHORT, properties
from kvmbench.qemu.line.topology import arranged
from kvmbench.qemu.line.words import Fields, Given, Line, last, quoted, without

_WORTH_SAYING: dict[str, tuple[str, ...]] = {
    "drive": ("if", "format", "cache"),
    "net nic": ("model", "macaddr"),
    "net tap": ("ifname", "script", "downscript"),
    "nic tap": ("model", "mac", "ifname", "script", "downscript"),
    "nic user": ("model", "mac"),
    "netdev tap": ("ifname", "script", "downscript"),
    "vnc": ("password",),
    "boot": ("menu",),
    "blockdev": ("read-only", "cache.direct"),
}
"""keys whose default a reader should know of when they are left out"""
_KEYS_OF_THE_TERMINAL = (
    "Ctrl-a h lists the keys, Ctrl-a c changes between serial port and monitor, Ctrl-a x ends QEMU"
)
_MODES = {
    "writeback": "written data is in the host's page cache; the guest flushes it when it matters",
    "none": "goes past the host's page cache; the guest still flushes",
    "writethrough": "each write is flushed before the guest goes on: safe and slow",
    "directsync": "goes past the page cache, and flushes each write",
    "unsafe": "nothing is ever flushed: fast, and lost when the host goes down",
}


@dataclass(frozen=True)
class Part:
    """One option of a line, and what there is to say of it."""

    words: str
    does: str
    details: tuple[tuple[str, str], ...] = ()
    """each part of its value → what it does"""
    left_out: tuple[tuple[str, str], ...] = ()
    """what might have been said → what QEMU takes for it"""
    notes: tuple[str, ...] = ()
    """in which version something changed, and other things worth knowing"""
    today: str = ""
    """today's spelling, when this is an old one"""
    manual: str = ""


def parts_of(line: Line, guest: Description) -> tuple[Part, ...]:
    """Each option of a line."""
    return tuple(_part(each, guest) for each in line.given)


def _part(each: Given, guest: Description) -> Part:
    option = find(each.option)
    if not each.option:
        option = find("hda")
    if each.option in GONE:
        version, today = GONE[each.option]
        return Part(str(each), f"was removed in QEMU {version}", today=today)
    if option is None:
        known = each.option in KNOWN
        return Part(
            str(each), "is an option beyond this course" if known else "is no option that is known here"
        )
    said = _said(each, option)
    return Part(
        words=str(each),
        does=_does(said, option),
        details=tuple(_details(said, option)),
        left_out=tuple(_left_out(each, said, option, guest)),
        notes=tuple(_notes(each, said, option)),
        today=_today(each, said, option, guest),
        manual=option.section,
    )


_KINDS = {
    "nic": "is a network card that the guest sees; all -net are on one hub",
    "tap": "is what a card is plugged into: a tap, an interface of the host",
    "user": "is what a card is plugged into: QEMU's own user network, with a way out and no way in",
    "bridge": "is what a card is plugged into: a tap that a helper program puts on a bridge",
    "none": "is no network card at all",
}


def _does(said: Fields, option: Option) -> str:
    return _KINDS.get(last(said, "type"), option.does) if option.name == "net" else option.does


def _said(each: Given, option: Option) -> Fields:
    return properties(each, option.implied) if option.keys else ()


def _details(said: Fields, option: Option) -> Iterator[tuple[str, str]]:
    for key, value in said:
        known = option.key(key)
        if option.name == "cpu" and known is None:
            sign = key[:1]
            does = {"+": "adds this feature", "-": "takes this feature away"}.get(
                sign, "a feature of the processor"
            )
            yield (key if sign in ("+", "-") else f"{key}={value}", does)
        elif value in ("help", "?"):
            yield (value, "QEMU prints a list and ends: no guest is started")
        elif known is None:
            yield (f"{key}={value}", "a part beyond this course")
        elif key == "cache" and value in _MODES:
            yield (f"{key}={value}", _MODES[value])
        elif key != option.implied or (len(said) > 1 and option.name != "net"):
            yield (f"{key}={value}", known.does)


def _left_out(each: Given, said: Fields, option: Option, guest: Description) -> Iterator[tuple[str, str]]:
    if option.name == "smp" and guest.smp:
        yield from _arrangement(guest)
        return
    kind = last(said, "type")
    given = {key for key, _ in said}
    if option.name == "nic" and not kind:
        yield ("kind of wire", "user: QEMU's own network, without a tap")
        kind = "user"
    for key in _WORTH_SAYING.get(f"{option.name} {kind}".strip(), _WORTH_SAYING.get(option.name, ())):
        known = option.key(key)
        if known and key not in given and known.default and not ({"fd", "fds"} & given and key != "model"):
            yield (f"{key}=", known.default)
    if option.name == "vnc" and str(last(said, "vnc")).startswith(":"):
        yield ("host", "it listens on every address of this machine")


def _arrangement(guest: Description) -> Iterator[tuple[str, str]]:
    try:
        whole = arranged(guest.smp) if guest.smp else None
    except BadInput:
        return
    for key in ("cpus", "maxcpus", "sockets", "cores", "threads"):
        if guest.smp and getattr(guest.smp, key) is None:
            yield (f"{key}=", str(getattr(whole, key)))


def _notes(each: Given, said: Fields, option: Option) -> Iterator[str]:
    for key, value in said:
        for change in getattr(option.key(key), "changes", ()):
            yield f"QEMU {change.version}: {key}= was {change.what}"
        known = option.key(key)
        if value == "on" and known and key != option.implied and key in (each.value or "").split(","):
            yield f"{key} without =on is deprecated since QEMU 6.0"
    for change in option.changes:
        if _matters(change, each, said, option):
            yield f"QEMU {change.version}: {change.what}" if change.version else change.what
    if option.name == "nographic" or last(said, "device").startswith("mon:"):
        yield _KEYS_OF_THE_TERMINAL
    if option.name == "monitor" and last(said, "device") == "stdio":
        yield "type help there, info network, quit; with -serial mon:stdio instead, Ctrl-a c leads to it"


def _matters(change: Change, each: Given, said: Fields, option: Option) -> bool:
    """Whether a reader of this very option gains by it; what became of a key is told with the key."""
    if option.name == "smp":
        return change.version == "6.2" and not {"sockets", "cores"} & {key for key, _ in said}
    if option.name == "boot":
        return bool(said) and not (each.value or "").startswith(f"{said[0][0]}=")
    return option.name not in ("net", "vnc", "machine", "vga")


def _today(each: Given, said: Fields, option: Option, guest: Description) -> str:
    """Today's spelling of this very option, with its own values; "" when it is today's already."""
    if option.name in SHORT or option.name == "drive":
        return _disk_today(each, option, guest)
    if option.name == "net":
        return _card_today(each, said, guest)
    if option.name == "boot" and said and not (each.value or "").startswith(f"{said[0][0]}="):
        return f"-boot order={each.value}"
    if option.name == "machine" and last(said, "accel"):
        accels = " ".join(f"-accel {name}" for name in last(said, "accel").split(":"))
        plain = quoted(
            qemu_argv(Description(machine=guest.machine, machine_options=without(said, "type", "accel")))[1:]
        )
        return f"{plain} {accels}".strip()
    if option.name == "usbdevice":
        return f"-device usb-{'kbd' if each.value == 'keyboard' else each.value}"
    return option.today


def _disk_today(each: Given, option: Option, guest: Description) -> str:
    disk = next((disk for disk in guest.disks if disk.said.startswith(str(each))), None)
    if disk is None:
        return ""
    if option.name == "drive":
        words = qemu_argv(Description(disks=(disk,)), "pairs")[1:]
        pair = words[:1] == ("-blockdev",) and disk.interface != "none"
        return f"the same, or in two: {quoted(words)}" if pair else ""
    plain: Disk = replace(disk, id="")
    return quoted(qemu_argv(Description(disks=(plain,)))[1:])


def _card_today(each: Given, said: Fields, guest: Description) -> str:
    words = str(each)
    known = (card for card in guest.cards or () if words in (card.said, card.wire.said if card.wire else ""))
    card: Card | None = next(known, None)
    if last(said, "type") == "none":
        return "-nic none"
    if card is None or card.wire is None or card.joined:
        return "-netdev … for each wire and -device … for each card; -netdev hubport,… to join several"
    wire = replace(card.wire, options=without(card.wire.options, "vlan", "name"))
    kept = replace(card, options=without(card.options, "vlan", "name"), wire=wire)
    today = quoted(qemu_argv(Description(cards=(kept,)))[1:])
    return today if card.said == words else f"(together with its card) {today}"
