"""Hints by degrees: a question, what was seen, the command's name, the line itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from kvmbench.act.action import Action
from kvmbench.course import journal
from kvmbench.course.catalogue import step as step_of
from kvmbench.course.catalogue import with_needs
from kvmbench.course.run import Result, check
from kvmbench.course.step import Step
from kvmbench.course.symptoms import shown_by
from kvmbench.errors import KvmbenchError
from kvmbench.system import Machine, RealMachine

DEGREES = 4
_MANUAL = {
    "brctl": (8, "bridge-utils"),
    "chmod": (1, "coreutils"),
    "dnsmasq": (8, "dnsmasq-base"),
    "ifconfig": (8, "net-tools"),
    "iptables": (8, "iptables"),
    "ln": (1, "coreutils"),
    "ls": (1, "coreutils"),
    "mkdir": (1, "coreutils"),
    "nft": (8, "nftables"),
    "qemu-img": (1, "qemu-utils"),
    "ssh": (1, "openssh-client"),
    "route": (8, "net-tools"),
    "sysctl": (8, "procps"),
    "udhcpc": (1, "busybox"),
}
"""the section and Debian's package of what the course types"""
_IP = re.compile(r"ip (?:-\S+ (?:router\d+ )?)*(link|address|route|netns)\b")
_IN_A_ROOM = re.compile(r"ip netns exec \S+ (?=ifconfig|ip |route)")
_IN_A_GUEST = re.compile(r"kvmbench exec (?:--guest (\S+)|--outside) (?:--timeout \d+ )?-- ")


@dataclass(frozen=True)
class Manual:
    """A command's manual page."""

    command: str
    section: int
    package: str

    @property
    def name(self) -> str:
        return f"{self.command}({self.section})"

    @property
    def address(self) -> str:
        page = f"{self.command}.{self.section}.en.html"
        return f"https://manpages.debian.org/bookworm/{self.package}/{page}"


@dataclass(frozen=True)
class Hint:
    """What somebody who is stuck is told, one degree further each time."""

    step: str
    check: str
    """the first that does not pass; empty when all do"""
    degree: int
    """1 to 4; 0 where there is nothing to hint at"""
    says: tuple[str, ...]
    manuals: tuple[Manual, ...] = ()
    lines: tuple[str, ...] = ()
    old: tuple[str, ...] = ()
    """the same in the tutorial's spelling, where that differs"""
    more: str = ""
    """how to get the next one"""


def hint(slug: str, machine: Machine | None = None) -> Hint:
    """Look, and hint at the first check that does not pass: each time it is asked, one degree further.

    The degree is that of the journal, which this writes to.

    Raises:
        NoSuchStep: the course has none of that name.
    """
    step = step_of(slug)
    results = check(slug)
    stuck = next((result for result in results if result.verdict == "failed"), None)
    stuck = stuck or next((result for result in results if result.verdict == "blocked"), None)
    if stuck is None:
        return Hint(slug, "", 0, (f"All of {slug} has passed: there is nothing to hint at.",))
    asked = [each for each in journal.entries() if (each.did, each.step, each.check) == _hinted(stuck)]
    degree = min(len(asked) + 1, DEGREES)
    journal.note("hinted", slug, check=stuck.check, degree=degree)
    owner, actions = next_actions(step, machine or RealMachine())
    return worded(step, stuck, degree, owner, actions)


def _hinted(stuck: Result) -> tuple[str, str, str]:
    return ("hinted", stuck.step, stuck.check)


def next_actions(step: Step, machine: Machine) -> tuple[Step, tuple[Action, ...]]:
    """The first action that the bench lacks, of this step or of one that it builds upon, and whose it is.

    Where each by itself is so already (a rule beside another that comes first, say), all of the step's own.
    """
    for each in with_needs([step]):
        for action in each.solution:
            if not action.looks and not _is_so(action, machine):
                return each, (action,)
    return step, tuple(action for action in step.solution if not action.looks)


