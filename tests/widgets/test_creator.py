"""The widgets as traits: what is typed in one part shows in the others; they decide nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kvmbench.errors import BadInput
from kvmbench.forms import FORMS
from kvmbench.model import Guest, Image, Nic, Snapshot
from kvmbench.widgets.around import Follower
from kvmbench.widgets.creator import VMCreator
from kvmbench.widgets.form import SmallForm, form
from kvmbench.widgets.guests import GuestTable

SEEN = Snapshot("t", 0.0, (), images=(Image("/vms/c1.img", "qcow2", 1, 1),))
C1 = Guest(
    "c1", 7, ("qemu-kvm",), "running", "tcg", 256, 2, nics=(Nic("virtio", "52:54:00:00:00:01", "tap01"),)
)


class Still:
    """A bench that stands still until a test says what it is like now."""

    def __init__(self, seen: Snapshot = SEEN) -> None:
        self.seen, self.followers = seen, list[Follower]()

    def follow(self, follower: Follower) -> None:
        self.followers.append(follower)

    def again(self) -> Snapshot:
        return self.seen

    def becomes(self, seen: Snapshot) -> None:
        self.seen = seen
        for each in self.followers:
            each.changed(seen)


def test_the_line_follows_a_field_and_the_field_the_line() -> None:
    shown = VMCreator(bench=Still())
    shown.fields["memory"].control.value = "512"
    assert " -m 512 " in shown.line.value
    shown.line.value = shown.line.value.replace("-m 512", "-m 1G")
    assert shown.fields["memory"].text == "1024"
    assert "-m 1G" in shown.line.value


def test_an_error_shows_at_its_field_while_typing_and_create_waits_for_its_mend() -> None:
    shown = VMCreator(bench=Still())
    mac = shown.fields["cards.0.mac"]
    mac.control.value = "52:54:00"
    assert "it has 3 bytes, not 6" in mac._wrong.value
    assert shown.create_button.disabled
    mac.control.value = "52:54:00:00:00:09"
    assert mac._wrong.value == ""
    assert not shown.create_button.disabled


def test_another_spelling_is_the_same_guest() -> None:
    shown = VMCreator(bench=Still())
    before = shown.draft.guest
    shown.spelling.value = "tutorial"
    assert "-net nic,model=virtio" in shown.line.value
    assert shown.draft.guest == before


def test_rows_come_and_go() -> None:
    shown = VMCreator(bench=Still())
    shown.line.value += " -nic user,model=e1000"
    assert shown.fields["cards.1.model"].text == "e1000"
    shown.line.value = "qemu-kvm -name c9 -daemonize"
    assert not [name for name in shown.fields if "." in name]


def test_a_guest_that_comes_takes_what_was_free() -> None:
    bench = Still()
    shown = VMCreator(bench=bench)
    bench.becomes(replace(SEEN, guests=(C1,)))
    assert "a guest named c1 is running already" in shown.fields["name"]._wrong.value
    shown.next_guest()
    assert shown.fields["name"].text == "c2"
    assert shown.troubles == {}


def test_where_there_are_no_widgets_the_line_is_shown() -> None:
    shown = VMCreator("qemu-kvm -name c9 -daemonize", bench=Still())
    assert shown._repr_mimebundle_()["text/plain"] == "qemu-kvm -name c9 -daemonize"
    assert repr(GuestTable(bench=Still())) == "No guest runs on this bench."
    assert "ip link add name br-int type bridge" in repr(SmallForm(FORMS["bridge"], {}, bench=Still()))


def test_the_lines_of_a_small_form_follow_its_fields_and_lead_them() -> None:
    shown = SmallForm(FORMS["image"], {}, bench=Still())
    shown.fields["size"].control.value = "80G"
    assert shown.lines.value == "qemu-img create -f qcow2 -o size=80G /vms/disks/disk1.img"
    shown.lines.value = "qemu-img create -f raw /vms/r.img 1M"
    assert (shown.fields["format"].text, shown.fields["path"].text) == ("raw", "/vms/r.img")
    assert shown.lines.value == "qemu-img create -f raw /vms/r.img 1M"
    shown.fields["size"].control.value = "much"
    assert shown.do_button.disabled
    shown.lines.value = "rm -rf /"
    assert "cannot read" in shown._lines_wrong.value


def test_the_table_follows_the_bench_and_its_buttons_say_why_not() -> None:
    bench = Still()
    table = GuestTable(bench=bench)
    assert "No guest runs" in table.table.value
    bench.becomes(replace(SEEN, guests=(replace(C1, status="paused"),)))
    buttons = table.bars["c1"].buttons
    assert buttons["pause"].disabled
    assert buttons["pause"].tooltip == "it is paused already"
    assert not buttons["resume"].disabled
    bench.becomes(SEEN)
    assert table.bars == {}


def test_delete_asks_before_it_does() -> None:
    pressed: list[str] = []
    from kvmbench.widgets.guests import _Bar

    bar = _Bar("c1", lambda name, verb, tag: pressed.append(verb))
    bar.buttons["delete"].click()
    assert pressed == []
    assert "sure?" in bar.buttons["delete"].description
    bar.buttons["pause"].click()
    bar.buttons["delete"].click()
    assert pressed == ["pause"]
    bar.buttons["delete"].click()
    assert pressed == ["pause", "delete"]


@pytest.mark.parametrize(("name", "values"), [("brigde", {}), ("bridge", {"nmae": "x"})])
def test_a_form_that_there_is_not(name: str, values: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        form(name, **values)
