"""Step 12: hardware that is played, and hardware that never was."""

from __future__ import annotations

from kvmbench.act import guest, image, link, monitor
from kvmbench.check import guest_disk, guest_nic_model, guest_running, nic_driver, plugged_into
from kvmbench.course.plan import (
    BASE_IMAGE,
    BRIDGE,
    C3,
    Plan,
    started_otherwise,
    with_drive,
    with_nic,
)
from kvmbench.course.step import Mistake, Rotted, Step
from kvmbench.model import Wanted
from kvmbench.qemu.options import GuestPlan

(_DRIVE,) = C3.drives
_DRIVER = "ls -l /sys/class/net/eth0/device/driver"
_VIRTIO_NET = "/sys/bus/virtio/drivers/virtio_net"
_UNBIND = f"cd {_VIRTIO_NET} && for d in virtio*; do echo $d >/tmp/nic; echo $d >unbind; done"
_BIND = f"cat /tmp/nic >{_VIRTIO_NET}/bind"


def _wrong(name: str, says: str, plan: GuestPlan, check: str, hint: str, *also: str) -> Mistake:
    """c3 was started with something other than asked for."""
    return Mistake(name, says, started_otherwise(plan), check, hint, (guest.end("c3"),), also)


_ROTTED = (
    Rotted(
        "Virtio: A semi-virtualized solution for open source",
        "The usual word is paravirtualized: the guest knows that its card and its disk are "
        "played, and spares "
        "itself the play.",
    ),
    Rotted(
        "-hda/-hdb file: Indicates the path of the IDE bus type disk mapping files",
        "They still work, and leave the format to be guessed: `-drive file=…,if=ide,format=qcow2` says it.",
    ),
    Rotted(
        "model=type: … Ne2k_pci,i82551,i82557b,i82559er,rtl8139,e1000,pcnet,virtio",
        "`qemu-kvm -nic model=help` lists what this QEMU has, in lower case: ne2k_pci, …, virtio-net-pci.",
    ),
)


def step(plan: Plan) -> Step:
    return Step(
        slug="virtio",
        title="Played hardware and virtio",
        goal="Start c3 with an e1000 card and an IDE disk, and compare its drivers with those of c1.",
        solution=(
            image.overlay(_DRIVE.file, BASE_IMAGE),
            guest.start(plan.c3),
            guest.ready("c3"),
            guest.run("c1", "see which driver c1 uses", _DRIVER, looks=True),
            guest.run("c3", "see which driver c3 uses", _DRIVER, looks=True),
        ),
        checks=(
            guest_running("c3", points=1),
            guest_nic_model("c3", "e1000", points=1),
            guest_disk("c3", _DRIVE.file, interface="ide", points=1),
            plugged_into("c3", BRIDGE, points=1),
            nic_driver("c3", "e1000", points=1),
            nic_driver("c1", "virtio_net", points=1),
        ),
        needs=("guests",),
        images=(_DRIVE.file,),
        parts=(Wanted("tap", "tap03", BRIDGE), Wanted("guest", "c3", "tap03")),
        mistakes=(
            Mistake(
                "paused",
                "c3 was stopped in its monitor.",
                (monitor.pause("c3"),),
                check="c3-running",
                hint="the monitor's `cont` lets them run again",
                mend=(monitor.resume("c3"),),
                also=("c3-driver-e1000",),
            ),
            Mistake(
                "unplugged",
                "c3's tap was taken off the bridge.",
                (link.no_master("tap03", BRIDGE),),
                check="c3-on-br-int",
                hint="/etc/qemu-ifup is what gives the tap its master",
                mend=(link.master("tap03", BRIDGE),),
            ),
            Mistake(
                "no-driver",
                "c1's kernel was told to let go of its card.",
                (guest.run("c1", "let go of the card", _UNBIND),),
                check="c1-driver-virtio_net",
                hint="or one that its kernel has no driver for",
                mend=(
                    guest.run("c1", "take the card up again", _BIND),
                    guest.address("c1", plan.c1_interface),
                    guest.gateway("c1", plan.router),
                ),
            ),
            _wrong(
                "another-card",
                "c3 was given a card of Realtek's.",
                with_nic(plan.c3, model="rtl8139"),
                "c3-nic-e1000",
                "model= names the card that QEMU plays",
                "c3-driver-e1000",
            ),
            _wrong(
                "virtio-disk",
                "c3's disk was left on virtio.",
                with_drive(plan.c3, interface="virtio"),
                "c3-disk",
                "if= chooses the bus of the disk",
                "c3-driver-e1000",
            ),
            Mistake(
                "virtio-card",
                "c3's card was left on virtio.",
                (*started_otherwise(with_nic(plan.c3, model="virtio")), guest.ready("c3")),
                check="c3-driver-e1000",
                hint="which model= wants e1000",
                mend=(guest.end("c3"),),
                also=("c3-nic-e1000",),
            ),
        ),
        rotted=_ROTTED,
    )
