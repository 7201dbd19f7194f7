"""Step 5: a network namespace."""

from __future__ import annotations

from dataclasses import replace

from kvmbench.act import link, netns, veth
from kvmbench.act.action import Action
from kvmbench.check import has_address, link_up, netns_exists, pings, veth_pair
from kvmbench.course.plan import NETNS, PAIR, TUTORIAL, Plan
from kvmbench.course.step import Mistake, Rotted, Step
from kvmbench.model import Wanted

ONE, OTHER = PAIR
_PLACE = f"{OTHER}-in-{NETNS}"
_PING = f"{NETNS}-pings-10.2.2.1"
"""points are counted by it, whichever address a student has"""
_FAR_ADDRESS = f"{NETNS}-{OTHER}-address"

_ROTTED = (
    Rotted(
        "IP link Set dev vethm.2 netns router1 vethm.2 Add router1",
        f"The words behind the name are a remark, no part of it: `ip link set dev {OTHER} netns {NETNS}`.",
    ),
    Rotted(
        "IP netns exec router1 ifconfig-a",
        f"`ip netns exec {NETNS} ip address`, or `ip -n {NETNS} address` without a program run in there.",
    ),
    Rotted(
        "After you configure the IP, you can communicate by activating.",
        "The tutorial leaves the lines out: "
        f"`ip -n {NETNS} address add {TUTORIAL.far_interface} dev {OTHER}`, "
        f"then `ip -n {NETNS} link set {OTHER} up`.",
    ),
)


def step(plan: Plan) -> Step:
    return Step(
        slug="netns",
        title="A host inside the host",
        goal=f"Make the namespace {NETNS}, plug {OTHER} into it, and let it ping the bench over the cable.",
        solution=(
            netns.add(NETNS),
            netns.move(OTHER, NETNS),
            link.address(ONE, plan.near_interface),
            link.address(OTHER, plan.far_interface, NETNS),
            link.up("lo", NETNS),
            Action(
                "see what the namespace has",
                (f"ip netns exec {NETNS} ip address",),
                (f"ip netns exec {NETNS} ifconfig -a",),
                looks=True,
            ),
            Action(
                "send packets over the cable",
                (f"ip netns exec {NETNS} ping -c 3 -i 0.5 -W 2 {plan.near}",),
                looks=True,
            ),
        ),
        checks=(
            netns_exists(NETNS, points=1),
            replace(veth_pair(ONE, OTHER, netns_b=NETNS, points=1), name=_PLACE),
            has_address(ONE, plan.near_interface, points=1),
            has_address(OTHER, plan.far_interface, netns=NETNS, points=1),
            link_up("lo", NETNS, points=1),
            replace(pings(f"netns:{NETNS}", plan.near, points=2), name=_PING),
        ),
        needs=("veth",),
        parts=(
            Wanted("netns", NETNS),
            Wanted("veth", ONE, f"{OTHER}@{NETNS}", address=plan.near_interface),
            Wanted("veth", OTHER, ONE, netns=NETNS, address=plan.far_interface),
        ),
        mistakes=(
            Mistake(
                "no-namespace",
                "The namespace was deleted, and the cable's end in it with it.",
                (link.delete(ONE), netns.delete(NETNS)),
                check=f"{NETNS}-exists",
                hint="`ip netns add` gives it the name router1",
                mend=(veth.add(ONE, OTHER),),
                also=(_PLACE, f"{ONE}-address", _FAR_ADDRESS, f"{NETNS}-lo-up", _PING),
            ),
            Mistake(
                "not-moved",
                "The far end stayed on the bench.",
                (netns.move_back(OTHER, NETNS),),
                check=_PLACE,
                hint="An interface is in one namespace at a time",
                also=(_FAR_ADDRESS, _PING),
            ),
            Mistake(
                "no-address",
                "The far end has no address.",
                (link.no_address(OTHER, NETNS),),
                check=_FAR_ADDRESS,
                hint="`ip address add` takes ADDRESS/LENGTH",
                also=(_PING,),
            ),
            Mistake(
                "no-netmask",
                "ifconfig was typed without a netmask, and took the one of a class A network.",
                (link.no_address(ONE), Action("give it an address only", (f"ifconfig {ONE} {plan.near}",))),
                check=f"{ONE}-address",
                hint="The address is right, its prefix length is not",
                mend=(link.no_address(ONE),),
            ),
            Mistake(
                "lo-down",
                "The namespace's own loopback was left down.",
                (link.down("lo", NETNS),),
                check=f"{NETNS}-lo-up",
                hint="A new interface starts down",
            ),
            Mistake(
                "near-end-down",
                "The bench's end of the cable is down.",
                (link.down(ONE),),
                check=_PING,
                hint="What vethm.2 is plugged into is down",
            ),
        ),
        rotted=_ROTTED,
    )
