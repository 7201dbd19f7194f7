"""Step 6: the bridge."""

from __future__ import annotations

from kvmbench.act import bridge, link
from kvmbench.act.action import Action
from kvmbench.check import bridge_exists, bridge_up
from kvmbench.course.plan import BRIDGE
from kvmbench.course.step import Mistake, Rotted, Step
from kvmbench.model import Wanted

_MISSPELT = "br-nit"

STEP = Step(
    slug="bridge",
    title="A switch in the kernel",
    goal=f"Make the bridge {BRIDGE} and set it up.",
    solution=(bridge.add(BRIDGE), bridge.up(BRIDGE)),
    checks=(bridge_exists(BRIDGE, points=1), bridge_up(BRIDGE, points=1)),
    parts=(Wanted("bridge", BRIDGE),),
    mistakes=(
        Mistake(
            "misspelt",
            "The bridge was made under another name.",
            (
                link.down(BRIDGE),
                Action("misspell the bridge's name", (f"ip link set {BRIDGE} name {_MISSPELT}",)),
                link.up(_MISSPELT),
            ),
            check=f"{BRIDGE}-exists",
            hint="A bridge is a link of type bridge: create br-int",
            mend=(
                link.down(_MISSPELT),
                Action("name the bridge right", (f"ip link set {_MISSPELT} name {BRIDGE}",)),
            ),
            also=(f"{BRIDGE}-up",),
        ),
        Mistake(
            "down",
            "The bridge was made and not set up.",
            (link.down(BRIDGE),),
            check=f"{BRIDGE}-up",
            hint="A bridge that is down passes nothing on",
        ),
    ),
    rotted=(
        Rotted(
            "Create a bridge: Brctl ADDBR br-int",
            f"brctl is from bridge-utils, which is no longer developed: `ip link add name {BRIDGE} "
            f"type bridge`.",
        ),
        Rotted(
            "Brctl Show display", "`bridge link` lists the ports, `ip -d link show type bridge` the bridges."
        ),
        Rotted(
            "Ifconfig Br-int up activation",
            f"`ip link set {BRIDGE} up`; ifconfig is from net-tools, of 1993.",
        ),
    ),
)
