"""The course's own names and numbers, which several steps share."""

from __future__ import annotations

from dataclasses import replace

from kvmbench.act import guest
from kvmbench.act.action import Action
from kvmbench.model import Drive, Nic
from kvmbench.qemu.options import GuestPlan

BRIDGE = "br-int"
UPLINK = "ens33"
UPLINK_ADDRESS = "172.16.0.67"
NETWORK = "10.1.1.0/24"
ROUTER = "10.1.1.254"
ROUTER_INTERFACE = "10.1.1.254/24"
FIRST_LEASE, LAST_LEASE = "10.1.1.11", "10.1.1.100"
SSH_OUTSIDE, SSH_INSIDE = 22922, 22

PAIR = ("vethm.1", "vethm.2")
PAIR_INTERFACES = ("10.2.2.1/24", "10.2.2.2/24")
NETNS = "router1"

BASE_IMAGE = "/vms/base/guest.qcow2"
CENTOS = "/vms/centos/centos.img"
OVERLAY = "/vms/centos/overlay.img"
CENTOS_SIZE = "80G"

C1 = GuestPlan(
    "c1",
    drives=(Drive("/vms/cirros/cirros1.img", "qcow2", "virtio"),),
    nics=(Nic("virtio", "52:54:00:00:00:01", "tap01"),),
    vnc_display=0,
)
C2 = GuestPlan(
    "c2",
    drives=(Drive("/vms/cirros/cirros2.img", "qcow2", "virtio"),),
    nics=(Nic("virtio", "52:54:00:00:00:02", "tap02"),),
    vnc_display=2,
)
C3 = GuestPlan(
    "c3",
    drives=(Drive("/vms/cirros/cirros3.img", "qcow2", "ide"),),
    nics=(Nic("e1000", "52:54:00:00:00:03", "tap03"),),
    vnc_display=3,
    memory_mib=128,
)
C1_INTERFACE, C2_INTERFACE = "10.1.1.1/24", "10.1.1.2/24"


def with_nic(plan: GuestPlan, *, model: str | None = None, mac: str | None = None) -> GuestPlan:
    """The same guest with another network card."""
    (nic,) = plan.nics
    return replace(plan, nics=(replace(nic, model=model or nic.model, mac=mac or nic.mac),))


def with_drive(plan: GuestPlan, *, file: str | None = None, interface: str | None = None) -> GuestPlan:
    """The same guest with another disk."""
    (drive,) = plan.drives
    return replace(
        plan, drives=(replace(drive, file=file or drive.file, interface=interface or drive.interface),)
    )


def started_otherwise(plan: GuestPlan) -> tuple[Action, ...]:
    """A guest that was started with other options than asked for."""
    return (guest.end(plan.name), guest.start(plan))
