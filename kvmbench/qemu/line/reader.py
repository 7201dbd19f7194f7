"""A command line read: from what was typed to a Description."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields as fields_of
from dataclasses import replace

from kvmbench.errors import BadInput
from kvmbench.qemu.line import mend
from kvmbench.qemu.line.catalogue import find
from kvmbench.qemu.line.description import Accel, Boot, Description, Smp, Vnc
from kvmbench.qemu.line.reader_cards import read_cards
from kvmbench.qemu.line.reader_disks import properties, read_disks
from kvmbench.qemu.line.words import (
    Fields,
    Given,
    Line,
    fields,
    joined,
    last,
    meant,
    merged,
    number,
    one_line,
    size_bytes,
    split,
    switch,
    tokens,
    without,
)

_READ = """
name machine M accel enable-kvm cpu smp m boot display nographic vga vnc serial monitor qmp daemonize pidfile
"""
READ = frozenset(_READ.split())
"""the options read here; disks and network cards have readers of their own"""
FIRST = frozenset(("object", "chardev", "blockdev", "netdev", "device", "usb"))
"""what is not taken apart and goes before the rest: a disk may need a controller that stands before it"""


def parse(line: str | Sequence[str]) -> Description:
    """What a command line asks for, given as typed or as its words.

    >>> c1 = parse("qemu-kvm -name c1 -m 1G -hda c1.img -net nic,model=virtio -net tap,ifname=tap01 -vnc :2")
    >>> c1.name, c1.memory_mib, c1.disks[0].index, c1.cards[0].wire.tap, c1.vnc[0].display
    ('c1', 1024.0, 0, 'tap01', 2)

    Raises:
        BadInput: it cannot be typed like this; the hint says what was probably meant.
    """
    try:
        return described(taken_apart(line))
    except BadInput as error:
        suggestion = mend.suggest(line if isinstance(line, str) else " ".join(line))
        hint = f"Probably meant: {suggestion.line}" if suggestion else error.hint
        raise BadInput(one_line(error.what), one_line(hint)) from None


def taken_apart(line: str | Sequence[str]) -> Line:
    """The options of a line that QEMU could be given as it stands.

    Raises:
        BadInput: it could not.
    """
    return tokens(split(line) if isinstance(line, str) else line)


def described(line: Line) -> Description:
    """What the options of a line ask for.

    Raises:
        BadInput: a number, a size or a switch is none, or a key is unknown where all of them are known.
    """
    for each in line.given:
        _keys_are_words(each)
    asked = [each for each in line.given if each.value in ("help", "?") and each.asks]
    line = Line(line.program, tuple(each for each in line.given if each not in asked))
    name = merged(fields(each, "guest") for each in _values(line, "name"))
    machine = _machine(line)
    memory = merged(fields(each, "size") for each in _values(line, "m"))
    displays = [fields(each, "type") for each in _values(line, "display")]
    disks, rest = read_disks([each for each in line.given if each.option not in READ])
    cards, rest = read_cards(rest)
    return Description(
        program=line.program,
        name=last(name, "guest"),
        name_options=without(name, "guest"),
        machine=last(machine, "type"),
        machine_options=without(machine, "type", *(() if line.of("accel") else ("accel",))),
        accels=_accels(line, machine),
        cpu=next(reversed(_values(line, "cpu")), ""),
        smp=_smp(merged(fields(each, "cpus") for each in _values(line, "smp"))),
        memory_kib=_memory_kib(last(memory, "size")),
        memory_options=without(memory, "size"),
        boot=_boot(merged(fields(each, "order") for each in _values(line, "boot"))),
        disks=disks,
        cards=cards,
        display=next((joined(each, "type") for each in reversed(displays) if not _shows_vnc(each)), ""),
        nographic=bool(line.of("nographic")),
        vga=next(reversed(_values(line, "vga")), ""),
        vnc=tuple(_vncs(line)),
        serial=_values(line, "serial"),
        monitor=_values(line, "monitor"),
        qmp=_values(line, "qmp"),
        daemonize=bool(line.of("daemonize")),
        pidfile=next(reversed(_values(line, "pidfile")), ""),
        rest=tuple(each.words for each in sorted([*rest, *asked], key=lambda each: each.option not in FIRST)),
    )


def _keys_are_words(each: Given) -> None:
    """A key with a comma in it comes from one comma too many: there is no such key, nor can it be written."""
    option = find(each.option)
    for key, _ in properties(each, option.implied) if option and option.keys else ():
        if "," in key:
            raise BadInput(
                f"-{each.option} has no {key!r}", "Write one comma between two parts, and none before."
            )


def _values(line: Line, *options: str) -> tuple[str, ...]:
    return tuple(each.value or "" for each in line.of(*options))


def _machine(line: Line) -> Fields:
    """-enable-kvm is a way to write -machine accel=kvm: of the two the later one counts."""
    return merged(
        (("accel", "kvm"),) if each.value is None else fields(each.value, "type")
        for each in line.of("machine", "M", "enable-kvm")
    )


def _accels(line: Line, machine: Fields) -> tuple[Accel, ...]:
    said = [fields(each, "accel") for each in _values(line, "accel")]
    if not said:
        return tuple(Accel(each) for each in last(machine, "accel").split(":") if each)
    return tuple(Accel(last(each, "accel"), without(each, "accel")) for each in said)


def _memory_kib(text: str) -> int | None:
    """-m counts in MiB; 0 is taken for nothing said, and the rest is rounded up to 8 KiB."""
    if not text:
        return None
    try:
        size = size_bytes(text, unit="m")
    except BadInput as error:
        raise BadInput(f"-m {text}: {error.what}", error.hint) from None
    return -(-size // 8192) * 8 or None


def _smp(said: Fields) -> Smp | None:
    known = [each.name for each in fields_of(Smp)]
    _only(said, known, "-smp")
    given = {key: number(value, f"-smp {key}") for key, value in said}
    return Smp(**given) if given else None


_BOOT: dict[str, tuple[str, Callable[[str, str], object]]] = {
    "order": ("order", lambda text, _: text),
    "once": ("once", lambda text, _: text),
    "menu": ("menu", switch),
    "splash": ("splash", lambda text, _: text),
    "splash-time": ("splash_time_ms", number),
    "reboot-timeout": ("reboot_timeout_ms", lambda text, what: number(text, what, least=-1)),
    "strict": ("strict", switch),
}


def _boot(said: Fields) -> Boot | None:
    _only(said, _BOOT, "-boot")
    boot = Boot()
    for key, value in said:
        if key in _BOOT:
            place, read = _BOOT[key]
            boot = replace(boot, **{place: read(value, f"-boot {key}")})  # type: ignore[arg-type]
    return boot if said and boot != Boot() else None


def _only(said: Fields, known: Iterable[str], option: str) -> None:
    """A key that QEMU does not know would end it: say which one was meant."""
    for key, _ in said:
        if key not in known:
            near = meant(key, known)
            raise BadInput(
                f"{option} has no {key}=",
                f"Did you mean {near}=?" if near else f"It knows {'=, '.join(known)}=.",
            )


def _shows_vnc(said: Fields) -> bool:
    return said[:1] != () and said[0][0] == "vnc"


def _vncs(line: Line) -> Iterable[Vnc]:
    """-display vnc=:1 is another way to write -vnc :1."""
    for each in line.of("vnc", "display"):
        said = fields(each.value or "", "vnc" if each.option == "vnc" else "type")
        if _shows_vnc(said):
            yield Vnc(said[0][1], without(said[1:]))
