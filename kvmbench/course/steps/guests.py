"""Step 7: the script that plugs guests in, and two guests."""

from __future__ import annotations

import shlex
from dataclasses import replace

from kvmbench.act import bridge, file, guest, ifup, image, link, monitor
from kvmbench.act.action import Action
from kvmbench.check import guest_disk, guest_hardware, guest_mac, guest_running, plugged_into, script_file
from kvmbench.course.plan import BRIDGE, Plan, started_otherwise, with_drive, with_nic
from kvmbench.course.step import Mistake, Rotted, Step
from kvmbench.model import Check, Wanted
from kvmbench.qemu import options
from kvmbench.qemu.options import IFUP, GuestPlan

_QEMU_MAC = "52:54:00:12:34:56"
"""what QEMU gives a card whose address nobody chose"""
_OTHER_BRIDGE = "br-ext"
_SCRIPT = "qemu-ifup-script"
_EMPTY = "/vms/cirros/empty.img"


def _checks(plan: GuestPlan) -> tuple[Check, ...]:
    (drive,), (nic,) = plan.drives, plan.nics
    return (
        guest_running(plan.name, points=2),
        guest_hardware(plan.name, memory_mib=plan.memory_mib, vcpus=plan.vcpus, points=1),
        guest_mac(plan.name, nic.mac, points=1),
        guest_disk(plan.name, drive.file, interface=drive.interface, points=1),
        plugged_into(plan.name, BRIDGE, points=2),
    )


def _wrong(name: str, says: str, plan: GuestPlan, what: str, hint: str, *also: str) -> Mistake:
    """The guest was started with something other than asked for."""
    mend = (guest.end(plan.name),)
    return Mistake(name, says, started_otherwise(plan), f"{plan.name}-{what}", hint, mend, also)


def _of(name: str, *words: str) -> tuple[str, ...]:
    return tuple(f"{name}-{word}" for word in words)


_EVERYTHING_OF_C2 = _of("c2", "hardware", "mac", "disk", "on-br-int")

_SCRIPT_MISTAKES = (
    Mistake(
        "no-script",
        "The script was written to another place.",
        (file.remove(IFUP),),
        check=_SCRIPT,
        hint="Write the script to /etc/qemu-ifup",
    ),
    Mistake(
        "not-executable",
        "The script was written and not made executable.",
        (Action("take the x bit off the script", (f"chmod -x {IFUP}",)),),
        check=_SCRIPT,
        hint="it needs the x bit",
    ),
    Mistake(
        "no-interpreter",
        "The script begins without #!.",
        (file.write(IFUP, 'ip link set "$1" master br-int\n', executable=True),),
        check=_SCRIPT,
        hint="The very first two characters name the interpreter",
    ),
)


def _cable_mistakes(plan: Plan) -> tuple[Mistake, ...]:
    shared = shlex.join(options.argv(with_drive(plan.c2, file=plan.c1.drives[0].file), old=True))
    return (
        Mistake(
            "tap-on-no-bridge",
            "The script brought the tap up and did not plug it in.",
            (link.no_master("tap02", BRIDGE),),
            check="c2-on-br-int",
            hint="/etc/qemu-ifup is what gives the tap its master",
            mend=(link.master("tap02", BRIDGE),),
        ),
        Mistake(
            "tap-on-another-bridge",
            "The script names another bridge.",
            (bridge.add(_OTHER_BRIDGE), link.master("tap02", _OTHER_BRIDGE)),
            check="c2-on-br-int",
            hint="move tap02 over to br-int",
            mend=(link.master("tap02", BRIDGE), link.delete(_OTHER_BRIDGE)),
        ),
        Mistake(
            "tap-down",
            "The script plugged the tap in and did not bring it up.",
            (link.down("tap01"),),
            check="c1-on-br-int",
            hint="Joining does not bring it up",
            mend=(link.up("tap01"),),
        ),
        Mistake(
            "small-mtu",
            "c1's tap was told to pass small packets only: ping answers, and large ones vanish.",
            (
                Action(
                    "make the tap's packets small",
                    ("ip link set tap01 mtu 1000",),
                    ("ifconfig tap01 mtu 1000",),
                ),
            ),
            check="c1-on-br-int",
            hint="a bridge drops in silence what is too large for a port",
            mend=(
                Action(
                    "let it pass whole frames", ("ip link set tap01 mtu 1500",), ("ifconfig tap01 mtu 1500",)
                ),
            ),
        ),
        Mistake(
            "spanning-tree",
            "The spanning tree was switched on, with half a minute's patience, when c1 was plugged in again.",
            (
                Action(
                    "switch the spanning tree on",
                    (f"ip link set {BRIDGE} type bridge stp_state 1 forward_delay 3000",),
                    (f"brctl stp {BRIDGE} on", f"brctl setfd {BRIDGE} 30"),
                ),
                link.no_master("tap01", BRIDGE),
                link.master("tap01", BRIDGE),
            ),
            check="c1-on-br-int",
            hint="The spanning tree lets a new port listen first",
            mend=(
                Action(
                    "switch the spanning tree off",
                    (f"ip link set {BRIDGE} type bridge stp_state 0 forward_delay 1500",),
                    (f"brctl stp {BRIDGE} off", f"brctl setfd {BRIDGE} 15"),
                ),
                link.no_master("tap01", BRIDGE),  # a port that listens goes on listening
                link.master("tap01", BRIDGE),
            ),
        ),
        Mistake(
            "c1-paused",
            "c1 was stopped in its monitor.",
            (monitor.pause("c1"),),
            check="c1-running",
            hint="the monitor's `cont` lets them run again",
            mend=(monitor.resume("c1"),),
        ),
        Mistake(
            "c2-not-started",
            "Only one guest was started.",
            (guest.end("c2"),),
            check="c2-running",
            hint="Start c2 with qemu-kvm",
            also=_EVERYTHING_OF_C2,
        ),
        Mistake(
            "shared-image",
            "c2 was given c1's image, as the tutorial has it; QEMU refuses, as c1 writes to it.",
            (guest.end("c2"), Action("start c2 on the image of c1", (f"{shared} || true",))),
            check="c2-running",
            hint="if it ended by itself, start it without -daemonize to read why",
            also=_EVERYTHING_OF_C2,
        ),
    )