def _is_so(action: Action, machine: Machine) -> bool:
    with suppress(KvmbenchError):
        return action.done(machine)
    return False


def worded(step: Step, stuck: Result, degree: int, owner: Step, actions: Sequence[Action]) -> Hint:
    """The words of one degree; pure."""
    says = _question(step, stuck)
    manuals: tuple[Manual, ...] = ()
    lines: tuple[str, ...] = ()
    old: tuple[str, ...] = ()
    elsewhere = (
        "" if owner.slug == step.slug else f" It belongs to the step {owner.slug}, which comes before."
    )
    if degree == 2:
        says = _seen(step, stuck)
    elif degree == 3:
        says = (*(f"What is to be done: {action.says}." for action in actions),)
        if elsewhere:
            says += (elsewhere.strip(),)
        manuals = tuple(dict.fromkeys(found for action in actions for found in _manuals(action)))
        where = sorted({guest for action in actions for guest in _guests(action)})
        says += tuple(f"It is typed in the guest {name}." for name in where)
    elif degree == DEGREES:
        says = ("This is the line." + elsewhere,)
        lines = tuple(line for action in actions for line in action.lines())
        typed = tuple(line for action in actions for line in action.lines(old=True))
        old = typed if typed != lines else ()
    again = f'hint("{step.slug}") again, or kvmbench hint {step.slug}'
    more = (
        f"Hint {degree} of {DEGREES}. For more: {again}."
        if degree < DEGREES
        else f'Hint {degree} of {DEGREES}. solve("{step.slug}") types all lines of the step for you.'
    )
    return Hint(step.slug, stuck.check, degree, says, manuals, lines, old, more)


def _question(step: Step, stuck: Result) -> tuple[str, ...]:
    says = next((one.says for one in step.checks if one.name == stuck.check), stuck.check)
    drawn = f' picture("{step.slug}") draws dashed what is missing.' if step.parts else ""
    return (
        f"The goal: {step.goal}",
        f"Not so yet: {says}. Which command would show you that?{drawn}",
    )


def _seen(step: Step, stuck: Result) -> tuple[str, ...]:
    """What the check saw and hints at, the usual mistake that earns this very hint, and what shows it."""
    mistake = next(
        (each for each in step.mistakes if each.check == stuck.check and each.hint in stuck.hint), None
    )
    usual = (f"A usual mistake: {mistake.says}",) if mistake else ()
    line = shown_by(next(each for each in step.checks if each.name == stuck.check), mistake)
    shows = (f"This shows it: {line}",) if line else ()
    return (f"Seen: {stuck.saw}.", *((stuck.hint,) if stuck.hint else ()), *usual, *shows)


def _guests(action: Action) -> tuple[str, ...]:
    return tuple(found[1] for line in action.lines() if (found := _IN_A_GUEST.match(line)) and found[1])


def _manuals(action: Action) -> tuple[Manual, ...]:
    """The manual pages of what an action types, today's spelling and the old one."""
    return tuple(
        found for line in (*action.lines(), *action.lines(old=True)) if (found := manual_of(line)) is not None
    )


def manual_of(line: str) -> Manual | None:
    """The manual page of the command that a line types; None where it has none of its own.

    >>> manual_of("ip -n router1 link set lo up").name
    'ip-link(8)'
    >>> manual_of("kvmbench exec --guest c1 -- route add default gw 10.1.1.254").name
    'route(8)'
    """
    typed = _IN_A_ROOM.sub("", _IN_A_GUEST.sub("", line))
    found = _IP.match(typed)
    if found:
        return Manual(f"ip-{found[1]}", 8, "iproute2")
    with suppress(ValueError):
        word = (shlex.split(typed.splitlines()[0]) or [""])[0]
        if word == "qemu-kvm":
            return Manual("qemu-system-x86_64", 1, "qemu-system-x86")
        if word in _MANUAL:
            return Manual(word, *_MANUAL[word])
    return None
