"""Step 10: addresses handed out."""

from __future__ import annotations

from kvmbench.act import dnsmasq, guest
from kvmbench.act.action import Action
from kvmbench.check import dhcp_serves, leased_by
from kvmbench.course.plan import BRIDGE, C2_INTERFACE, FIRST_LEASE, LAST_LEASE, PAIR, ROUTER
from kvmbench.course.step import Mistake, Rotted, Step
from kvmbench.model import Wanted

_SERVES = f"{BRIDGE}-dhcp"
_LEASED = "c2-leased"
_STOP = (dnsmasq.stop(),)


def _instead(name: str, says: str, start: Action, hint: str) -> Mistake:
    """dnsmasq was started with something other than asked for."""
    return Mistake(name, says, (*_STOP, start), _SERVES, hint, mend=_STOP, also=(_LEASED,))


STEP = Step(
    slug="dnsmasq",
    title="Addresses handed out",
    goal=f"Let dnsmasq hand out {FIRST_LEASE} to {LAST_LEASE} on {BRIDGE}, and let c2 take one.",
    solution=(
        dnsmasq.start(BRIDGE, FIRST_LEASE, LAST_LEASE, ROUTER),
        guest.lease("c2"),
        Action("see what was leased", (f"cat {dnsmasq.LEASES}",)),
    ),
    checks=(
        dhcp_serves(BRIDGE, first=FIRST_LEASE, last=LAST_LEASE, router=ROUTER, probe_guest="c2", points=3),
        leased_by("c2", first=FIRST_LEASE, last=LAST_LEASE, points=2),
    ),
    needs=("forwarding",),
    parts=(Wanted("dnsmasq", BRIDGE),),
    mistakes=(
        Mistake(
            "not-started",
            "dnsmasq ended, or was never started.",
            _STOP,
            check=_SERVES,
            hint="dnsmasq goes to the background by itself",
            also=(_LEASED,),
        ),
        _instead(
            "wrong-interface",
            "dnsmasq serves the cable to the namespace.",
            dnsmasq.start(PAIR[0], FIRST_LEASE, LAST_LEASE, ROUTER),
            "-i names the interface on which it listens",
        ),
        _instead(
            "wrong-range",
            "The range is another one.",
            dnsmasq.start(BRIDGE, "10.1.1.110", "10.1.1.200", ROUTER),
            "compare both ends with the goal",
        ),
        _instead(
            "wrong-router",
            "Option 3 names a guest.",
            dnsmasq.start(BRIDGE, FIRST_LEASE, LAST_LEASE, "10.1.1.1"),
            "Option 3 is the gateway that guests will use",
        ),
        Mistake(
            "static-again",
            "c2 was given back its fixed address.",
            (
                guest.run("c2", "drop the leased address", "ip address flush dev eth0"),
                guest.address("c2", C2_INTERFACE),
                guest.gateway("c2", ROUTER),
            ),
            check=_LEASED,
            hint="A lease is a promise",
        ),
    ),
    rotted=(
        Rotted(
            "#dnsmasq-I br-int-f 10.1.1.11,10.1.1.100-o 3,10.1.1.254",
            "The options are -i, -F and -O, and their case matters: "
            f"`dnsmasq -i {BRIDGE} -F {FIRST_LEASE},{LAST_LEASE} -O 3,{ROUTER}`.",
        ),
    ),
)
