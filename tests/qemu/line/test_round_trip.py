"""A command line read and built again means the same, in every spelling."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings

from kvmbench.errors import BadInput
from kvmbench.model import Drive, Nic
from kvmbench.qemu import options
from kvmbench.qemu.line import Description, Disk, Spelling, parse, qemu_argv
from kvmbench.qemu.line.words import quoted, split
from tests.qemu.line import fuzz
from tests.qemu.line.strategies import GUEST

SPELLINGS = get_args(Spelling)


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(guest=GUEST)
@settings(max_examples=150, deadline=None)
def test_what_is_built_from_a_description_reads_as_that_description(
    guest: Description, spelling: Spelling
) -> None:
    words = qemu_argv(guest, spelling)
    assert parse(words) == guest
    assert parse(quoted(words)) == guest  # typed in a shell it is the same line


def test_a_row_that_goes_on_is_joined_and_a_backslash_in_quotes_is_what_the_shell_makes_of_it() -> None:
    typed = "qemu-kvm -m 256 \\\n -name 'a\\\nb' \"c\\\nd\""
    assert split(typed) == ("qemu-kvm", "-m", "256", "-name", "a\\\nb", "cd")


@pytest.mark.parametrize("line", fuzz.GOOD)
def test_lines_of_all_spellings_mean_the_same_when_they_are_spelt_anew(line: str) -> None:
    guest = parse(line)
    for spelling in SPELLINGS:
        assert parse(qemu_argv(guest, spelling)) == guest
        for other in SPELLINGS:
            assert qemu_argv(parse(qemu_argv(guest, spelling)), other) == qemu_argv(
                parse(qemu_argv(parse(qemu_argv(guest, spelling)), other)), other
            )


def test_the_tutorials_spelling_is_the_one_that_the_course_builds() -> None:
    c1 = options.GuestPlan(
        "c1",
        drives=(Drive("/vms/cirros/cirros1.img", "qcow2", "virtio"),),
        nics=(Nic("virtio", "52:54:00:00:00:01", "tap01"),),
        vnc_display=0,
    )
    assert qemu_argv(parse(options.argv(c1, old=True)), "tutorial") == options.argv(c1, old=True)
    assert qemu_argv(parse(options.argv(c1, old=True))) == options.argv(c1)


@pytest.mark.parametrize(
    ("typed", "today", "pairs", "tutorial"),
    [
        (
            "-hda a.qcow2",
            "-drive file=a.qcow2,media=disk,if=ide,index=0",
            "-drive file=a.qcow2,media=disk,if=ide,index=0",
            "-hda a.qcow2",
        ),
        (
            "-drive file=a,format=raw,if=virtio,cache=none",
            "-drive file=a,media=disk,if=virtio,format=raw,cache=none",
            (
                "-blockdev driver=raw,node-name=disk0,file.driver=file,file.filename=a,cache.direct=on,"
                "cache.no-flush=off -device virtio-blk-pci,drive=disk0,write-cache=on"
            ),
            "-drive file=a,media=disk,if=virtio,format=raw,cache=none",
        ),
        (
            "-net nic,model=e1000,macaddr=52:54:00:00:00:07 -net tap,ifname=t",
            "-nic tap,model=e1000,mac=52:54:00:00:00:07,ifname=t",
            "-netdev tap,id=net0,ifname=t -device e1000,netdev=net0,mac=52:54:00:00:00:07",
            "-net nic,model=e1000,macaddr=52:54:00:00:00:07 -net tap,ifname=t",
        ),
        (
            "-net nic -net nic -net tap",
            "-net nic -net tap -net nic",
            "-net nic -net tap -net nic",
            "-net nic -net tap -net nic",
        ),
        ("-enable-kvm", "-accel kvm", "-accel kvm", "-enable-kvm"),
        (
            "-M pc,accel=kvm:tcg",
            "-machine pc -accel kvm -accel tcg",
            "-machine pc -accel kvm -accel tcg",
            "-machine pc,accel=kvm:tcg",
        ),
        ("-boot d", "-boot order=d", "-boot order=d", "-boot order=d"),
        ("-display vnc=:1", "-vnc :1", "-vnc :1", "-vnc :1"),
        ("-m 1.5G", "-m 1536", "-m 1536", "-m 1536"),
        ("-net none", "-nic none", "-nic none", "-nic none"),
        (
            "-netdev user,id=u -net nic,netdev=u,addr=5",
            "-netdev user,id=u -net nic,netdev=u,addr=5",
            "-netdev user,id=u -net nic,netdev=u,addr=5",
            "-net nic,addr=5 -net user,id=u",
        ),
        ("-device qemu-xhci -S -kernel k", *["-device qemu-xhci -S -kernel k"] * 3),
    ],
)
def test_each_option_has_its_spelling(typed: str, today: str, pairs: str, tutorial: str) -> None:
    guest = parse(f"qemu-kvm {typed}")
    for spelling, wanted in zip(SPELLINGS, (today, pairs, tutorial), strict=True):
        assert quoted(qemu_argv(guest, spelling)) == f"qemu-kvm {wanted}"


@pytest.mark.parametrize(
    ("mode", "node", "device"),
    [
        ("writeback", "cache.direct=off,cache.no-flush=off", "write-cache=on"),
        ("none", "cache.direct=on,cache.no-flush=off", "write-cache=on"),
        ("writethrough", "cache.direct=off,cache.no-flush=off", "write-cache=off"),
        ("directsync", "cache.direct=on,cache.no-flush=off", "write-cache=off"),
        ("unsafe", "cache.direct=off,cache.no-flush=on", "write-cache=on"),
    ],
)
def test_a_cache_mode_is_three_switches(mode: str, node: str, device: str) -> None:
    words = qemu_argv(parse(f"qemu-kvm -drive file=a,if=virtio,format=raw,cache={mode}"), "pairs")
    assert words[2].endswith(node)
    assert words[4].endswith(device)


def test_what_a_controller_is_needed_for_stands_behind_it() -> None:
    guest = parse(
        "qemu-kvm -drive if=none,id=x,file=a,format=raw -device scsi-hd,drive=x -device virtio-scsi-pci -usb"
    )
    words = qemu_argv(guest, "pairs")
    assert words.index("virtio-scsi-pci") < words.index("scsi-hd,drive=x")
    assert guest.disks == (Disk("a", "scsi", "raw", device="scsi-hd"),)


def test_names_that_are_given_are_kept_and_made_up_ones_are_new() -> None:
    words = quoted(
        qemu_argv(
            parse(
                "qemu-kvm -object filter-dump,id=disk0,netdev=n7,file=x -netdev user,id=n7 "
                "-device e1000,netdev=n7 -drive file=a,if=virtio,format=raw "
                "-drive file=b,if=virtio,format=raw,id=mine"
            ),
            "pairs",
        )
    )
    assert "node-name=disk1" in words
    assert "node-name=mine" in words
    assert "-netdev user,id=n7" in words


def test_no_program_can_be_given_a_null_byte() -> None:
    with pytest.raises(BadInput, match="null byte"):
        qemu_argv(Description(name="c\0"))
