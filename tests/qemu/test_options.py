"""A guest's command line, and words that cannot be meant."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmbench.errors import BadInput
from kvmbench.model import Drive, Nic
from kvmbench.qemu.options import (
    GuestPlan,
    argv,
    checked,
    guest_name,
    link_name,
    mac_address,
    size_bytes,
)

C1 = GuestPlan(
    "c1",
    drives=(Drive("/vms/cirros/cirros1.img", "qcow2", "virtio"),),
    nics=(Nic("virtio", "52:54:00:00:00:01", "tap01"),),
    vnc_display=0,
)


def test_the_old_spelling_is_the_tutorials_own_line() -> None:
    assert shlex.join(argv(C1, old=True)) == (
        "qemu-kvm -name c1 -m 256 -smp 2 "
        "-drive file=/vms/cirros/cirros1.img,media=disk,if=virtio,format=qcow2 "
        "-net nic,model=virtio,macaddr=52:54:00:00:00:01 -net tap,ifname=tap01,script=/etc/qemu-ifup "
        "-vnc :0 -daemonize"
    )


def test_todays_spelling_has_one_option_for_card_and_tap() -> None:
    words = argv(C1)
    assert "-net" not in words
    assert (
        words[words.index("-nic") + 1]
        == "tap,model=virtio,mac=52:54:00:00:00:01,ifname=tap01,script=/etc/qemu-ifup"
    )


def test_an_ide_disk_was_hda() -> None:
    ide = replace(C1, drives=(Drive("/vms/cirros/cirros3.img", "qcow2", "ide"),))
    assert argv(ide, old=True)[7:9] == ("-hda", "/vms/cirros/cirros3.img")
    assert argv(ide)[8] == "file=/vms/cirros/cirros3.img,media=disk,if=ide,format=qcow2"


def test_a_comma_in_a_file_name_is_written_twice() -> None:
    assert "file=/a,,b.img," in argv(replace(C1, drives=(Drive("/a,b.img", "raw", "virtio"),)))[8]


def test_two_network_cards_cannot_be_spelt_with_net() -> None:
    two = replace(C1, nics=(*C1.nics, Nic("e1000", "52:54:00:00:00:02", "tap02")))
    assert argv(two).count("-nic") == 2
    with pytest.raises(BadInput, match="-net would join them all"):
        argv(two, old=True)


WRONG: list[tuple[Callable[[str], object], str, str]] = [
    (mac_address, "52:54:00:00:00", "it has 5 bytes, not 6"),
    (mac_address, "52:54:00:00:00:01:02", "it has 7 bytes, not 6"),
    (mac_address, "52:54:00:00:00:zz", "two hexadecimal digits"),
    (mac_address, "", "it has 1 bytes"),
    (mac_address, "01:00:5e:00:00:01", "multicast"),
    (size_bytes, "eighty", "no size"),
    (size_bytes, "80GB", "no size"),
    (size_bytes, "-1G", "no size"),
    (size_bytes, "0", "no size"),
    (link_name, "a-name-of-16-byt", "has 16 bytes"),
    (link_name, "ééééÂéééé", "has 18 bytes"),
    (link_name, "tap/1", "no name for an interface"),
    (link_name, "tap 1", "no name for an interface"),
    (link_name, "", "no name for an interface"),
    (guest_name, "c 1", "no name for a guest"),
    (guest_name, "../c1", "no name for a guest"),
    (guest_name, "c" * 41, "no name for a guest"),
]


@pytest.mark.parametrize(("read", "text", "what"), WRONG)
def test_a_word_that_cannot_be_meant_is_said_in_two_lines(
    read: Callable[[str], object], text: str, what: str
) -> None:
    with pytest.raises(BadInput) as caught:
        read(text)
    said = str(caught.value).splitlines()
    assert len(said) == 2
    assert what in said[0]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (replace(C1, memory_mib=0), "0 MiB"),
        (replace(C1, vcpus=0), "virtual CPUs"),
        (replace(C1, vnc_display=-1), "VNC display :-1"),
        (replace(C1, nics=(Nic("ne3000", "52:54:00:00:00:01", "tap01"),)), "'ne3000' is no model"),
        (replace(C1, nics=(Nic("virtio", "52:54:00:00:00:01"),)), "no name for an interface"),
        (replace(C1, drives=(Drive("/a", "raw", "usb-stick"),)), "'usb-stick' is no bus"),
    ],
)
def test_a_plan_with_nonsense_in_it_is_refused(wrong: GuestPlan, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        checked(wrong)


@given(st.lists(st.integers(0, 255), min_size=6, max_size=6))
def test_any_six_bytes_with_an_even_first_one_are_an_address(parts: list[int]) -> None:
    spelt = "-".join(f"{part:X}" for part in [parts[0] & 0xFE, *parts[1:]])
    assert mac_address(mac_address(spelt)) == mac_address(spelt)


@pytest.mark.parametrize("read", [mac_address, size_bytes, link_name, guest_name])
@given(text=st.text(max_size=30))
def test_no_text_breaks_a_reader(read: Callable[[str], object], text: str) -> None:
    try:
        read(text)
    except BadInput as error:
        assert len(str(error).splitlines()) == 2  # noqa: PT017  (most texts are refused, some are not)
