"""How far somebody is in the course, from the journal; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from kvmbench.course.journal import Entry
from kvmbench.course.step import Step

State = Literal["passed", "failed", "blocked", "not checked"]
How = Literal["", "by yourself", "caught up", "solution"]


@dataclass(frozen=True)
class Progress:
    """One step: how it ended, who did it, and how many hints were taken."""

    step: str
    title: str
    state: State
    """passed once is passed: what a later step, or Break it, does to it takes nothing back"""
    earned: int
    """the most points that a check of it found"""
    points: int
    how: How
    """who brought it to pass, the first time"""
    hints: int


def progress(steps: Iterable[Step], entries: Sequence[Entry]) -> tuple[Progress, ...]:
    """One row for each step, in the course's order."""
    return tuple(_of(step, [entry for entry in entries if entry.step == step.slug]) for step in steps)


def _of(step: Step, entries: Sequence[Entry]) -> Progress:
    state: State = "not checked"
    how: How = ""
    earned = hints = 0
    for entry in entries:
        if entry.did == "hinted":
            hints += 1
        elif entry.did == "checked":
            earned = max(earned, min(entry.earned, step.points))
            if state != "passed":
                state = _found(step, entry)
                if state == "passed":
                    how = how or "by yourself"
        elif state != "passed":
            how = "caught up" if entry.did == "caught up" else "solution"
    return Progress(step.slug, step.title, state, earned, step.points, how, hints)


def _found(step: Step, entry: Entry) -> State:
    """Passed, when each of the step's checks did; else the worst that was found."""
    verdicts = {entry.verdicts.get(check.name, "failed") for check in step.checks}
    return "failed" if "failed" in verdicts else "blocked" if "blocked" in verdicts else "passed"
