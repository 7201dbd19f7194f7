"""Faults: what goes wrong in this stack, put into a bench on which it went right, and taken back.

A fault is a step's usual mistake, made by somebody else and later: the same lines, the same check that tells
it, the same hint. So each is tested where the mistakes are, on a real bench.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from kvmbench.act.action import apply_all
from kvmbench.course.catalogue import ALL, chosen, own, plan, step, with_needs
from kvmbench.course.run import Result, check, solve
from kvmbench.course.step import Mistake, Step
from kvmbench.course.symptoms import shown_by
from kvmbench.errors import BadInput, KvmbenchError
from kvmbench.system import Machine, undisturbed

MYSTERIES = ("netns", "bridge", "guests", "forwarding", "dnat", "dnsmasq")
"""steps whose faults are worth a search: somewhere between two hosts"""
_PURPOSE = b"kvmbench fault 1\0"
"""a key serves more than one purpose, and this is another draw than any other; 1 is this way of drawing"""
_LEAST_KEY_BYTES = 16


@dataclass(frozen=True)
class Fault:
    """A mistake of a step, as something that is put into a bench."""

    step: Step
    mistake: Mistake

    @property
    def name(self) -> str:
        return f"{self.step.slug}/{self.mistake.name}"

    @property
    def symptom(self) -> str:
        """What a student types on the bench to see that something is wrong."""
        check = next(each for each in self.step.checks if each.name == self.mistake.check)
        return shown_by(check, self.mistake)

    def to_json(self) -> dict[str, Any]:
        """What an instructor reads. `symptom` is a line that shows it, `old` the tutorial's spelling."""
        lines = [line for action in self.mistake.do for line in action.today]
        back = [line for action in self.mistake.mend for line in action.today]
        return {
            "fault": self.name,
            "says": self.mistake.says,
            "check": self.mistake.check,
            "hint": self.mistake.hint,
            "symptom": self.symptom,
            "inject": lines,
            "old": [line for action in self.mistake.do for line in action.old or action.today],
            "mend": back or [line for action in self.step.solution for line in action.today],
        }


def faults(slugs: Sequence[str] | str = ALL) -> tuple[Fault, ...]:
    """Those of the steps named, in the order of the course.

    Raises:
        NoSuchStep: the course has none of that name.
    """
    return tuple(Fault(each, mistake) for each in chosen(slugs) for mistake in each.mistakes)


def fault(name: str) -> Fault:
    """A fault by its name, such as `bridge/down`.

    Raises:
        BadInput: there is none of that name.
    """
    known = {each.name: each for each in faults()}
    if name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.6)
        raise BadInput(
            f"there is no fault {name!r}",
            f"Did you mean {' or '.join(near)}?" if near else "See which there are: kvmbench fault list",
        )
    return known[name]


def mysteries() -> tuple[Fault, ...]:
    """Those that are worth a search; of an instructor's own course, its steps' and what these build upon."""
    mine = {each.slug for each in own(plan())}
    near = {each.slug for each in with_needs(step(slug) for slug in mine)} & {*mine, *MYSTERIES}
    return tuple(each for each in faults() if each.step.slug in (near or MYSTERIES))


def mystery(key: bytes | None = None, student: str = "", seen: Sequence[Result] = ()) -> Fault:
    """One that nobody names: drawn for this student by the course's key, or by chance where there is none.

    The same key and student draw the same fault of the same course (HMAC-SHA256, RFC 2104, over the student's
    name). By chance only one is drawn that shows on a bench of which checks said this, if one does.

    Raises:
        BadInput: a key that could be guessed, or one without a student.
    """
    drawn = mysteries()
    if key is None:
        return secrets.choice([each for each in drawn if unseen(each, seen) is None] or drawn)
    if len(key) < _LEAST_KEY_BYTES or not student:
        raise BadInput(
            "a draw needs a student and a key of 16 bytes at least",
            "Make a key: head -c 32 /dev/urandom >course.key; then --student NAME --key course.key",
        )
    digest = hmac.new(key, _PURPOSE + student.encode(), hashlib.sha256).digest()
    return drawn[int.from_bytes(digest, "big") % len(drawn)]


def unseen(wanted: Fault, seen: Sequence[Result]) -> BadInput | None:
    """Why nobody could tell a fault from the rest where checks say this; None where somebody could."""
    told = {(each.step, each.check): each for each in seen}
    before = told.get((wanted.step.slug, wanted.mistake.check))
    if before is not None and before.verdict == "passed":
        return None
    why = f"does not pass here ({before.saw})" if before else "is not known there"
    return BadInput(
        f"{wanted.name} would not be seen: {wanted.mistake.check} {why}",
        f"Solve the step first: kvmbench solve {wanted.step.slug}",
    )


def inject(wanted: Fault, machine: Machine | None = None) -> tuple[Result, ...]:
    """Put a fault into a bench; what the step's checks then say.

    Raises:
        BadInput: its step is not solved on this bench, so that nobody could tell the fault from the rest.
        KvmbenchError: a line of it failed; those before it are taken back, as they are after an interrupt.
    """
    refused = unseen(wanted, check([wanted.step.slug]))
    if refused:
        raise refused
    try:
        apply_all(wanted.mistake.do, machine, instant=True)
        return check([wanted.step.slug])
    except BaseException:  # nobody is to search for half a fault
        _take_back(wanted, machine)
        raise


def mend(wanted: Fault, machine: Machine | None = None) -> tuple[Result, ...]:
    """Take a fault back, or what is left of it, and put its step right; what the step's checks then say.

    Raises:
        KvmbenchError: a line of the step's solution failed.
    """
    _take_back(wanted, machine)
    return check([wanted.step.slug])


def _take_back(wanted: Fault, machine: Machine | None) -> None:
    with undisturbed():
        for action in wanted.mistake.mend:
            with suppress(KvmbenchError):  # it was not reached, or somebody has mended it by hand
                apply_all([action], machine, instant=True)
        solve([wanted.step.slug], machine)
