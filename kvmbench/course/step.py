"""What a step of the course is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from kvmbench.act.action import Action
from kvmbench.model import Check, Probe, Wanted


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
    mend: tuple[Action, ...] = ()
    """takes back what the step's solution does not put right by itself; applied before that"""
    also: tuple[str, ...] = ()
    """other checks of this step that notice it too"""
    shows: str = ""
    """what is typed to see it, where the line that shows what the check looks at shows nothing of it"""


class Rotted(NamedTuple):
    """A line of the tutorial that cannot be typed as it stands."""

    printed: str
    today: str
    """what changed, and how it is typed today"""


@dataclass(frozen=True)
class Step:
    """One step: its goal, the reference solution, its checks and the usual mistakes."""

    slug: str
    title: str
    goal: str
    """one imperative sentence"""
    solution: tuple[Action, ...]
    checks: tuple[Check, ...]
    needs: tuple[str, ...] = ()
    """slugs of the steps whose results this one builds upon, itself and through them"""
    files: tuple[str, ...] = ()
    """paths that its checks look at"""
    images: tuple[str, ...] = ()
    """disk images that its checks look at"""
    parts: tuple[Wanted, ...] = ()
    """what it adds to the picture"""
    mistakes: tuple[Mistake, ...] = ()
    rotted: tuple[Rotted, ...] = ()

    @property
    def points(self) -> int:
        return sum(check.points for check in self.checks)

    @property
    def probes(self) -> tuple[Probe, ...]:
        """The questions that its checks want asked on the wire, each once."""
        return tuple(dict.fromkeys(probe for check in self.checks for probe in check.probes))
