"""A veth pair: a cable with two plugs (veth(4))."""

from __future__ import annotations

from kvmbench.act import seen
from kvmbench.act.action import Action
from kvmbench.errors import BadInput
from kvmbench.qemu.options import link_name
from kvmbench.system import Machine


def add(one: str, other: str, netns: str = "") -> Action:
    """Make a veth pair; it is so as well when its other end has moved to `netns`.

    Raises:
        BadInput: no names for interfaces; or, when it is applied, a name is taken.
    """
    link_name(one)
    link_name(other)
    if one == other:
        raise BadInput(f"both ends of the pair are named {one}", "Name them apart, like vethm.1 and vethm.2.")

    def done(machine: Machine) -> bool:
        rooms = ("", netns) if netns else ("",)
        return seen.kind(seen.link(machine, one)) == "veth" and any(
            seen.kind(seen.link(machine, other, room)) == "veth" for room in rooms
        )

    def hindered(machine: Machine) -> BadInput | None:
        taken = [name for name in (one, other) if seen.link(machine, name)]
        if not taken:
            return None
        return BadInput(
            f"there is an interface {taken[0]} already",
            f"Delete it first, if it is yours: ip link delete {taken[0]}",
        )

    return Action(
        says=f"make the veth pair {one} and {other}",
        today=(f"ip link add {one} type veth peer name {other}",),
        done=done,
        hindered=hindered,
    )
