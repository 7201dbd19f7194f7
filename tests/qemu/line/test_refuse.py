"""What cannot work is said before QEMU is started: in two lines, with the option that it is about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kvmbench.model import Drive, Guest, HostFacts, Image, Link, Netns, Nic, Snapshot
from kvmbench.qemu.line import Context, TapSeen, context, option_of, parse, refuse
from kvmbench.qemu.line.installed import Installed
from tests.qemu.line import fuzz

MAC = "52:54:00:00:00:01"
HAD = Installed(
    machines=("pc", "q35"),
    cpus=("host", "max", "Haswell"),
    nic_models=("e1000", "virtio-net-pci"),
    displays=("none", "gtk"),
    accels=("tcg", "kvm"),
    vgas=("std", "none"),
    devices=("virtio-net-pci", "e1000", "virtio-blk-pci"),
    options=("name", "future"),
)
RUNNING = Guest(
    name="c1", pid=7, argv=("qemu-kvm",), status="running", engine="tcg", memory_mib=256, vcpus=2,
    drives=(Drive("/vms/c1.img", "qcow2", "virtio"), Drive("/vms/cd.iso", "raw", "ide", media="cdrom")),
    nics=(Nic("virtio", MAC, "tap01"),), vnc="0.0.0.0:5900",
)  # fmt: skip
SEEN = Snapshot(
    bench="default",
    taken_at=0,
    namespaces=(
        Netns(
            "",
            links=(
                Link("br-int", 1, "bridge", "02:00:00:00:00:01", True, True),
                Link("tap01", 2, "tun", "02:00:00:00:00:02", True, True),
                Link("tap02", 3, "tun", "02:00:00:00:00:03", True, False),
            ),
        ),
    ),
    guests=(RUNNING,),
    images=(
        Image("/vms/c1.img", "qcow2", 1, 1, backing="/vms/base.qcow2"),
        Image("/vms/base.qcow2", "qcow2", 1, 1),
        Image("/vms/raw.img", "raw", 1, 1),
        Image("/vms/free.img", "qcow2", 1, 1),
    ),
    host=HostFacts(None, False, False, "tcg", "", memory_mib=4000),
)
HERE = context(SEEN, HAD, directory="/vms")


def test_what_works_is_not_refused() -> None:
    line = (
        "qemu-kvm -name c2 -m 256 -smp 2 -cdrom /vms/cd.iso -vnc :2 -daemonize -accel tcg -cpu max -vga std "
        "-drive file=/vms/free.img,if=virtio,format=qcow2,cache=none,aio=native -machine q35 "
        "-net nic,model=virtio,macaddr=52:54:00:00:00:02 -net tap,ifname=tap02,script=no"
    )
    assert refuse(line, HERE) == ()
    assert refuse(parse(line), HERE) == ()


@pytest.mark.parametrize("line", fuzz.GOOD[1:3])
def test_nothing_is_refused_for_what_is_not_known(line: str) -> None:
    assert refuse(line) == refuse(line, Context()) == ()


BAD = [
    # what a line says by itself
    ("-net nic,macaddr=52:54:00:00:00 -net user", "it has 5 bytes, not 6", "six bytes", "-net nic"),
    ("-nic user,mac=53:54:00:00:00:01", "multicast", "even first byte", "-nic user"),
    ("-netdev user,id=n -device e1000,netdev=n,mac=52:54:0:0:0:zz", "two hexadecimal digits", "", "-device"),
    ("-net nic,vlan=0 -net user", "removed in QEMU 3.0", "written as one -nic", "-net nic,vlan=0"),
    ("-net nic,name=x -net user", "removed in QEMU 5.1", "id=", "-net nic,name=x"),
    ("-net nic,mac=52:54:00:00:00:01 -net user", "-net has no mac=", "macaddr=", "-net nic"),
    ("-net Nic,model=virtio -net user", "knows no 'Nic'", "nic", "-net Nic"),
    ("-net user", "without a card", "-net nic", "-net user"),
    ("-nic user,modle=e1000", "-nic has no modle=", "model=", "-nic"),
    ("-nic tap,ifname=a-name-of-16-byt", "more than 15 bytes", "tap01", "-nic"),
    ("-nic user,mac=52:54:00:00:00:09 -nic user,mac=52-54-0-0-0-9", "two cards of this guest", "", "-nic"),
    ("-device e1000,netdev=net1 -netdev user,id=net2", "no -netdev net1", "netdev=net2?", "-device"),
    ("-netdev user", "without id=", "id=net0", "-netdev user"),
    ("-hda a -hda b", "two drives are on place 0 of bus ide", "index=1", "-hda b"),
    ("-hdc a -cdrom b", "two drives are on place 2", "index=3", "-cdrom b"),
    ("-drive file=a,index=1 -drive file=b,bus=0,unit=1", "place 1", "", "-drive file=b"),
    ("-drive file=a,index=9", "no place 9", "0 to 3", "-drive"),
    ("-drive file=a,if=scsi", "no SCSI bus", "virtio", "-drive"),
    ("-drive file=a,if=vritio", "knows no 'vritio'", "virtio", "-drive"),
    ("-drive file=a,if=virtio,aio=native", "exclude each other", "cache=none", "-drive"),
    ("-drive file=a,cache=none,cache.direct=off", "exclude each other", "cache.direct=on", "-drive"),
    ("-drive file=a,cache=no", "knows no 'no'", "none", "-drive"),
    ("-drive file=a,fromat=raw", "no fromat=", "format=", "-drive"),
    ("-drive file=a,serial=7", "removed in QEMU 3.0", "-device", "-drive"),
    ("-drive file=a,readonly=on", "cannot be read-only", "virtio", "-drive"),
    ("-drive /a.img", "without an image", "Write file=/a.img", "-drive"),
    ("-name –m", "no hyphen", "Write it as -m", "-name"),
    ("-hda a net", "would be taken for a disk image", "-net?", "net"),
    ("-m 512MB", "no size", "Write 512M:", "-m"),
    ("-drive if=virtio", "without an image", "file=", "-drive"),
    ("-hda a -drive file=a,if=virtio", "is two disks of this guest", "overlay", "-drive"),
    ("-smp 3,sockets=2,cores=2", "do not fit", "has to be 3", "-smp"),
    ("-smp 8,sockets=2,cores=2,threads=1", "make 4 processors, not 8", "has to be 8", "-smp"),
    ("-smp 4,maxcpus=2", "more than the 2", "maxcpus=4", "-smp"),
    ("-smp 0", "cpus=0", "1 at least", "-smp 0"),
    ("-smp 300", "more than the 255", "-smp 2", "-smp 300"),
    ("-smp 4,clusters=2", "no clusters", "Leave", "-smp"),
    ("-boot order=z", "no boot device 'z'", "c is the hard disk", "-boot order=z"),
    ("-boot order=dd", "named twice", "order=dc", "-boot"),
    ("-boot reboot-timeout=99999", "too long", "65535", "-boot"),
    ("-m 1G,maxmem=512M", "less than the memory", "maxmem=1024M", "-m"),
    ("-m lots", "no size", "1G", "-m lots"),
    ("-M 256", "chooses the board", "-m 256", "-M 256"),
    ("-nmae c1", "no option -nmae", "-name", "-nmae c1"),
    ("-name c1,proces=x", "-name has no proces=", "process=", "-name"),
    ("-no-kvm", "removed in QEMU 5.2", "-accel tcg", "-no-kvm"),
    ("-enable-kvm -accel tcg", "chosen twice", "-enable-kvm", "-enable-kvm"),
    ("-cpu host -accel tcg", "needs KVM", "max", "-cpu host"),
    ("-vnc :1 -vnc 127.0.0.1:1", "taken by this line", ":2", "-vnc 127.0.0.1:1"),
    ("-vnc :99999", "no VNC display", "0 to 99", "-vnc"),
    ("-vnc here", "no VNC display", "host:number", "-vnc here"),
    ("-nographic -daemonize", "-nographic uses the terminal", "-display none", "-nographic"),
    ("-daemonize -serial stdio", "uses the terminal", "unix:", "-serial stdio"),
    # what it meets on the bench
    ("-name c1", "c1 is running already", "another name", "-name c1"),
    (f"-nic user,mac={MAC}", "is the address of guest c1", "change a byte", "-nic"),
    ("-vnc :0", "taken by guest c1", ":1", "-vnc :0"),
    ("-vnc 127.0.0.1:0", "taken by guest c1", ":1", "-vnc"),
    ("-nic tap,ifname=tap01", "in use by guest c1", "tap02", "-nic"),
    ("-nic tap,ifname=tap9,script=no", "no tap tap9", "ip tuntap add tap9", "-nic"),
    ("-hda /vms/c1.img", "locked: guest c1 writes", "overlay", "-hda"),
    ("-hda c1.img", "locked: guest c1 writes", "overlay", "-hda"),
    ("-drive file=/vms/c1.img,if=virtio,readonly=on", "locked", "overlay", "-drive"),
    ("-hda /vms/base.qcow2", "c1 reads it", "overlay", "-hda"),
    ("-drive file=/vms/raw.img,format=qcow2", "is raw, not qcow2", "format=raw", "-drive"),
    ("-drive file=/vms/free.img,format=raw", "is qcow2, not raw", "format=qcow2", "-drive"),
    ("-m 8G", "more than this machine has", "-m 256", "-m 8G"),
    ("-machine q36", "no machine q36", "q35", "-machine"),
    ("-cpu Haswel", "no processor Haswel", "Haswell", "-cpu"),
    ("-accel kvmm", "no engine kvmm", "kvm", "-accel"),
    ("-vga sdt", "no graphics card sdt", "std", "-vga"),
    ("-display gkt", "no display gkt", "gtk", "-display"),
    ("-nic user,model=vritio", "no network card vritio", "virtio", "-nic"),
    ("-device virtoi-net-pci", "no device virtoi-net-pci", "virtio-net-pci", "-device"),
]


@pytest.mark.parametrize(("line", "what", "hint", "option"), BAD, ids=[row[0] for row in BAD])
def test_what_cannot_work_is_refused(line: str, what: str, hint: str, option: str) -> None:
    troubles = refuse(f"qemu-kvm {line}", HERE)
    found = [trouble for trouble in troubles if what in trouble.what]
    assert found, troubles
    assert hint in found[0].hint
    assert found[0].option.startswith(option)
    assert len(str(found[0]).splitlines()) == 2


@pytest.mark.parametrize(
    "line", ["-cpu help", "-machine ?", "-h", "-device e1000,help", "-nic user,model=help"]
)
def test_a_question_to_qemu_is_not_refused(line: str) -> None:
    assert refuse(f"qemu-kvm {line}", HERE) == ()


def test_an_option_that_this_qemu_knows_is_no_mistake() -> None:
    assert refuse("qemu-kvm -future 1", HERE) == ()
    assert refuse("qemu-kvm -future 1")


def test_what_is_read_only_may_be_shared() -> None:
    lines = ("-cdrom /vms/cd.iso", "-drive file=/vms/base.qcow2,if=virtio,readonly=on", "-hda /vms/free.img")
    assert [refuse(f"qemu-kvm {line}", HERE) for line in lines] == [(), (), ()]


def test_where_the_taps_are_not_known_none_is_missed() -> None:
    assert HERE.taps == (TapSeen("tap01", "c1"), TapSeen("tap02"))
    unknown = context(replace(SEEN, namespaces=()))
    assert unknown.taps is None
    assert refuse("qemu-kvm -nic tap,ifname=tap9,script=no", unknown) == ()


SAID = [
    # in QEMU 7.2's own words
    ("-net nic,vlan=0: Invalid parameter 'vlan'", "-net nic,vlan=0 -net user", "-net nic,vlan=0"),
    ("-name: requires an argument", "-m 1G -name x", ""),
    ("-nmae: invalid option", "-m 1G -nmae x", ""),
    ("unsupported machine type\nUse -machine help to list supported machines", "-m 1G -M foo", "-M foo"),
    ("unable to find CPU model 'foo'", "-smp 2 -cpu foo", "-cpu foo"),
    ("-accel foo: invalid accelerator foo", "-accel foo -accel tcg", "-accel foo"),
    ("invalid accelerator foo", "-machine accel=foo -cpu max", "-machine accel=foo"),
    ("Invalid SMP CPUs 300. The max CPUs supported by machine 'pc' is 255", "-m 1G -smp 300", "-smp 300"),
    ("Parameter 'smp.cores' expects integer", "-smp 2,cores=x", "-smp 2,cores=x"),
    ("cannot set up guest memory 'pc.ram': Cannot allocate memory", "-m 99T -smp 2", "-m 99T"),
    ("Boot device 'd' was given twice", "-boot order=dd", "-boot order=dd"),
    (
        "Unsupported NIC model: vritio",
        "-nic user,model=vritio -nic user,model=e1000",
        "-nic user,model=vritio",
    ),
    ("-hda b: drive with bus=0, unit=0 (index=0) exists", "-hda a -hda b", "-hda b"),
    ("-vnc :0: Failed to find an available port: Address already in use", "-vnc :0", "-vnc :0"),
    ("-nographic cannot be used with -daemonize", "-daemonize -nographic", "-nographic"),
    ("cannot create PID file: Could not create '/nope/x'", "-pidfile /nope/x", "-pidfile /nope/x"),
    ("network script /nope failed with status 256", "-nic tap,script=/nope", "-nic tap,script=/nope"),
    ("something that nobody has seen", "-m 1G", ""),
]


@pytest.mark.parametrize(("said", "line", "option"), SAID, ids=[row[0] for row in SAID])
def test_qemus_own_complaint_is_about_an_option(said: str, line: str, option: str) -> None:
    noise = "qemu: module ui-ui-gtk not found\nqemu-system-x86_64: warning: -smp 2: old\n"
    found = option_of(f"{noise}qemu-system-x86_64: {said}\n", ["qemu-kvm", *line.split()])
    assert found == option or (not option and found in ("", "-name x", "-nmae x"))
