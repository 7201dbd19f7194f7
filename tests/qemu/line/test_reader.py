"""What is read from a command line, and the lines that cannot be read."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

from kvmbench.errors import BadInput
from kvmbench.qemu.line import Accel, Boot, Card, Disk, Smp, Vnc, Wire, parse
from tests.qemu.line import fuzz


def test_the_courses_line_is_understood_as_a_whole() -> None:
    c1 = parse(fuzz.C1)
    assert (c1.name, c1.memory_mib, c1.smp, c1.daemonize) == ("c1", 256, Smp(cpus=2), True)
    assert c1.disks == (Disk("/vms/cirros/cirros1.img", "virtio", "qcow2"),)
    tap = Wire("tap", (("ifname", "tap01"), ("script", "/etc/qemu-ifup")))
    assert c1.cards == (Card("virtio", "52:54:00:00:00:01", tap),)
    assert (c1.vnc, c1.rest) == ((Vnc(":0"),), ())


def test_options_that_say_more_are_understood() -> None:
    guest = parse(
        "qemu-kvm -machine q35 -machine usb=on -cpu host,+vmx -accel kvm -accel tcg,tb-size=64 "
        "-smp 2,maxcpus=8,sockets=2,cores=2,threads=2 -boot dc,once=d,menu=on,splash=/s.bmp,splash-time=5,"
        "reboot-timeout=-1,strict=off -m 1G,slots=2,maxmem=4G -nographic -vga none -serial mon:stdio "
        "-monitor none -qmp unix:/q,server=on -pidfile /run/p -vnc unix:/v,password=on -k de"
    )
    assert (guest.machine, guest.machine_options, guest.cpu) == ("q35", (("usb", "on"),), "host,+vmx")
    assert guest.accels == (Accel("kvm"), Accel("tcg", (("tb-size", "64"),)))
    assert guest.smp == Smp(2, 8, 2, cores=2, threads=2)
    assert guest.boot == Boot("dc", "d", True, "/s.bmp", 5, -1, False)
    assert (guest.memory_mib, guest.memory_options) == (1024, (("slots", "2"), ("maxmem", "4G")))
    assert (guest.nographic, guest.vga, guest.serial, guest.monitor) == (
        True,
        "none",
        ("mon:stdio",),
        ("none",),
    )
    assert (guest.qmp, guest.pidfile) == (("unix:/q,server=on",), "/run/p")
    assert (guest.vnc[0].path, guest.vnc[0].password, guest.vnc[0].display) == ("/v", True, None)
    assert guest.rest == (("-k", "de"),)


@pytest.mark.parametrize(
    ("typed", "disk"),
    [
        ("a.img", Disk("a.img", index=0)),
        ("-hdd a", Disk("a", index=3)),
        ("-cdrom a", Disk("a", media="cdrom", index=2, readonly=True)),
        ("-fdb a", Disk("a", "floppy", index=1)),
        ("-drive file=a,,b,if=virtio,index=1,readonly", Disk("a,b", "virtio", index=1, readonly=True)),
        ("-drive a=1,file=x", Disk("x", options=(("a", "1"),))),
        (
            (
                "-blockdev file,filename=/a,node-name=f,aio=native -blockdev qcow2,file=f,node-name=q "
                "-device virtio-blk-pci,drive=q,bootindex=1"
            ),
            Disk("/a", "virtio", "qcow2", aio="native", device_options=(("bootindex", "1"),)),
        ),
        (
            (
                '-blockdev \'{"driver":"raw","node-name":"r","file":{"driver":"file","filename":"/a"}}\' '
                '-device \'{"driver":"ide-cd","drive":"r"}\''
            ),
            Disk("/a", "ide", "raw", "cdrom", readonly=True),
        ),
    ],
)
def test_a_disk_is_understood_in_each_spelling(typed: str, disk: Disk) -> None:
    assert parse(f"qemu-kvm {typed}").disks == (disk,)


def test_a_card_that_nobody_spoke_of_is_not_the_same_as_no_card() -> None:
    assert parse("qemu-kvm").cards is None
    assert parse("qemu-kvm -nic none").cards == ()


def test_what_is_not_understood_is_kept_word_by_word() -> None:
    guest = parse("qemu-kvm -foo bar -blockdev driver=nbd,node-name=n,path=/p --no-reboot -chardev null,id=x")
    assert guest.rest == (
        ("-blockdev", "driver=nbd,node-name=n,path=/p"),
        ("-chardev", "null,id=x"),
        ("-foo", "bar"),
        ("--no-reboot",),
    )


def test_an_option_takes_the_next_word_whatever_it_is() -> None:
    assert parse(["qemu-kvm", "-name", "-m", "-k", "de"]).name == "-m"


@pytest.mark.parametrize(
    ("line", "what", "hint"),
    [
        ("", "no command line", "qemu-kvm -name c1"),
        ("ls -l", "begins with 'ls'", "It begins with qemu-kvm"),
        ("qemu-kvm -name", "-name lacks", "Write it behind"),
        ("qemu-kvm 'a", "quotation", "Close it"),
        ("qemu-kvm -m lots", "-m lots: 'lots' is no size", "256M, 1G"),
        ("qemu-kvm -smp two", "-smp cpus=two", "cpus=1 or more"),
        ("qemu-kvm -smp 2,corse=2", "-smp has no corse=", "Did you mean cores=?"),
        ("qemu-kvm -smp 2,banana=2", "-smp has no banana=", "It knows cpus=, maxcpus="),
        ("qemu-kvm -boot menu=perhaps", "neither on nor off", "menu=on or -boot menu=off"),
        ("qemu-kvm -boot reboot-timeout=-2", "no number from -1 on", "reboot-timeout="),
        ("qemu-kvm -drive file=a,index=one", "index=one", "index="),
        ("qemu-kvm -drive file=a,readonly=maybe", "readonly=maybe", "readonly=on"),
        ("qemu-kvm -drive ,,x,file=a", "-drive has no ',x'", "one comma"),
        ("qemu-kvm -blockdev {x", "JSON cannot be read", "quotes, commas and braces"),
        ("qemu-kvm -netdev user,id=n -netdev user,id=n", "have the name n", "id of its own"),
        (
            "qemu-kvm -drive file=a, index=1",
            "'index=1' stands alone",
            "Probably meant: qemu-kvm -drive file=a,index=1",
        ),
        ("qemu-kvm –m 1G", "no hyphen", "Probably meant: qemu-kvm -m 1G"),
        ("qemu-kvm -name “c1”", "typographic", "Probably meant: qemu-kvm -name c1"),
        ("qemu-kvm -hda a -vnc :0 &", "'&' is the shell's", "Probably meant: qemu-kvm -hda a -vnc :0"),
        ("qemu-kvm -m 1G | cat", "'|' is the shell's", "-daemonize"),
        ("# qemu-kvm -m 1G", "begins with '#'", "Probably meant: qemu-kvm -m 1G"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_in_two_lines(line: str, what: str, hint: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(line)
    assert what in caught.value.what
    assert hint in caught.value.hint
    assert len(str(caught.value).splitlines()) == 2


MODULES = ["build", "complaint", "explain", "installed", "mend", "reader", "refuse", "topology", "words"]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_hold(name: str) -> None:
    tried = doctest.testmod(import_module(f"kvmbench.qemu.line.{name}"))
    assert tried.attempted > 0
    assert tried.failed == 0
