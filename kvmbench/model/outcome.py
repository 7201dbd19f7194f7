"""A check, and its three endings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kvmbench.model.fact import Fact
from kvmbench.model.probe import Probe

if TYPE_CHECKING:
    from kvmbench.model.snapshot import Snapshot

Verdict = Literal["passed", "failed", "blocked"]


@dataclass(frozen=True)
class Outcome:
    """What a check found: the verdict, what was seen, and one hint that fits this mistake."""

    verdict: Verdict
    saw: str
    hint: str = ""

    @property
    def ok(self) -> bool:
        return self.verdict == "passed"


def passed(saw: str) -> Outcome:
    return Outcome("passed", saw)


def failed(saw: str, hint: str) -> Outcome:
    return Outcome("failed", saw, hint)


def blocked(saw: str, hint: str = "") -> Outcome:
    """The look could not be taken: neither right nor wrong."""
    return Outcome("blocked", saw, hint)


@dataclass(frozen=True)
class Check:
    """A pure judgement over a Snapshot, and the probes whose answers it reads."""

    name: str
    """short and stable: `br-int-up`"""
    says: str
    """what is true when it passes, one sentence"""
    judge: Callable[[Snapshot], Outcome]
    points: int = 1
    probes: tuple[Probe, ...] = ()
    facts: tuple[Fact, ...] = ()
    """what it states; `kvmbench mutate` breaks each in every way that it knows"""

    def __call__(self, seen: Snapshot) -> Outcome:
        return self.judge(seen)
