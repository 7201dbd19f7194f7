"""What cannot work, said before QEMU is started: each trouble in two lines, with its option."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kvmbench.errors import BadInput
from kvmbench.qemu.line import mend
from kvmbench.qemu.line.catalogue import COURSE, GONE, KNOWN, Option, find
from kvmbench.qemu.line.context import Context
from kvmbench.qemu.line.description import Description
from kvmbench.qemu.line.reader import described, taken_apart
from kvmbench.qemu.line.reader_disks import JSON, properties
from kvmbench.qemu.line.refuse_cards import card_troubles
from kvmbench.qemu.line.refuse_disks import disk_troubles
from kvmbench.qemu.line.topology import MOST, arranged
from kvmbench.qemu.line.trouble import Trouble
from kvmbench.qemu.line.words import DASHES, Given, Line, fields, last, meant, size_bytes

__all__ = ["Trouble", "refuse"]


def refuse(line: str | Sequence[str] | Description, context: Context | None = None) -> tuple[Trouble, ...]:
    """All that cannot work in a line, in the order of its options; () when nothing stands against it.

    >>> [trouble.what for trouble in refuse("qemu-kvm -net nic,macaddr=52:54:00:00:00 -net user")]
    ['52:54:00:00:00 is no MAC address: it has 5 bytes, not 6']
    """
    from kvmbench.qemu.line.build import qemu_argv

    around = context or Context()
    words = qemu_argv(line) if isinstance(line, Description) else line
    try:
        apart = taken_apart(words)
    except BadInput as error:
        suggestion = mend.suggest(words if isinstance(words, str) else " ".join(words))
        hint = f"Probably meant: {suggestion.line}" if suggestion else error.hint
        return (Trouble(error.what, hint),)
    troubles = [trouble for each in apart.given for trouble in _option(each, around)]
    try:
        guest = described(apart)
        if any(each.asks for each in apart.given):
            return ()
        troubles += _all(apart, guest, around)
    except BadInput as error:
        if not any(error.what == trouble.what for trouble in troubles):
            troubles.append(Trouble(error.what, error.hint, *_about(error.what, apart)))
    return tuple(dict.fromkeys(_ordered(apart, troubles)))


def _about(what: str, line: Line) -> tuple[str, str]:
    """The option that a message begins with, and the key behind it."""
    option, _, key = what.partition(":")[0].partition(" ")
    found = next((each for each in reversed(line.given) if f"-{each.option}" == option), None)
    return (str(found) if found else "", key.partition("=")[0] if "=" in key else "")


def _ordered(line: Line, troubles: Iterable[Trouble]) -> list[Trouble]:
    places = {str(each): each.place for each in reversed(line.given)}
    return sorted(troubles, key=lambda trouble: places.get(trouble.option, len(places) + 1000))


def _all(line: Line, guest: Description, around: Context) -> Iterator[Trouble]:
    yield from _machine(line, guest, around)
    yield from _screens(line, guest, around)
    yield from disk_troubles(guest, around)
    yield from card_troubles(line, guest, around)


def _option(each: Given, around: Context) -> Iterator[Trouble]:
    """An option that there is not, or a key that it has not or has no more."""
    option = find(each.option)
    installed = around.installed.options if around.installed else ()
    if each.option and (each.value or "x")[0] in DASHES:
        hint = f"Write it as -{(each.value or '').lstrip(DASHES)}"
        yield Trouble(f"{each.value!r} begins with a dash that is no hyphen", hint, str(each))
    if not each.option and each.value in COURSE:
        yield Trouble(
            f"{each.value} would be taken for a disk image", f"Did you mean -{each.value}?", str(each)
        )
    if each.option in GONE:
        version, today = GONE[each.option]
        hint = f"Today it is written {today}" if today else "Leave it out: nothing took its place."
        yield Trouble(f"-{each.option} was removed in QEMU {version}", hint, str(each))
    elif each.option and each.option not in KNOWN and each.option not in installed:
        near = meant(each.option, COURSE) or meant(each.option, (*KNOWN, *installed))
        hint = f"Did you mean -{near}?" if near else "See which there are: qemu-kvm -help"
        yield Trouble(f"QEMU has no option -{each.option}", hint, str(each))
    elif option and option.takes and not ((each.value or "").startswith("{") and each.option in JSON):
        yield from _keys(each, option)


def _keys(each: Given, option: Option) -> Iterator[Trouble]:
    for key, value in fields(each.value or "", option.implied):
        known = option.key(key)
        near = _near(each.option, key, option)
        if option.keys and known is None and (option.closed or near):
            hint = f"Did you mean {near}=?" if near else f"See -{option.name} in QEMU's manual."
            yield Trouble(f"-{each.option} has no {key}=", hint, str(each), key)
        elif known:
            removed = next((change for change in known.changes if change.what.startswith("removed")), None)
            if removed and each.option == option.name:
                yield Trouble(
                    f"-{each.option} has no {key}= any more: it was removed in QEMU {removed.version}",
                    f"Leave {key}= out; {removed.what.removeprefix('removed: ')}.",
                    str(each),
                    key,
                )
            elif known.values and value not in known.values:
                near = meant(value, known.values)
                hint = f"Did you mean {near}?" if near else f"It is one of {', '.join(known.values)}."
                if not (
                    set(known.values) >= {"on", "off"} and value in ("yes", "no", "true", "false", "y", "n")
                ):
                    yield Trouble(
                        f"-{each.option} {key}={value}: QEMU knows no {value!r} here", hint, str(each), key
                    )


def _near(name: str, key: str, option: Option) -> str:
    """The key that was probably meant. Where a driver has keys of its own, the likeness has to be close."""
    if (name, key) in _CONFUSED:
        return _CONFUSED[name, key]
    keys = [each.name for each in option.keys]
    if option.closed:
        return meant(key, keys)
    return meant(key, keys, likeness=0.8) if "." not in key and name in _LISTED else ""


_LISTED = frozenset(("drive", "net", "nic", "netdev", "vnc"))
"""options of which the catalogue has most keys, so that a likeness to one of them tells something"""
_CONFUSED = {("net", "mac"): "macaddr", ("nic", "macaddr"): "mac", ("device", "macaddr"): "mac"}


def _unknown(
    word: str, known: Sequence[str], what: str, listed: str, option: str, key: str
) -> Iterator[Trouble]:
    """A word that the installed QEMU does not offer; silence when it was not asked."""
    if word and known and word not in known:
        near = meant(word, known)
        hint = f"Did you mean {near}?" if near else f"See which there are: qemu-kvm {listed}"
        yield Trouble(f"this QEMU has no {what} {word}", hint, option, key)


def _machine(line: Line, guest: Description, around: Context) -> Iterator[Trouble]:
    had = around.installed
    machine = _said(line, "machine", "M")
    if guest.machine.rstrip("kKmMgG").isdigit() and guest.machine not in (had.machines if had else ()):
        yield Trouble(
            f"-M chooses the board, and {guest.machine} is none",
            f"For memory write a small letter: -m {guest.machine}",
            machine,
        )
    elif had:
        yield from _unknown(guest.machine, had.machines, "machine", "-machine help", machine, "type")
    if had:
        for accel in guest.accels:
            said = _said(line, "accel", "enable-kvm", "machine", "M")
            yield from _unknown(accel.name, had.accels, "engine", "-accel help", said, "accel")
        cpu = guest.cpu.partition(",")[0]
        yield from _unknown(cpu, had.cpus, "processor", "-cpu help", _said(line, "cpu"), "model")
        yield from _unknown(guest.vga, had.vgas, "graphics card", "-vga help", _said(line, "vga"), "")
        for each in line.of("device"):
            driver = last(properties(each, "driver"), "driver")
            yield from _unknown(driver, had.devices, "device", "-device help", str(each), "driver")
    if line.of("accel") and last(guest.machine_options, "accel"):
        said = _said(line, "enable-kvm", "machine", "M")
        yield Trouble("the engine is chosen twice, and QEMU takes -accel alone", f"Leave out {said}.", said)
    if guest.cpu.partition(",")[0] == "host" and guest.accels and guest.accels[0].name == "tcg":
        yield Trouble(
            "-cpu host needs KVM, and this guest runs under tcg", "Write -cpu max.", _said(line, "cpu")
        )
    yield from _name(line, guest, around)
    yield from _size(line, guest, around)
    yield from _processors(line, guest)
    yield from _boot(line, guest)


def _name(line: Line, guest: Description, around: Context) -> Iterator[Trouble]:
    if guest.name and guest.name in around.guests:
        hint = "Take another name, or power that guest off first."
        yield Trouble(f"a guest named {guest.name} is running already", hint, _said(line, "name"), "guest")


def _size(line: Line, guest: Description, around: Context) -> Iterator[Trouble]:
    if around.memory_mib and guest.memory_mib > around.memory_mib:
        yield Trouble(
            f"{guest.memory_mib:g} MiB are more than this machine has: {around.memory_mib} MiB",
            "Give the guest less: -m 256 is plenty for the course's image.",
            _said(line, "m"),
            "size",
        )
    most = last(guest.memory_options, "maxmem")
    try:
        if most and size_bytes(most, unit="m") < guest.memory_mib * 2**20:
            hint = f"Write maxmem={guest.memory_mib:g}M or more, or leave it out."
            yield Trouble(
                f"maxmem={most} is less than the memory at the start", hint, _said(line, "m"), "maxmem"
            )
    except BadInput as error:
        yield Trouble(f"maxmem={most}: {error.what}", error.hint, _said(line, "m"), "maxmem")


def _processors(line: Line, guest: Description) -> Iterator[Trouble]:
    said = _said(line, "smp")
    if guest.smp is None:
        return
    try:
        whole = arranged(guest.smp)
    except BadInput as error:
        yield Trouble(error.what, error.hint, said, "cpus")
        return
    if (whole.clusters or 1) > 1:
        yield Trouble("a PC has no clusters of cores", "Leave clusters= out.", said, "clusters")
    if (whole.maxcpus or 0) > MOST and "q35" not in guest.machine:
        what = f"{whole.maxcpus} processors are more than the {MOST} of this board"
        yield Trouble(what, "A guest of the course needs one or two: -smp 2", said, "cpus")


def _boot(line: Line, guest: Description) -> Iterator[Trouble]:
    said = _said(line, "boot")
    for key, letters in (("order", guest.boot.order), ("once", guest.boot.once)) if guest.boot else ():
        wrong = next((letter for letter in letters if not "a" <= letter <= "p"), "")
        twice = next((letter for letter in letters if letters.count(letter) > 1), "")
        if wrong:
            hint = "a and b are floppies, c is the hard disk, d the CD, n the network: order=dc"
            yield Trouble(f"there is no boot device {wrong!r}", hint, said, key)
        elif twice:
            yield Trouble(
                f"boot device {twice!r} is named twice", "Name each once, like order=dc.", said, key
            )
    timeout = guest.boot.reboot_timeout_ms if guest.boot else None
    if timeout is not None and timeout > 65535:
        yield Trouble(
            f"reboot-timeout={timeout} is too long", "Take 65535 ms at most.", said, "reboot-timeout"
        )


def _screens(line: Line, guest: Description, around: Context) -> Iterator[Trouble]:
    kind = guest.display.partition(",")[0]
    known = around.installed.displays if around.installed else ()
    yield from _unknown(
        kind, (*known, "default") if known else (), "display", "-display help", _said(line, "display"), ""
    )
    if guest.daemonize and guest.nographic:
        hint = "Leave out one of them; -display none -daemonize shows no screen either."
        yield Trouble("-nographic uses the terminal that -daemonize leaves", hint, "-nographic")
    for option, devices in (("serial", guest.serial), ("monitor", guest.monitor), ("qmp", guest.qmp)):
        for device in devices:
            if guest.daemonize and device.removeprefix("mon:") == "stdio":
                hint = f"Give it a socket: -{option} unix:/run/{option}.sock,server=on,wait=off"
                yield Trouble(
                    f"-{option} stdio uses the terminal that -daemonize leaves", hint, f"-{option} {device}"
                )
    taken = dict(around.vnc)
    for each in line.of("vnc", "display"):
        yield from _vnc(each, guest, taken)


def _vnc(each: Given, guest: Description, taken: dict[str, str]) -> Iterator[Trouble]:
    text = (each.value or "").removeprefix("vnc=")
    vnc = next((vnc for vnc in guest.vnc if vnc.where == text.partition(",")[0]), None)
    if vnc is None or vnc.where == "none":
        return
    if vnc.display is None and vnc.path is None:
        yield Trouble(
            f"{vnc.where!r} is no VNC display", "Write host:number, like :0, or unix:/path.", str(each), "vnc"
        )
    elif vnc.display is not None and vnc.display > 65535 - 5900:
        what = f"there is no VNC display :{vnc.display}"
        yield Trouble(what, "Display :0 is TCP port 5900; take 0 to 99.", str(each), "vnc")
    elif not {"to", "reverse"} & {key for key, _ in vnc.options}:
        place = vnc.path or f"{vnc.host or '0.0.0.0'}:{5900 + (vnc.display or 0)}"
        other = next((who for where, who in taken.items() if _meets(where, place)), None)
        if other is not None:
            hint = (
                f"Take another one, like -vnc :{(vnc.display or 0) + 1}"
                if vnc.path is None
                else "Name another path."
            )
            whose = "this line" if other == "" else f"guest {other}"
            yield Trouble(f"VNC display {vnc.where} is taken by {whose}", hint, str(each), "vnc")
        taken[place] = ""


def _meets(one: str, other: str) -> bool:
    """Whether two servers cannot listen at the same time: one port, and one of them on every address."""
    (host, _, port), (host2, _, port2) = one.rpartition(":"), other.rpartition(":")
    everywhere = ("0.0.0.0", "", "::")
    return one == other or bool(
        port == port2 and (host in everywhere or host2 in everywhere) and port.isdigit()
    )


def _said(line: Line, *options: str) -> str:
    """The last of these options, as it was typed."""
    return next((str(each) for each in reversed(line.of(*options))), "")
