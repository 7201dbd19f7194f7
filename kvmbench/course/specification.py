"""The whole set-up on one page: what the capstone asks for, made of a plan and of nothing else."""

from __future__ import annotations

from typing import NamedTuple

from kvmbench.course.plan import (
    BRIDGE,
    CENTOS,
    CENTOS_SIZE,
    NETNS,
    OVERLAY,
    PAIR,
    SSH_INSIDE,
    UPLINK,
    UPLINK_ADDRESS,
    Plan,
)
from kvmbench.qemu.options import IFUP, GuestPlan

STEPS = (
    *("host", "image", "veth", "netns", "bridge"),
    *("guests", "consoles", "forwarding", "dnat", "dnsmasq"),
)
"""slugs of the steps whose checks it covers"""


class Asked(NamedTuple):
    """One line of the specification."""

    part: str
    what: str
    value: str


def asked(plan: Plan) -> tuple[Asked, ...]:
    """The lines, in the order in which one builds."""
    near, far = PAIR
    return (
        Asked("host", "/usr/bin/qemu-kvm", "a link to /usr/libexec/qemu-kvm"),
        Asked("disks", CENTOS, f"qcow2, {CENTOS_SIZE}, its metadata written in advance"),
        Asked("disks", OVERLAY, f"qcow2, {CENTOS_SIZE}, over {CENTOS}"),
        Asked("cable", "a veth pair", f"{near} on the bench, {far} in the namespace {NETNS}"),
        Asked("cable", near, f"{plan.near_interface}, up"),
        Asked("cable", f"{far} in {NETNS}", f"{plan.far_interface}, up; lo in {NETNS} is up, too"),
        Asked("cable", f"{NETNS} pings", plan.near),
        Asked("switch", BRIDGE, f"a bridge, up, {plan.router_interface}"),
        Asked("switch", IFUP, f"an executable script that plugs a guest's tap into {BRIDGE}"),
        *_guest(plan.c1, f"{plan.c1_interface}, gateway {plan.router}"),
        *_guest(plan.c2, f"leased by DHCP, gateway {plan.router}"),
        Asked("out", "net.ipv4.ip_forward", "1"),
        Asked("out", f"what leaves {plan.network} by {UPLINK}", f"comes from {UPLINK_ADDRESS}"),
        Asked("in", f"TCP {UPLINK_ADDRESS}:{plan.ssh_outside}", f"leads to {plan.c1_address}:{SSH_INSIDE}"),
        Asked("addresses", f"dnsmasq on {BRIDGE}", f"offers {plan.first_lease} to {plan.last_lease}"),
        Asked("addresses", "the router that it names", plan.router),
    )


def _guest(guest: GuestPlan, address: str) -> tuple[Asked, ...]:
    (drive,), (nic,) = guest.drives, guest.nics
    return (
        Asked(guest.name, "memory, vCPUs", f"{guest.memory_mib} MiB, {guest.vcpus}"),
        Asked(guest.name, "disk", f"{drive.file}, {drive.format}, interface {drive.interface}"),
        Asked(guest.name, "network card", f"{nic.model}, {nic.mac}, its tap on {BRIDGE}"),
        Asked(guest.name, "screen", f"VNC, display :{guest.vnc_display}; and a serial console"),
        Asked(guest.name, "eth0", address),
    )
