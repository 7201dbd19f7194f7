"""What a step of the course is made of."""

from __future__ import annotations

from dataclasses import dataclass

from kvmbench.act.action import Action
from kvmbench.model import Check


@dataclass(frozen=True)
class Mistake:
    """Something that students really do wrong, and the one check that must say so."""

    name: str
    says: str
    """what the student did, one sentence"""
    do: tuple[Action, ...]
    """applied to a bench on which the step (and all before it) is solved"""
    check: str
    """name of the check that fails"""
    hint: str
    """a fragment of the hint that this mistake, and no other, earns"""


@dataclass(frozen=True)
class Step:
    """One step: its goal, the reference solution, its checks and the usual mistakes."""

    slug: str
    title: str
    goal: str
    """one imperative sentence"""
    solution: tuple[Action, ...]
    checks: tuple[Check, ...]
    mistakes: tuple[Mistake, ...] = ()
    rotted: tuple[tuple[str, str], ...] = ()
    """the tutorial's line as printed → what changed and how it is typed today"""

    @property
    def points(self) -> int:
        return sum(check.points for check in self.checks)
