"""A bridge: a switch inside the kernel (bridge(8), brctl(8))."""

from __future__ import annotations

from kvmbench.act import link, seen
from kvmbench.act.action import Action
from kvmbench.errors import BadInput
from kvmbench.qemu.options import link_name
from kvmbench.system import Machine

up = link.up


def add(name: str) -> Action:
    """Make a bridge.

    Raises:
        BadInput: no name for an interface; or, when it is applied, the name belongs to something else.
    """
    link_name(name)

    def hindered(machine: Machine) -> BadInput | None:
        found = seen.link(machine, name)
        if not found:
            return None
        return BadInput(
            f"{name} is a {seen.kind(found) or 'plain device'} already",
            f"Delete it first, if it is yours: ip link delete {name}",
        )

    return Action(
        says=f"make the bridge {name}",
        today=(f"ip link add name {name} type bridge",),
        old=(f"brctl addbr {name}",),
        done=lambda machine: seen.kind(seen.link(machine, name)) == "bridge",
        hindered=hindered,
    )
