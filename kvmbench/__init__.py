"""kvmbench: a bench for learning how virtual machines and their networks work on Linux.

In a notebook whose kernel runs on a bench:

    look()              one look at the bench; changes nothing
    check("bridge")     a step's outcome: what was seen, and one hint
    hint("bridge")      for who is stuck: a question, what was seen, the command, the line; one more each time
    progress()          the whole course at a glance; it survives restarts and resets
    picture("bridge")   the network drawn; what the step asks for and is missing is dashed
    concept("hooks")    an idea drawn that no look can show: layers, guest, virtio, hooks, dhcp
    rounds({…})         times measured in rounds: medians, each round, and how many times longer
    commands("bridge")  the lines of the reference solution
    solve("bridge")     carry them out
    catch_up("bridge")  bring the bench to where the step begins
    outside("…")        a command on the outside host
    guest("c1", "…")    a command in a guest
    capture("ens33", …) packets as they pass, decoded, at several places at once
    tcpdump("ens33")    the same as a form: interfaces picked on the picture, rows as packets come
    VMCreator()         a guest by a form or by its command line; create(line) does the same
    form("bridge")      a form for a bridge, veth, namespace, forwarding, nat, dnat, dnsmasq, image
    GuestTable()        the guests that run, and what may be done with them
    live("bridge")      the picture, drawn anew when the kernel tells of a change, with the checks
    screen("c1")        a guest's screen to sit down at; console("c1") its serial line
    monitor("c1", "…")  a line at the monitor of a guest's QEMU; without a line, a monitor
    terminal("…")       a command on a terminal, such as qemu-kvm … -nographic
    specification()     the whole set-up on one page, with your own numbers
    predict("…", …)     a question that the next look settles; recorded, never graded
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kvmbench.errors import KvmbenchError

if TYPE_CHECKING:
    from kvmbench.learner import hint, progress
    from kvmbench.lesson import (
        capture,
        catch_up,
        check,
        commands,
        console,
        create,
        guest,
        look,
        monitor,
        outside,
        picture,
        screen,
        solve,
        specification,
        terminal,
    )
    from kvmbench.topology.concepts import concept
    from kvmbench.topology.draw_rounds import rounds
    from kvmbench.widgets.creator import VMCreator
    from kvmbench.widgets.form import form
    from kvmbench.widgets.guests import GuestTable
    from kvmbench.widgets.live import live
    from kvmbench.widgets.predict import predict
    from kvmbench.widgets.tcpdump import tcpdump

__version__ = "0.1.0"
__all__ = [
    "GuestTable",
    "KvmbenchError",
    "VMCreator",
    "capture",
    "catch_up",
    "check",
    "commands",
    "concept",
    "console",
    "create",
    "form",
    "guest",
    "hint",
    "live",
    "look",
    "monitor",
    "outside",
    "picture",
    "predict",
    "progress",
    "rounds",
    "screen",
    "solve",
    "specification",
    "tcpdump",
    "terminal",
]


_ELSEWHERE = dict.fromkeys(("GuestTable", "VMCreator", "form", "live", "predict", "tcpdump"), "widgets") | {
    "concept": "topology.concepts",
    "rounds": "topology.draw_rounds",
}
"""what neither `lesson` nor `learner` has, by the module that does"""


def __getattr__(name: str) -> Any:
    """The names above are fetched when they are first used, so that importing kvmbench stays quick."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    elsewhere = import_module(f"kvmbench.{_ELSEWHERE[name]}") if name in _ELSEWHERE else None
    rooms = [import_module("kvmbench.lesson"), import_module("kvmbench.learner")]
    # Importing them bound the name `check` to the room of that name: now all of them are the functions.
    found = {each: getattr(room, each) for room in rooms for each in __all__ if hasattr(room, each)}
    globals().update(found)
    return getattr(elsewhere, name) if elsewhere else found[name]
