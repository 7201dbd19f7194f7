"""The course's own names and numbers, which several steps share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import msgspec

from kvmbench.act import guest
from kvmbench.act.action import Action
from kvmbench.errors import BadInput
from kvmbench.model import Drive, Nic
from kvmbench.qemu.options import GuestPlan

BRIDGE = "br-int"
UPLINK = "ens33"
UPLINK_ADDRESS = "172.16.0.67"
SSH_INSIDE = 22

PAIR = ("vethm.1", "vethm.2")
NETNS = "router1"

BASE_IMAGE = "/vms/base/guest.qcow2"
CENTOS = "/vms/centos/centos.img"
OVERLAY = "/vms/centos/overlay.img"
CENTOS_SIZE = "80G"


@dataclass(frozen=True)
class Plan:
    """The numbers of the course, which may be other ones for each student; names are the same for all.

    Names are what points are counted by, and what pictures and notebooks speak of.
    """

    network: str = "10.1.1.0/24"
    """of the bridge; a /24, as steps and their mistakes count hosts in it"""
    router: str = "10.1.1.254"
    c1_address: str = "10.1.1.1"
    c2_address: str = "10.1.1.2"
    first_lease: str = "10.1.1.11"
    last_lease: str = "10.1.1.100"
    near: str = "10.2.2.1"
    """the bench's end of the cable to the namespace; both are in one /24"""
    far: str = "10.2.2.2"
    ssh_outside: int = 22922
    macs: tuple[str, str, str] = ("52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03")
    """of c1, c2 and c3"""

    def host(self, number: int) -> str:
        """The address of a host of the bridge's network, by its last byte."""
        return str(IPv4Network(self.network)[number])

    @property
    def router_interface(self) -> str:
        return f"{self.router}/24"

    @property
    def c1_interface(self) -> str:
        return f"{self.c1_address}/24"

    @property
    def c2_interface(self) -> str:
        return f"{self.c2_address}/24"

    @property
    def near_interface(self) -> str:
        return f"{self.near}/24"

    @property
    def far_interface(self) -> str:
        return f"{self.far}/24"

    @property
    def c1(self) -> GuestPlan:
        return GuestPlan(
            "c1",
            drives=(Drive("/vms/cirros/cirros1.img", "qcow2", "virtio"),),
            nics=(Nic("virtio", self.macs[0], "tap01"),),
            vnc_display=0,
        )

    @property
    def c2(self) -> GuestPlan:
        return GuestPlan(
            "c2",
            drives=(Drive("/vms/cirros/cirros2.img", "qcow2", "virtio"),),
            nics=(Nic("virtio", self.macs[1], "tap02"),),
            vnc_display=2,
        )

    @property
    def c3(self) -> GuestPlan:
        return GuestPlan(
            "c3",
            drives=(Drive("/vms/cirros/cirros3.img", "qcow2", "ide"),),
            nics=(Nic("e1000", self.macs[2], "tap03"),),
            vnc_display=3,
            memory_mib=128,
        )


def plan_from_json(text: str) -> Plan:
    """Numbers that were written with `msgspec.json`, checked.

    Raises:
        BadInput: it is no plan, or its numbers do not go together.
    """
    try:
        plan = msgspec.json.decode(text, type=Plan)
        network, cable = IPv4Network(plan.network), IPv4Interface(plan.near_interface).network
        hosts = [plan.router, plan.c1_address, plan.c2_address, plan.first_lease, plan.last_lease]
        fit = (
            all(IPv4Address(each) in network for each in hosts)
            and IPv4Address(plan.far) in cable
            and not any(cable.overlaps(other) for other in (network, _UPLINK_NETWORK))
            and not network.overlaps(_UPLINK_NETWORK)
            and network.prefixlen == 24
            and len({*hosts, plan.near, plan.far}) == 7
            and 0 < plan.ssh_outside < 65536
        )
    except (msgspec.DecodeError, ValueError) as error:
        raise BadInput(f"that is no plan of the course: {error}", _AGAIN) from None
    if not fit:
        raise BadInput("the numbers of this plan do not go together", _AGAIN)
    return plan


_UPLINK_NETWORK = IPv4Network("172.16.0.0/16")
_AGAIN = "Have it written anew: kvmbench variant --student NAME --key FILE --bench BENCH"
TUTORIAL = Plan()
"""the numbers that the tutorial and the notebooks have"""
NETWORK, ROUTER, SSH_OUTSIDE = TUTORIAL.network, TUTORIAL.router, TUTORIAL.ssh_outside
ROUTER_INTERFACE = TUTORIAL.router_interface
FIRST_LEASE, LAST_LEASE = TUTORIAL.first_lease, TUTORIAL.last_lease
C1, C2, C3 = TUTORIAL.c1, TUTORIAL.c2, TUTORIAL.c3


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
