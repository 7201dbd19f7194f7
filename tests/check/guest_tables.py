"""Files, images, guests, their screens, and the machine under them, from all sides."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from kvmbench.check import (
    console_served,
    guest_address,
    guest_disk,
    guest_gateway,
    guest_hardware,
    guest_mac,
    guest_nic_model,
    guest_running,
    nic_driver,
    plugged_into,
    vnc_served,
)
from kvmbench.model import Drive, Nic, Snapshot
from kvmbench.mutate.changes import (
    addressed,
    answer,
    booting,
    change_drive,
    change_guest,
    change_inside,
    change_link,
    change_nic,
    down,
    unanswered,
    unasked,
    with_link,
    without_guest,
    without_link,
    without_netns,
)
from tests.check.benches import C1_MAC, C2_MAC, SCREEN_1, bridge, solved
from tests.check.tables import Mistake, Table

SOLVED = solved()
NO_C1 = without_guest(SOLVED, "c1")
PAUSED = change_guest(SOLVED, "c1", status="paused")
BOOTING = booting(SOLVED, "c1")
NOT_STARTED = Mistake("not started", NO_C1, "Start c1 with qemu-kvm", saw="running: c2")
MISNAMED = Mistake(
    "under another name",
    change_guest(SOLVED, "c1", name="centos"),
    "known by its -name",
    saw="running: c2, centos",
)
NO_CARD = Mistake("no card", change_guest(SOLVED, "c1", nics=()), "A card is an option of its own")
PAUSED_ONE = Mistake("paused", PAUSED, "`cont` lets them run")
CENTOS, CIRROS = "/vms/centos/centos.img", "/vms/cirros/cirros1.img"


def vnc(one: str | None, two: str | None = "0.0.0.0:5902") -> Snapshot:
    return change_guest(change_guest(SOLVED, "c1", vnc=one), "c2", vnc=two)


def tap_lost() -> Snapshot:
    """c1 was started with a tap, and holds none any more."""
    seen = change_nic(without_link(SOLVED, "tap01"), "c1", tap=None)
    return change_guest(seen, "c1", argv=("qemu", "-net", "nic", "-net", "tap,ifname=tap01"))


HARDWARE = (
    Table(
        guest_running("c1"),
        (
            NOT_STARTED,
            MISNAMED,
            PAUSED_ONE,
            Mistake("its disk is full", change_guest(SOLVED, "c1", status="io-error"), "`df -h /vms`"),
            Mistake("crashed", change_guest(SOLVED, "c1", status="guest-panicked"), "the last words"),
            Mistake(
                "started with -S", change_guest(SOLVED, "c1", status="prelaunch"), "-S holds the processors"
            ),
            Mistake(
                "around the launcher",
                change_guest(SOLVED, "c1", status="unknown", qmp=None),
                "start it with qemu-kvm (or",
            ),
            Mistake("switched off", change_guest(SOLVED, "c1", status="shutdown"), "Its process remains"),
        ),
        good={"under KVM": change_guest(SOLVED, "c1", engine="kvm"), "still booting": BOOTING},
        blocked={
            "QEMU does not answer": change_guest(SOLVED, "c1", status="unknown"),
            "guests could not be listed": replace(SOLVED, guests=(), troubles=("guests: /proc is hidden",)),
        },
    ),
    Table(
        guest_hardware("c1", memory_mib=256, vcpus=2),
        (
            NOT_STARTED,
            MISNAMED,
            Mistake("too little memory", change_guest(SOLVED, "c1", memory_mib=128), "-m counts in MiB"),
            Mistake("one processor", change_guest(SOLVED, "c1", vcpus=1), "-smp says how many"),
        ),
        good={"paused": PAUSED},
    ),
    Table(
        guest_mac("c1", "52:54:00:00:00:01"),
        (
            NOT_STARTED,
            NO_CARD,
            Mistake(
                "left to QEMU", change_nic(SOLVED, "c1", mac="52:54:00:12:34:56"), "macaddr= was left out"
            ),
            Mistake("another one", change_nic(SOLVED, "c1", mac="52:54:00:00:00:03"), "byte by byte"),
            Mistake(
                "the other guest's too", change_nic(SOLVED, "c2", mac=C1_MAC), "Two cards with one address"
            ),
        ),
    ),
    Table(
        guest_nic_model("c1", "virtio"),
        (
            NOT_STARTED,
            NO_CARD,
            Mistake("left to QEMU", change_nic(SOLVED, "c1", model="e1000"), "model= names the card"),
        ),
        good={"as -net spells it": change_nic(SOLVED, "c1", model="virtio")},
    ),
    Table(
        guest_disk("c1", CIRROS, interface="virtio"),
        (
            NOT_STARTED,
            Mistake("no disk", change_guest(SOLVED, "c1", drives=()), "Without -drive"),
            Mistake(
                "another image", change_drive(SOLVED, "c1", file="/vms/cirros1.img"), "names another image"
            ),
            Mistake("a CD", change_drive(SOLVED, "c1", media="cdrom"), "media=disk"),
            Mistake("behind IDE", change_drive(SOLVED, "c1", interface="ide"), "chooses the bus"),
        ),
        good={
            "by a relative path": change_drive(SOLVED, "c1", file="cirros1.img"),
            "its format left to be guessed": change_drive(SOLVED, "c1", format=""),
            "with a CD before it": change_guest(
                SOLVED,
                "c1",
                drives=(Drive("/cd.iso", "raw", "ide", "cdrom"), Drive(CIRROS, "qcow2", "virtio")),
            ),
        },
    ),
    Table(
        guest_disk("c2", "/vms/cirros/cirros2.img", interface="virtio"),
        (
            Mistake(
                "the first guest's image",
                change_drive(SOLVED, "c2", file=CIRROS),
                "each needs a file of its own",
            ),
            Mistake("another image", change_drive(SOLVED, "c2", file=CENTOS), "names another image"),
        ),
    ),
    Table(
        plugged_into("c1", "br-int"),
        (
            NOT_STARTED,
            NO_CARD,
            Mistake("a card without a tap", change_nic(SOLVED, "c1", tap=None), "-net tap (or -nic tap)"),
            Mistake("the tap was deleted, QEMU holds none", tap_lost(), "gone from under it"),
            Mistake("the tap was deleted", without_link(SOLVED, "tap01"), "gone from under it"),
            Mistake(
                "the script did not join it",
                change_link(SOLVED, "tap01", master=None, port=None),
                "run it by hand",
            ),
            Mistake(
                "on another bridge",
                with_link(change_link(SOLVED, "tap01", master="br-ext"), bridge("br-ext", 9)),
                "one master at a time",
            ),
            Mistake("the tap is down", down(SOLVED, "tap01"), "Joining does not bring it up"),
            Mistake("the bridge is down", down(SOLVED, "br-int"), "passes nothing on"),
            Mistake(
                "the bridge is gone",
                change_link(without_link(SOLVED, "br-int"), "tap01", master=None),
                "A bridge is a link of type bridge",
            ),
            Mistake(
                "nobody holds the tap", change_link(SOLVED, "tap01", carrier=False), "while its QEMU runs"
            ),
        ),
        good={
            "by its second card": change_guest(
                SOLVED, "c1", nics=(Nic("e1000", C2_MAC, None), Nic("virtio", C1_MAC, "tap01"))
            )
        },
        blocked={"the bench was not looked at": without_netns(SOLVED, "")},
    ),
)

INSIDES = (
    Table(
        guest_address("c1", "10.1.1.1/24"),
        (
            NOT_STARTED,
            PAUSED_ONE,
            Mistake("none", addressed(SOLVED, "c1"), "gives its card one"),
            Mistake("a wrong netmask", addressed(SOLVED, "c1", "10.1.1.1/8"), "/24 is 255.255.255.0"),
            Mistake("another one", addressed(SOLVED, "c1", "10.1.1.3/24"), "its console is the way in"),
            Mistake("the other guest's too", addressed(SOLVED, "c2", "10.1.1.1/24"), "belongs to one host"),
        ),
        good={"beside another one": addressed(SOLVED, "c1", "192.0.2.7/24", "10.1.1.1/24")},
        blocked={
            "it is still booting": BOOTING,
            "QEMU is silent": change_guest(SOLVED, "c1", status="unknown"),
        },
    ),
    Table(
        guest_gateway("c1", "10.1.1.254"),
        (
            NOT_STARTED,
            PAUSED_ONE,
            Mistake("none", change_inside(SOLVED, "c1", gateway=None), "not on the bench"),
            Mistake(
                "no address either",
                addressed(change_inside(SOLVED, "c1", gateway=None), "c1"),
                "the address comes first",
            ),
            Mistake(
                "itself", change_inside(SOLVED, "c1", gateway=IPv4Address("10.1.1.1")), "not the guest's own"
            ),
            Mistake(
                "another one",
                change_inside(SOLVED, "c1", gateway=IPv4Address("172.16.0.67")),
                "leads to another host",
            ),
        ),
        blocked={"it is still booting": BOOTING},
    ),
    Table(
        nic_driver("c1", "virtio_net"),
        (
            NOT_STARTED,
            PAUSED_ONE,
            Mistake(
                "another card", change_inside(SOLVED, "c1", drivers={"eth0": "e1000"}), "which model= wants"
            ),
            Mistake("no card", change_inside(SOLVED, "c1", drivers={"lo": ""}), "has no driver for"),
        ),
        good={"spelt with a hyphen": change_inside(SOLVED, "c1", drivers={"eth0": "virtio-net"})},
        blocked={"it is still booting": BOOTING},
    ),
)

SCREENS = (
    Table(
        vnc_served("c1", 0),
        (
            replace(NOT_STARTED, seen=unanswered(NO_C1, SCREEN_1)),
            Mistake(
                "not started, as another guest has its display",
                without_guest(change_guest(SOLVED, "c2", vnc="0.0.0.0:5900"), "c1"),
                "whoever comes second ends at once",
                saw="display :0 is taken by guest c2",
            ),
            Mistake(
                "not started, as a program sits on its port",
                answer(NO_C1, SCREEN_1, True, ""),
                "find out who listens at 5900",
                saw="display :0 is taken by another program",
            ),
            MISNAMED,
            Mistake("no screen", vnc(None), "when -vnc names a display"),
            Mistake("a socket", vnc("/run/c1.vnc"), "unix: makes it a socket"),
            Mistake("another display", vnc("0.0.0.0:5901"), "counts from port 5900", saw=":1, not :0"),
            Mistake(
                "taken by the other guest", vnc("0.0.0.0:5902", "0.0.0.0:5900"), "A display serves one guest"
            ),
            Mistake("silent", unanswered(SOLVED, SCREEN_1, "timed out"), "was told to serve there"),
            Mistake("no VNC", answer(SOLVED, SCREEN_1, True, "SSH-2.0-dropbear"), "Something else sits"),
        ),
        good={"as a display": vnc(":0"), "paused": PAUSED},
        blocked={
            "nobody asked": unasked(SOLVED, SCREEN_1),
            "it could not be asked": answer(SOLVED, SCREEN_1, None, why="no more descriptors"),
        },
    ),
    Table(
        console_served("c1"),
        (
            NOT_STARTED,
            PAUSED_ONE,
            Mistake("taken away", change_guest(SOLVED, "c1", console=None), "leave that away"),
        ),
        blocked={"QEMU is silent": change_guest(SOLVED, "c1", status="unknown")},
    ),
)

TABLES = (*HARDWARE, *INSIDES, *SCREENS)
