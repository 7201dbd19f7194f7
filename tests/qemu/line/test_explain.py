"""What a line is said to do; what was probably meant by one that cannot be typed."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from kvmbench.qemu.line import explain, suggest
from kvmbench.qemu.line.explain_parts import Part
from kvmbench.qemu.line.magic import load_ipython_extension
from tests.qemu.line import fuzz

_ONE = (
    "qemu-kvm -name c1 -m 256 -smp 2 -drive file=/vms/cirros1.img,media=disk,if=virtio,format=qcow2 "
    "-net nic,model=virtio,macaddr=52:54:00:00:00 -net tap,script=/etc/qemu-ifup -vnc :0 -daemonize"
)
_TWO = (
    "qemu-kvm -name c2 -m 256 -smp 2 -drive file=/vms/cirros/cirros1.img,media=disk,if=virtio,format=qcow2 "
    "-net nic,model=virtio,macaddr=52:54:00:00:01 -net tap,script=/etc/qemu-ifup -vnc :2 -daemonize"
)
MEANT = (_ONE, _TWO)


def part(line: str, start: str) -> Part:
    return next(part for part in explain(f"qemu-kvm {line}").parts if part.words.startswith(start))


def test_each_option_of_the_courses_line_is_explained() -> None:
    told = explain(fuzz.C1)
    assert [part.words.split()[0] for part in told.parts] == [
        word for word in fuzz.C1.split() if word.startswith("-")
    ]
    assert all(part.does for part in told.parts)
    assert not told.troubles
    assert not told.changes


@pytest.mark.parametrize(
    ("line", "start", "today"),
    [
        ("-enable-kvm", "-enable-kvm", "-accel kvm"),
        ("-hda a.img", "-hda", "-drive file=a.img,media=disk,if=ide,index=0"),
        ("a.img", "a.img", "-drive file=a.img,media=disk,if=ide,index=0"),
        ("-cdrom a", "-cdrom", "-drive file=a,media=cdrom,if=ide,index=2"),
        ("-net nic,model=virtio -net tap,ifname=t", "-net nic", "-nic tap,model=virtio,ifname=t"),
        ("-net nic,vlan=1 -net user,vlan=1", "-net nic", "-nic user"),
        ("-net nic -net tap", "-net tap", "(together with its card) -nic tap"),
        ("-net none", "-net none", "-nic none"),
        ("-boot d", "-boot", "-boot order=d"),
        ("-machine pc,accel=kvm", "-machine", "-machine pc -accel kvm"),
        ("-usbdevice tablet", "-usbdevice", "-device usb-tablet"),
        ("-no-kvm", "-no-kvm", "-accel tcg"),
        ("-nic user", "-nic", ""),
        ("-vnc :0", "-vnc", ""),
    ],
)
def test_old_spellings_are_told_in_todays(line: str, start: str, today: str) -> None:
    assert part(line, start).today == today


def test_a_drive_can_be_written_in_two() -> None:
    assert "-blockdev driver=raw" in part("-drive file=a,if=virtio,format=raw", "-drive").today


def test_what_was_left_out_is_told_with_what_qemu_takes_for_it() -> None:
    assert dict(part("-smp 4", "-smp").left_out) == {
        "maxcpus=": "4",
        "sockets=": "1",
        "cores=": "4",
        "threads=": "1",
    }
    assert {"format=", "cache=", "if="} == {what for what, _ in part("-drive file=a", "-drive").left_out}
    assert ("script=", "/etc/qemu-ifup") in part("-nic tap", "-nic").left_out
    assert ("host", "it listens on every address of this machine") in part("-vnc :0", "-vnc").left_out
    assert dict(explain("qemu-kvm").assumed)["-m"] == "128 MiB"
    assert "-m" not in dict(explain("qemu-kvm -m 256").assumed)


def test_what_changed_is_told_where_it_matters() -> None:
    assert any("6.2" in note for note in part("-smp 2", "-smp").notes)
    assert not part("-smp 2,sockets=1,cores=2", "-smp").notes
    assert any("3.0" in note and "vlan=" in note for note in part("-net nic,vlan=0", "-net").notes)
    assert any("Ctrl-a c" in note for note in part("-nographic", "-nographic").notes)
    assert any("deprecated" in note for note in part("-vnc :0,password", "-vnc").notes)


def test_a_question_has_no_left_out_guest() -> None:
    assert explain("qemu-kvm -cpu help").assumed == ()


@pytest.mark.parametrize("line", ["", "ls", "qemu-kvm '", "qemu-kvm -m x"])
def test_what_cannot_be_read_is_a_trouble_and_no_error(line: str) -> None:
    told = explain(line)
    assert told.troubles
    assert told.parts == ()
    assert "This cannot work" in repr(told)


def test_text_and_page_say_the_same_and_the_page_is_safe() -> None:
    told = explain("qemu-kvm -name '<b>' -hda a -hda b")
    assert "<b>" not in told._repr_html_().replace("<p><b>", "")
    assert "&lt;b&gt;" in told._repr_html_()
    for words in ("first hard disk", "index=0", "two drives are on place 0"):
        assert words in repr(told)
        assert words in told._repr_html_()


def test_what_stands_between_backticks_is_set_as_code_on_the_page() -> None:
    told = explain("qemu-kvm -boot order=dc,once=d")
    assert "after a reset `order` counts" in repr(told)
    assert "after a reset <code>order</code> counts" in told._repr_html_()


@pytest.mark.parametrize(
    ("pasted", "meant"),
    [
        (fuzz.TUTORIAL[0], MEANT[0]),
        (fuzz.TUTORIAL[1], MEANT[1]),
        ("[root@host ~]# qemu-kvm -m 1G &", "qemu-kvm -m 1G"),
        ("$ sudo qemu-kvm -m 1G", "qemu-kvm -m 1G"),
        ("qemu-kvm –name “c 1” —m 1G", "qemu-kvm -name 'c 1' -m 1G"),
        ("qemu-kvm -SMP 2 -M 256 -HDA a", "qemu-kvm -smp 2 -m 256 -hda a"),
        ("qemu-kvm -m256 -vnc:0 -name=c1", "qemu-kvm -m 256 -vnc :0 -name c1"),
        ("Qemu-kvm -Name c1", "qemu-kvm -name c1"),
        ("qemu-kvm -boot Order=dc, once=d", "qemu-kvm -boot order=dc,once=d"),
        ("qemu-kvm -net Nic,Model =virtio -net Tap", "qemu-kvm -net nic,model=virtio -net tap"),
    ],
)
def test_what_was_probably_meant_is_suggested(pasted: str, meant: str) -> None:
    suggestion = suggest(pasted)
    assert suggestion is not None
    assert suggestion.line == meant
    assert suggestion.changes


@pytest.mark.parametrize(
    "line", [*fuzz.GOOD, "qemu-kvm -name my-boot -hda my-net", "nonsense", "qemu-kvm 'x"]
)
def test_nothing_is_suggested_where_nothing_is_odd(line: str) -> None:
    assert suggest(line) is None


def test_a_pasted_line_is_explained_as_what_was_meant_and_says_so() -> None:
    told = explain(fuzz.TUTORIAL[0])
    assert told.changes
    assert told.parts[0].words == "-name c1"
    assert "Probably meant" in repr(told)
    assert "Probably meant" in told._repr_html_()
    assert any("it has 5 bytes, not 6" in trouble.what for trouble in told.troubles)


def test_a_cell_explains_the_line_in_it() -> None:
    shell: Any = InteractiveShell.instance()
    load_ipython_extension(shell)
    told = shell.run_cell_magic("explain", "", "qemu-kvm -name c1 \\\n  -m 256\n")
    assert [part.words for part in told.parts] == ["-name c1", "-m 256"]
    assert shell.run_line_magic("explain", "qemu-kvm -m 256").parts[0].words == "-m 256"
