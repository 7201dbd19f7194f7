"""A guest that is being described: a form and a command line edit each other, each change a new draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kvmbench.errors import BadInput
from kvmbench.forms.places import CARD, DISK, MACHINE, Place
from kvmbench.model import Snapshot
from kvmbench.qemu.line import (
    Card,
    Context,
    Description,
    Disk,
    Smp,
    Spelling,
    Trouble,
    Vnc,
    Wire,
    parse,
    qemu_argv,
    refuse,
)
from kvmbench.qemu.line.words import quoted, tokens
from kvmbench.qemu.options import IFUP

ROWS: dict[str, tuple[Place[Any], ...]] = {"disks": DISK, "cards": CARD}
LINE = "line"
"""the field that the command line itself stands in"""
_NO_IMAGE = Trouble("a disk without an image", "Pick one of the bench's, or make one: qemu-img create")
_OF_OPTION = {
    **dict.fromkeys(("machine", "M"), "machine"),
    **dict.fromkeys(("accel", "enable-kvm"), "accel"),
    **dict.fromkeys(("vnc", "display", "nographic"), "screen"),
    **{option: option for option in ("name", "cpu", "boot", "vga", "daemonize")},
    "m": "memory",
}
_OF_KEY = {
    "disks": {"if": "interface", "readonly": "media", "index": "interface", "aio": "cache"},
    "cards": {"macaddr": "mac", "ifname": "tap", "type": "wire"},
}


@dataclass(frozen=True)
class Draft:
    """A guest, the line that stands for it, and what is filled in that cannot be read yet."""

    guest: Description
    line: str
    spelling: Spelling = "today"
    unread: Mapping[str, tuple[str, Trouble]] = field(default_factory=dict)
    """field → the text in it, and why it is none; the guest is still what it was before"""

    @staticmethod
    def of(guest: Description, spelling: Spelling = "today") -> Draft:
        return Draft(guest, quoted(qemu_argv(guest, spelling)), spelling)

    def typed(self, line: str) -> Draft:
        """After somebody typed the line; the form follows when it can be read."""
        try:
            guest = parse(line)
        except BadInput as error:
            return replace(self, line=line, unread={LINE: (line, Trouble(error.what, error.hint))})
        return replace(self, guest=guest, line=line, unread={})

    def spelt(self, spelling: Spelling) -> Draft:
        """The same guest in another spelling."""
        return replace(Draft.of(self.guest, spelling), unread=self._without(LINE))

    def filled(self, place: str, text: str) -> Draft:
        """After somebody filled in a field: `memory`, `disks.0.file`; the line follows if it can be read."""
        text = text.strip()
        if text == self.text(place):
            return self
        try:
            guest = self._with(place, text)
            line = quoted(qemu_argv(guest, self.spelling))
        except BadInput as error:
            return replace(self, unread={**self.unread, place: (text, Trouble(error.what, error.hint))})
        return replace(self, guest=guest, line=line, unread=self._without(place, LINE))

    def text(self, place: str) -> str:
        """What stands in a field."""
        if place in self.unread:
            return self.unread[place][0]
        found, noun = self._place(place)
        return found.get(noun)

    def more(self, rows: str, around: Context) -> Draft:
        """With one more disk or card."""
        guest = self.guest
        if rows == "disks":
            guest = replace(guest, disks=(*guest.disks, Disk("", "virtio", "qcow2")))
        else:
            guest = replace(guest, cards=(*(guest.cards or ()), next_card(around, guest.cards or ())))
        return Draft.of(guest, self.spelling)

    def fewer(self, rows: str, at: int) -> Draft:
        """Without a disk or a card."""
        kept = list(getattr(self.guest, rows) or ())
        del kept[at]
        return Draft.of(self._with_rows(rows, kept), self.spelling)

    def troubles(self, around: Context | None = None) -> dict[str, tuple[Trouble, ...]]:
        """What stands against it, by the field that it is about; `line` where it is about none."""
        found: dict[str, tuple[Trouble, ...]] = {
            place: (trouble,) for place, (_, trouble) in self.unread.items()
        }
        if LINE in found:
            return found
        argv = qemu_argv(self.guest, self.spelling)
        try:
            as_built = parse(argv)
        except BadInput as error:
            return {**found, LINE: (Trouble(error.what, error.hint),)}
        for at, disk in enumerate(self.guest.disks):
            if not disk.file and disk.media == "disk":
                found.setdefault(f"disks.{at}.file", (_NO_IMAGE,))
        for trouble in (*refuse(argv, around), *_held_up(self.guest)):
            place = field_of(trouble, as_built)
            if place not in self.unread and found.get(place) != (_NO_IMAGE,):
                found[place] = (*found.get(place, ()), trouble)
        return found

    @property
    def places(self) -> tuple[str, ...]:
        """All fields of the form, in order."""
        rows = tuple(
            f"{name}.{at}.{place.name}"
            for name, kinds in ROWS.items()
            for at in range(len(getattr(self.guest, name) or ()))
            for place in kinds
        )
        return (*(place.name for place in MACHINE), *rows)

    def _place(self, name: str) -> tuple[Place[Any], Any]:
        rows, _, rest = name.partition(".")
        if rows not in ROWS:
            return next(each for each in MACHINE if each.name == name), self.guest
        at, _, column = rest.partition(".")
        noun = getattr(self.guest, rows)[int(at)]
        return next(each for each in ROWS[rows] if each.name == column), noun

    def _with(self, name: str, text: str) -> Description:
        place, noun = self._place(name)
        changed = place.put(noun, text)
        rows, _, rest = name.partition(".")
        if rows not in ROWS:
            assert isinstance(changed, Description)
            return changed
        all_of_them = list(getattr(self.guest, rows))
        all_of_them[int(rest.partition(".")[0])] = changed
        return self._with_rows(rows, all_of_them)

    def _with_rows(self, rows: str, nouns: list[Any]) -> Description:
        if rows == "disks":
            return replace(self.guest, disks=tuple(nouns))
        return replace(self.guest, cards=tuple(nouns))

    def _without(self, *places: str) -> dict[str, tuple[str, Trouble]]:
        return {name: bad for name, bad in self.unread.items() if name not in places}


def field_of(trouble: Trouble, guest: Description) -> str:
    """The field of the form that a trouble is about; the guest is the one that was read from the line."""
    option = trouble.option
    for at, disk in enumerate(guest.disks):
        if option and disk.said == option:
            return f"disks.{at}.{_column('disks', trouble.key, 'file')}"
    for at, card in enumerate(guest.cards or ()):
        if option and option in (card.said, card.wire.said if card.wire else ""):
            tap = "tap" if card.wire and card.wire.kind == "tap" else "wire"
            return f"cards.{at}.{_column('cards', trouble.key, tap)}"
    try:
        given = tokens(["qemu-kvm", *option.split(" ", 1)]).given if option else ()
    except BadInput:
        given = ()
    name = given[0].option if given else ""
    if name == "smp":
        return trouble.key if trouble.key in ("sockets", "cores", "threads", "maxcpus") else "cpus"
    return _OF_OPTION.get(name, LINE)


def _column(rows: str, key: str, otherwise: str) -> str:
    name = _OF_KEY[rows].get(key, key)
    return name if any(place.name == name for place in ROWS[rows]) else otherwise


def _held_up(guest: Description) -> tuple[Trouble, ...]:
    """A line that does not end would hold up whoever starts it from a form."""
    if guest.daemonize:
        return ()
    what = "without -daemonize the line does not end before the guest does"
    hint = "Start it in the background; or copy the line into a terminal."
    return (Trouble(what, hint, "-nographic" if guest.nographic else "-daemonize"),)


def first_draft(seen: Snapshot, around: Context, spelling: Spelling = "today") -> Draft:
    """What the form begins with: the next guest that fits on the bench, with an image that nobody uses."""
    name = _next("c", around.guests)
    backs = {image.backing for image in seen.images}
    free = [
        image
        for image in seen.images
        if not image.trouble
        and image.path not in backs
        and not any(each.path == image.path and (each.written_by or each.read_by) for each in around.images)
    ]
    best = sorted(free, key=lambda image: (f"{name[1:]}." not in image.path, image.path))
    disks = tuple(Disk(image.path, "virtio", image.format) for image in best[:1])
    displays = {where.rpartition(":")[2] for where, _ in around.vnc}
    display = next(number for number in range(100) if str(5900 + number) not in displays)
    return Draft.of(
        Description(
            name=name,
            memory_kib=256 * 1024,
            smp=Smp(cpus=2),
            disks=disks,
            cards=(next_card(around),),
            vnc=(Vnc(f":{display}"),),
            daemonize=True,
        ),
        spelling,
    )


def next_card(around: Context, beside: tuple[Card, ...] = ()) -> Card:
    """A card with an address and a tap that nobody has yet."""
    macs = {mac for mac, _ in around.macs} | {card.mac for card in beside}
    mac = next(
        each for each in (f"52:54:00:00:00:{number:02x}" for number in range(1, 256)) if each not in macs
    )
    held = {tap.name for tap in around.taps or ()}
    tap = _next("tap", held | {card.wire.tap or "" for card in beside if card.wire}, digits=2)
    return Card("virtio", mac, Wire("tap", (("ifname", tap), ("script", IFUP))))


def _next(stem: str, taken: Any, digits: int = 1) -> str:
    return next(
        each for each in (f"{stem}{number:0{digits}}" for number in range(1, 1000)) if each not in taken
    )