def _option_mistakes(plan: Plan) -> tuple[Mistake, ...]:
    return (
        _wrong(
            "too-much-memory",
            "c1 was given twice the memory.",
            replace(plan.c1, memory_mib=512),
            "hardware",
            "-m counts in MiB",
        ),
        _wrong(
            "one-cpu",
            "-smp was left out.",
            replace(plan.c2, vcpus=1),
            "hardware",
            "-smp says how many processors",
        ),
        _wrong(
            "no-mac",
            "macaddr= was left out, as five bytes of it were refused.",
            with_nic(plan.c1, mac=_QEMU_MAC),
            "mac",
            "The card's macaddr= was left out",
        ),
        _wrong(
            "other-mac",
            "A byte of the address is wrong.",
            with_nic(plan.c2, mac="52:54:00:00:00:20"),
            "mac",
            "Compare macaddr= byte by byte",
        ),
        _wrong(
            "ide-disk",
            "if=virtio was left out.",
            with_drive(plan.c1, interface="ide"),
            "disk",
            "if= chooses the bus of the disk",
        ),
        Mistake(
            "other-disk",
            "c2 was given an empty image.",
            (
                image.create(_EMPTY, "64M"),
                *started_otherwise(with_drive(plan.c2, file=_EMPTY)),
            ),
            check="c2-disk",
            hint="file= names another image",
            mend=(guest.end("c2"), file.remove(_EMPTY)),
        ),
        Mistake(
            "same-mac",
            "c2's line was copied from c1's, and the address was not changed.",
            started_otherwise(with_nic(plan.c2, mac=plan.c1.nics[0].mac)),
            check="c1-mac",
            hint="Two cards with one address confuse every bridge",
            mend=(guest.end("c2"),),
            also=("c2-mac",),
        ),
    )


_ROTTED = (
    Rotted(
        'If [-N "$"]; Then',
        "The shell's words are in lower case, [ is a command with blanks around it, and the "
        'tap\'s name is "$1": '
        '`if [ -n "$1" ]; then`.',
    ),
    Rotted(
        "Ip Link Set up / Sleep 1 / Brctl AddIf $bridge",
        'The tap\'s name is missing: `ip link set "$1" up`, `ip link set "$1" master "$bridge"` '
        '(`brctl addif "$bridge" "$1"`). Nothing has to be slept for.',
    ),
    Rotted(
        "#qemu-kvm-name c1-m 256-smp 2-drive file=/vms/cirros1.img,…",
        "The blanks were lost in print, and the directory: the images are in /vms/cirros.",
    ),
    Rotted(
        "macaddr=52:54:00:00:00",
        "A MAC address has six bytes, and QEMU refuses five: 52:54:00:00:00:01 for c1, "
        "52:54:00:00:00:02 for c2.",
    ),
    Rotted(
        "-name c2 … file=/vms/cirros/cirros1.img",
        "c2 was given the image of c1, which QEMU has locked since version 2.10: c2 has its own, "
        "cirros2.img.",
    ),
    Rotted(
        "-net Nic[,vlan=n][,macaddr=mac][,model=type]",
        "vlan= was removed in QEMU 3.0. -net nic and -net tap of one line are joined; "
        "`-nic tap,model=virtio,mac=…` says both at once.",
    ),
    Rotted(
        "-net tap,script=/etc/qemu-ifup",
        "When a guest ends, QEMU runs /etc/qemu-ifdown too, and complains when there is none: "
        "the bench's launcher adds downscript=no. To find TAP01 and TAP02 again, name them: "
        "ifname=tap01.",
    ),
)


def step(plan: Plan) -> Step:
    return Step(
        slug="guests",
        title="Two guests on one bridge",
        goal=f"Write {IFUP}, and start the guests c1 and c2 with a tap on {BRIDGE} each.",
        solution=(
            ifup.write(BRIDGE),
            guest.start(plan.c1),
            guest.start(plan.c2),
            guest.ready("c1"),
            guest.ready("c2"),
        ),
        checks=(script_file(IFUP, points=1), *_checks(plan.c1), *_checks(plan.c2)),
        needs=("host", "bridge"),
        files=(IFUP,),
        parts=(
            Wanted("tap", "tap01", BRIDGE),
            Wanted("guest", "c1", "tap01"),
            Wanted("tap", "tap02", BRIDGE),
            Wanted("guest", "c2", "tap02"),
        ),
        mistakes=(*_SCRIPT_MISTAKES, *_cable_mistakes(plan), *_option_mistakes(plan)),
        rotted=_ROTTED,
    )
