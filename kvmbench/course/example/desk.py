"""A step of your own: a room behind a cable on the bridge. Change one part, and run its test again."""

from kvmbench.act import link, netns, veth
from kvmbench.check import has_address, netns_exists, port_of
from kvmbench.course import BRIDGE, Mistake, Plan, Step, Wanted

ROOM = "desk"
PORT, PLUG = f"{ROOM}.1", f"{ROOM}.2"
HOST = 150  # hosts 110 to 200 of the bridge's network are free in every student's variant


def step(plan: Plan) -> Step:
    """The step with a student's own numbers."""
    address = f"{plan.host(HOST)}/24"
    return Step(
        slug="desk",
        title="A room on the bridge",
        goal=f"Make the namespace {ROOM}, plug it into {BRIDGE}, and give it the address {address}.",
        needs=("bridge",),
        solution=(
            netns.add(ROOM),
            veth.add(PORT, PLUG, ROOM),
            netns.move(PLUG, ROOM),
            link.master(PORT, BRIDGE),
            link.up(PORT),
            link.address(PLUG, address, ROOM),
        ),
        checks=(
            netns_exists(ROOM, points=1),
            port_of(BRIDGE, PORT, points=2),
            has_address(PLUG, address, netns=ROOM, points=2),
        ),
        parts=(
            Wanted("netns", ROOM),
            Wanted("veth", PORT, f"{PLUG}@{ROOM}"),
            Wanted("port", PORT, BRIDGE),
            Wanted("veth", PLUG, PORT, netns=ROOM, address=address),
        ),
        mistakes=(
            Mistake(
                "unplugged",
                "The cable's near end was not made a port of the bridge.",
                (link.no_master(PORT, BRIDGE),),
                check=f"{PORT}-on-{BRIDGE}",
                hint="master",
            ),
            Mistake(
                "no-address",
                "The far end has no address.",
                (link.no_address(PLUG, ROOM),),
                check=f"{ROOM}-{PLUG}-address",
                hint="`ip address add` takes ADDRESS/LENGTH",
            ),
        ),
    )
