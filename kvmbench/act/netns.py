"""A network namespace with a name (ip-netns(8))."""

from __future__ import annotations

import re

from kvmbench.act import seen
from kvmbench.act.action import Action
from kvmbench.errors import BadInput
from kvmbench.qemu.options import link_name

NAMED = "/run/netns"
"""where ip(8) keeps them"""


def netns_name(text: str) -> str:
    """The name of a network namespace, which is the name of a file too.

    Raises:
        BadInput: it is empty or has a character that a shell or a file system would stumble over.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][\w.-]{0,62}", text, re.ASCII):
        raise BadInput(
            f"{text!r} is no name for a namespace", "Take letters, digits, '.', '_' and '-', like router1."
        )
    return text


def add(name: str) -> Action:
    """Make a network namespace."""
    netns_name(name)
    return Action(
        says=f"make the network namespace {name}",
        today=(f"ip netns add {name}",),
        done=lambda machine: name in machine.listdir(NAMED),
    )


def delete(name: str) -> Action:
    """Delete a network namespace, and with it the interfaces that live in it."""
    netns_name(name)
    return Action(
        says=f"delete the network namespace {name}",
        today=(f"ip netns delete {name}",),
        done=lambda machine: name not in machine.listdir(NAMED),
    )


def move(name: str, netns: str) -> Action:
    """Move an interface from the bench's own network namespace into a named one; it loses its addresses."""
    link_name(name)
    netns_name(netns)
    return Action(
        says=f"move {name} into {netns}",
        today=(f"ip link set dev {name} netns {netns}",),
        done=lambda machine: bool(seen.link(machine, name, netns)) and not seen.link(machine, name),
    )


def move_back(name: str, netns: str) -> Action:
    """Move an interface out of a named network namespace into the bench's own.

    Process 1 of the bench lives in the bench's own network namespace, which has no name.
    """
    link_name(name)
    netns_name(netns)
    return Action(
        says=f"move {name} out of {netns}",
        today=(f"ip -n {netns} link set dev {name} netns 1",),
        done=lambda machine: bool(seen.link(machine, name)),
    )
