"""Run on a bench: break real kernel objects by commands, look, and tell what the checks say of it.

Beside it stands what they say of the recorded mutant of the same name. Prints JSON: name → check →
[[verdict, hint] of the kernel, [verdict, hint] of the mutant].
"""

from __future__ import annotations

import json
import subprocess
import time

from kvmbench.check import (
    bridge_up,
    has_address,
    link_mtu,
    link_up,
    neighbour_known,
    netns_exists,
    pings,
    port_of,
    route_to,
    stp_state,
    sysctl_is,
    veth_pair,
)
from kvmbench.course import Step
from kvmbench.model import Outcome, Snapshot
from kvmbench.mutate import live
from kvmbench.mutate.score import mutants

SETTLES_S = 20.0
STEP = Step(
    "wires",
    "Wires",
    "Be a bench with a cable to a namespace and a bridge with a port.",
    (),
    (
        bridge_up("br-int"),
        port_of("br-int", "p1"),
        stp_state("br-int", on=False),
        link_mtu("p1", 1500),
        link_up("vethm.1"),
        veth_pair("vethm.1", "vethm.2", netns_b="router1"),
        netns_exists("router1"),
        has_address("vethm.1", "10.2.2.1/24"),
        has_address("vethm.2", "10.2.2.2/24", netns="router1"),
        route_to("10.2.2.0/24", None),
        neighbour_known("10.2.2.2"),
        sysctl_is("net.ipv4.ip_forward", 1),
        pings("netns:router1", "10.2.2.1"),
    ),
)
BUILD = """
ip netns del router1
for link in vethm.1 br-int br-inx p1 br-ext; do ip link del $link; done
set -e
ip netns add router1
ip link add vethm.1 type veth peer name vethm.2 netns router1
ip address add 10.2.2.1/24 dev vethm.1; ip link set vethm.1 up
ip -n router1 address add 10.2.2.2/24 dev vethm.2
ip -n router1 link set vethm.2 up; ip -n router1 link set lo up
ip link add br-int type bridge; ip link set br-int up
ip link add p1 type veth peer name p2; ip link set p2 up; ip link set p1 master br-int up
sysctl -qw net.ipv4.ip_forward=1
ping -c 1 -W 2 10.2.2.2 >/dev/null
"""
BREAK = {
    "down: br-int": "ip link set br-int down",
    "removed: br-int": "ip link del br-int",
    "renamed: br-int": "ip link set br-int down; ip link set br-int name br-inx; ip link set br-inx up",
    "STP switched: br-int": "ip link set br-int type bridge stp_state 1",
    "no master: p1": "ip link set p1 nomaster",
    "other master: p1": "ip link add br-ext type bridge; ip link set br-ext up; ip link set p1 master br-ext",
    "listening: p1": "bridge link set dev p1 state 1",
    "learning: p1": "bridge link set dev p1 state 2",
    "down: p1": "ip link set p1 down",
    "removed: p1": "ip link del p1",
    "other MTU: p1": "ip link set p1 mtu 1400",
    "down: vethm.1": "ip link set vethm.1 down",
    "down: vethm.2 in router1": "ip -n router1 link set vethm.2 down",
    "removed: vethm.1": "ip link del vethm.1",
    "removed: vethm.2 in router1": "ip -n router1 link del vethm.2",
    "in another namespace: vethm.2 in router1": "ip -n router1 link set vethm.2 netns 1",
    "no address: vethm.1": "ip address flush dev vethm.1",
    "no address: vethm.2 in router1": "ip -n router1 address flush dev vethm.2",
    "wrong prefix: vethm.1": "ip address del 10.2.2.1/24 dev vethm.1; ip address add 10.2.2.1/8 dev vethm.1",
    "other address: vethm.2 in router1": "ip -n router1 address del 10.2.2.2/24 dev vethm.2; "
    "ip -n router1 address add 10.2.2.3/24 dev vethm.2",
    "switched: net.ipv4.ip_forward": "sysctl -qw net.ipv4.ip_forward=0",
    "never heard of: neighbour 10.2.2.2": "ip neighbour flush dev vethm.1",
    "removed: namespace router1": "ip netns del router1",
}
"""The name of a mutant → how it is done for real. Not `blocking`: without STP the kernel takes that back."""


def typed(script: str) -> None:
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{script}: {done.stderr}"


def told(outcome: Outcome) -> list[str]:
    return [outcome.verdict, outcome.hint]


def settled(mutant: Snapshot) -> dict[str, list[list[str]]]:
    """What the checks say once the kernel has come to rest, beside what they say of the mutant.

    It tells of a lost carrier up to a second later (linkwatch), and takes namespaces down behind one's back.
    """
    until = time.monotonic() + SETTLES_S
    while True:
        seen = live((STEP,), again=False)
        found = {check.name: [told(check(seen)), told(check(mutant))] for check in STEP.checks}
        if all(real == said for real, said in found.values()) or time.monotonic() > until:
            return found
        time.sleep(0.2)


def main() -> None:
    typed(BUILD)
    solved = live((STEP,))
    recorded = {mutant.name: mutant for mutant in mutants((STEP,), solved)}
    answers = {"solved": {check.name: [told(check(solved)), ["passed", ""]] for check in STEP.checks}}
    for name, script in BREAK.items():
        typed(BUILD)
        settled(solved)  # what is asked anew after the breaking would be known again
        typed(script)
        answers[name] = settled(recorded[name].seen)
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
