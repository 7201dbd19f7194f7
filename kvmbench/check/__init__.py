"""Pure predicates over a Snapshot: what is wanted goes in, a Check comes out.

A check judges the outcome and never the road to it; rules, links and routes are read
to find the fitting hint, behaviour is proved by what a probe brought back.
"""

from kvmbench.check.bridge import bridge_exists, bridge_up, fdb_knows, port_of, stp_state
from kvmbench.check.dhcp import dhcp_serves, leased_by
from kvmbench.check.guests import (
    guest_disk,
    guest_hardware,
    guest_mac,
    guest_nic_model,
    guest_running,
    plugged_into,
)
from kvmbench.check.host import ksm_running, kvm_reported
from kvmbench.check.images import file_link, image_is, script_file
from kvmbench.check.inside import guest_address, guest_gateway, nic_driver
from kvmbench.check.machines import guest_cpu, guest_machine, guest_paused
from kvmbench.check.nat import dnat_ssh, source_nat
from kvmbench.check.network import (
    has_address,
    link_exists,
    link_mtu,
    link_up,
    neighbour_known,
    netns_exists,
    route_to,
    sysctl_is,
    veth_pair,
)
from kvmbench.check.reach import must_not_reach, pings, tcp_answers
from kvmbench.check.screens import console_served, vnc_served
from kvmbench.check.service import filter_verdict, name_resolves, ssh_banner, ssh_host_key

__all__ = [
    "bridge_exists",
    "bridge_up",
    "console_served",
    "dhcp_serves",
    "dnat_ssh",
    "fdb_knows",
    "file_link",
    "filter_verdict",
    "guest_address",
    "guest_cpu",
    "guest_disk",
    "guest_gateway",
    "guest_hardware",
    "guest_mac",
    "guest_machine",
    "guest_nic_model",
    "guest_paused",
    "guest_running",
    "has_address",
    "image_is",
    "ksm_running",
    "kvm_reported",
    "leased_by",
    "link_exists",
    "link_mtu",
    "link_up",
    "must_not_reach",
    "name_resolves",
    "neighbour_known",
    "netns_exists",
    "nic_driver",
    "pings",
    "plugged_into",
    "port_of",
    "route_to",
    "script_file",
    "source_nat",
    "ssh_banner",
    "ssh_host_key",
    "stp_state",
    "sysctl_is",
    "tcp_answers",
    "veth_pair",
    "vnc_served",
]
