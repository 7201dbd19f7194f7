"""Mistakes that stop packets, for every check that is proved on the wire."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from kvmbench.model import Rule
from kvmbench.mutate.changes import (
    booting,
    change_guest,
    change_inside,
    change_link,
    rules,
    sysctl,
    without_guest,
    without_netns,
)
from tests.check.benches import (
    solved,
)

SOLVED = solved()
NO_C1, NO_C2 = without_guest(SOLVED, "c1"), without_guest(SOLVED, "c2")
NO_FORWARDING = sysctl(SOLVED, "net.ipv4.ip_forward", "0")
NO_GATEWAY = change_inside(SOLVED, "c1", gateway=None)
WRONG_GATEWAY = change_inside(SOLVED, "c1", gateway=IPv4Address("10.1.1.253"))
NO_ROUTER = without_netns(SOLVED, "router1")
PAUSED = change_guest(booting(SOLVED, "c1"), "c1", status="paused")
UNPLUGGED = change_link(SOLVED, "tap01", master=None, port=None)
FORWARDED = Rule(
    "ip", "filter", "FORWARD", "forward", "accept", "-A FORWARD -i br-int -j ACCEPT", in_link="br-int"
)
ESTABLISHED = Rule(
    *("ip", "filter", "FORWARD", "forward", "accept"),
    text="-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
)
INPUT_DROP = Rule("ip", "filter", "INPUT", "input", "drop", "-A INPUT -p icmp -j DROP", protocol="icmp")
OUTPUT_DROP = Rule("inet", "own", "out", "output", "reject", "icmp type echo-request reject", protocol="icmp")
UNREAD = replace(rules(SOLVED), troubles=("packet filter rules: nft failed (1): Operation not permitted",))
STARTED, FINISHED = "Start c1 with qemu-kvm", "Start c2 with qemu-kvm"
