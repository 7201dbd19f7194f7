"""Step 4: a veth pair."""

from __future__ import annotations

from kvmbench.act import link, netns, veth
from kvmbench.act.action import Action
from kvmbench.check import link_up, veth_pair
from kvmbench.course.combine import either
from kvmbench.course.plan import NETNS, PAIR, Plan
from kvmbench.course.step import Mistake, Rotted, Step
from kvmbench.model import Wanted

ONE, OTHER = PAIR


def _routed(plan: Plan) -> tuple[Action, ...]:
    """What the next step made of the pair, for when the pair has to be made anew."""
    return (
        netns.add(NETNS),
        netns.move(OTHER, NETNS),
        link.address(ONE, plan.near_interface),
        link.address(OTHER, plan.far_interface, NETNS),
    )


def _if_here(name: str) -> Action:
    """Set an end up that may have moved on into its namespace by now, where the next step sees to it."""
    up = link.up(name)
    return Action(
        up.says, up.today, up.old, done=lambda m: up.done(m) or name not in _here(m.run("ip -br link").out)
    )


def _here(table: str) -> list[str]:
    return [line.split()[0].partition("@")[0] for line in table.splitlines() if line.strip()]


_ROTTED = (
    Rotted(
        "IP link Add vethm.1 type Veth peer name vethm.2",
        f"Commands and types are in lower case: `ip link add {ONE} type veth peer name {OTHER}`.",
    ),
    Rotted(
        "IP link del vethx.1 type Veth peer name vethx.2 Delete",
        "To delete takes one name, and both ends go: `ip link delete vethx.1`.",
    ),
)


def step(plan: Plan) -> Step:
    return Step(
        slug="veth",
        title="A cable with two ends",
        goal=f"Make the veth pair {ONE} and {OTHER}, and set both ends up.",
        solution=(veth.add(ONE, OTHER, NETNS), link.up(ONE), _if_here(OTHER)),
        checks=(
            either(
                "veth-pair",
                f"{ONE} and {OTHER} are the two ends of one veth pair",
                veth_pair(ONE, OTHER),
                veth_pair(ONE, OTHER, netns_b=NETNS),  # where the next step puts it
                second_is_meant=lambda seen: seen.link(OTHER, NETNS) is not None,
                points=2,
            ),
            link_up(ONE, points=1),
        ),
        parts=(Wanted("veth", ONE, OTHER),),
        mistakes=(
            Mistake(
                "one-end-deleted",
                "One end was deleted, and the other went with it.",
                (link.delete(ONE),),
                check="veth-pair",
                hint="Create vethm.1 first",
                mend=(veth.add(ONE, OTHER), *_routed(plan)),
                also=("vethm.1-up",),
            ),
            Mistake(
                "two-pairs",
                "Two pairs were made, and one end of each was taken for a pair.",
                (link.delete(ONE), veth.add(ONE, "vethx.1"), veth.add(OTHER, "vethx.2")),
                check="veth-pair",
                hint="are ends of two different cables",
                mend=(link.delete(ONE), link.delete(OTHER), veth.add(ONE, OTHER), *_routed(plan)),
                also=("vethm.1-up",),
            ),
            Mistake(
                "left-down",
                "The pair was made and not set up.",
                (link.down(ONE),),
                check="vethm.1-up",
                hint="A new interface starts down",
            ),
            Mistake(
                "other-end-down",
                "Only the near end was set up.",
                (link.down(OTHER, NETNS),),
                check="vethm.1-up",
                hint="A pair is a cable: both ends have to be set up",
                mend=(link.up(OTHER, NETNS),),
            ),
        ),
        rotted=_ROTTED,
    )
