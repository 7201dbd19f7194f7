"""The form for a guest and its line: each change of one is a change of the other, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmbench.errors import BadInput
from kvmbench.forms import Draft, first_draft
from kvmbench.forms.draft import LINE
from kvmbench.model import Drive, Guest, Image, Nic, Snapshot
from kvmbench.qemu.line import Context, Spelling, context, parse, qemu_argv
from kvmbench.qemu.line.installed import Installed

C1 = (
    "qemu-kvm -name c1 -m 256 -smp 2 -drive file=/vms/c1.img,media=disk,if=virtio,format=qcow2 "
    "-nic tap,model=virtio,mac=52:54:00:00:00:01,ifname=tap01,script=/etc/qemu-ifup -vnc :0 -daemonize"
)
GOOD = (Path(__file__).parents[1] / "qemu" / "line" / "good.txt").read_text(encoding="utf-8").splitlines()
SPELLINGS: tuple[Spelling, ...] = ("today", "tutorial", "pairs")
RUNNING = Guest(
    "c1", 7, ("qemu-kvm",), "running", "tcg", 256, 2,
    drives=(Drive("/vms/c1.img", "qcow2", "virtio"),),
    nics=(Nic("virtio", "52:54:00:00:00:01", "tap01"),), vnc="0.0.0.0:5900",
)  # fmt: skip
SEEN = Snapshot(
    "t", 0.0, (), guests=(RUNNING,),
    images=(
        Image("/vms/base.img", "qcow2", 1, 1), Image("/vms/c1.img", "qcow2", 1, 1, backing="/vms/base.img"),
        Image("/vms/c2.img", "raw", 1, 1), Image("/vms/c3.img", "qcow2", 1, 1),
    ),
)  # fmt: skip


def draft(spelling: Spelling = "today") -> Draft:
    return Draft.of(parse(C1), spelling)


FILLED = [
    ("name", "c7", "-name c7"),
    ("machine", "q35", "-machine q35"),
    ("accel", "kvm:tcg", "-accel kvm -accel tcg"),
    ("cpu", "max", "-cpu max"),
    ("memory", "512", "-m 512"),
    ("memory", "1G", "-m 1024"),
    ("cpus", "4", "-smp 4"),
    ("cores", "2", "-smp 2,cores=2"),
    ("boot", "dc", "-boot order=dc"),
    ("screen", ":7", "-vnc :7"),
    ("screen", "none", "-vnc none"),
    ("screen", "gtk", "-display gtk"),
    ("vga", "virtio", "-vga virtio"),
    ("disks.0.file", "/vms/x,y.img", "file=/vms/x,,y.img"),
    ("disks.0.interface", "ide", "if=ide"),
    ("disks.0.cache", "none", "cache=none"),
    ("disks.0.media", "cdrom", "media=cdrom"),
    ("disks.0.snapshot", "on", "snapshot=on"),
    ("cards.0.model", "e1000", "model=e1000"),
    ("cards.0.mac", "52:54:00:00:00:09", "mac=52:54:00:00:00:09"),
    ("cards.0.tap", "tap09", "ifname=tap09"),
    ("cards.0.script", "no", "script=no"),
    ("cards.0.wire", "user", "-nic user,model=virtio"),
    ("cards.0.br", "br-int", "-nic bridge,model=virtio,mac=52:54:00:00:00:01,br=br-int"),
]


@pytest.mark.parametrize(("place", "text", "words"), FILLED, ids=[f"{p}={t}" for p, t, _ in FILLED])
def test_the_line_follows_the_form_and_the_form_the_line(place: str, text: str, words: str) -> None:
    filled = draft().filled(place, text)
    assert words in filled.line
    again = draft().typed(filled.line)
    assert again.guest == filled.guest
    assert {each: again.text(each) for each in again.places} == {
        each: filled.text(each) for each in filled.places
    }


@pytest.mark.parametrize("place", [each for each in draft().places if "wire" not in each])
def test_a_field_that_is_emptied_is_gone_from_the_line_and_can_be_filled_in_again(place: str) -> None:
    before = draft().text(place)
    emptied = draft().filled(place, "")
    assert emptied.filled(place, before).text(place) == before


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("line", GOOD)
def test_filling_in_what_stands_there_changes_nothing(line: str, spelling: Spelling) -> None:
    before = Draft.of(parse(line), spelling)
    after = before
    for place in before.places:
        after = after.filled(place, before.text(place))
    assert after == before


@pytest.mark.parametrize("line", GOOD)
def test_every_field_of_every_line_can_be_read_and_has_an_explanation(line: str) -> None:
    shown = Draft.of(parse(line))
    assert all(isinstance(shown.text(place), str) for place in shown.places)
    assert all(shown._place(place)[0].does for place in shown.places)


def test_what_the_form_cannot_show_is_kept() -> None:
    typed = draft().typed(f"{C1} -usbdevice tablet -rtc base=utc")
    assert "-usbdevice tablet -rtc base=utc" in typed.filled("memory", "512").line


def test_a_line_stays_as_it_was_typed_until_the_form_changes_it() -> None:
    typed = draft().typed(f"{C1}   -m 1G")
    assert typed.line.endswith("   -m 1G")
    assert typed.text("memory") == "1024"


def test_a_line_that_cannot_be_read_leaves_the_form_and_says_so_at_the_line() -> None:
    typed = draft().typed("qemu-kvm -smp x")
    assert typed.line == "qemu-kvm -smp x"
    assert typed.text("name") == "c1"
    assert list(typed.troubles()) == [LINE]
    assert typed.typed(C1).troubles() == {}


def test_a_field_that_cannot_be_read_keeps_its_text_and_the_line_what_it_was() -> None:
    filled = draft().filled("memory", "much")
    assert filled.text("memory") == "much"
    assert filled.line == draft().line
    assert filled.filled("cpu", "max").text("memory") == "much"
    assert list(filled.troubles()) == ["memory"]
    assert filled.filled("memory", "128").troubles() == {}


INSTALLED = Installed(
    machines=("pc", "q35"), cpus=("max", "host"), nic_models=("e1000",), displays=("gtk",),
    accels=("kvm", "tcg"), vgas=("std",), devices=("virtio-net-pci", "virtio-blk-pci", "e1000"),
)  # fmt: skip
TROUBLES = [
    ("machine", "q36", "no machine q36"),
    ("accel", "hax", "no engine hax"),
    ("cpu", "max1", "no processor max1"),
    ("memory", "9000", "9000 MiB are more than this machine has"),
    ("memory", "-1", "is no size"),
    ("cpus", "0", "0"),
    ("cpus", "two", "'two' is no number of processors"),
    ("boot", "z", "no boot device 'z'"),
    ("screen", ":x", "no VNC display"),
    ("screen", "gtkk", "no display gtkk"),
    ("vga", "vegas", "no graphics card vegas"),
    ("daemonize", "off", "without -daemonize"),
    ("disks.0.file", "", "a disk without an image"),
    ("disks.0.interface", "sata", "knows no 'sata'"),
    ("disks.0.cache", "fast", "knows no 'fast'"),
    ("disks.0.format", "raw", "is qcow2, not raw"),
    ("cards.0.model", "e1001", "no network card e1001"),
    ("cards.0.mac", "52:54:00", "it has 3 bytes, not 6"),
    ("cards.0.mac", "53:54:00:00:00:01", "multicast"),
    ("cards.0.tap", "tap4567890123456", "more than 15 bytes"),
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(("place", "text", "what"), TROUBLES, ids=[f"{p}={t}" for p, t, _ in TROUBLES])
def test_a_trouble_stands_at_the_field_that_it_is_about(
    place: str, text: str, what: str, spelling: Spelling
) -> None:
    around = Context(images=context(SEEN).images[:0], memory_mib=8000, installed=INSTALLED)
    if place == "disks.0.format":
        around = context(Snapshot("t", 0.0, (), images=SEEN.images), INSTALLED)
    filled = draft(spelling).filled(place, text)
    troubles = filled.troubles(around)
    assert place in troubles, troubles
    assert any(what in each.what for each in troubles[place]), troubles
    assert all(each.hint for found in troubles.values() for each in found)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_what_another_guest_has_is_told_at_four_fields(spelling: Spelling) -> None:
    assert set(draft(spelling).troubles(context(SEEN))) == {
        "name", "screen", "disks.0.file", "cards.0.mac", "cards.0.tap"
    } - ({"cards.0.tap"} if context(SEEN).taps is None else set())  # fmt: skip


def test_nothing_stands_against_what_the_form_begins_with() -> None:
    first = first_draft(SEEN, context(SEEN))
    assert first.troubles(context(SEEN)) == {}
    assert (first.text("name"), first.text("disks.0.file"), first.text("disks.0.format")) == (
        "c2", "/vms/c2.img", "raw",
    )  # fmt: skip
    assert (first.text("cards.0.mac"), first.text("screen")) == ("52:54:00:00:00:02", ":1")


def test_a_row_more_and_a_row_less() -> None:
    more = draft().more("cards", context(SEEN)).more("disks", context(SEEN))
    assert [more.text(f"cards.{at}.mac") for at in (0, 1)] == ["52:54:00:00:00:01", "52:54:00:00:00:02"]
    assert list(more.troubles()) == ["disks.1.file"]
    assert more.fewer("disks", 1).fewer("cards", 1).guest == draft().guest
    assert "-nic none" in draft().fewer("cards", 0).line


def test_a_null_byte_is_a_trouble_and_no_exception() -> None:
    assert list(draft().filled("name", "a\0b").troubles()) == ["name"]
    with pytest.raises(BadInput):
        qemu_argv(parse(C1).__class__(name="a\0b"))
