"""Checks made of checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kvmbench.model import Check, Outcome, Snapshot


def either(
    name: str,
    says: str,
    first: Check,
    second: Check,
    *,
    second_is_meant: Callable[[Snapshot], bool],
    points: int = 1,
) -> Check:
    """One of two states is right; when neither is there, the one that is meant says why."""

    def judge(seen: Snapshot) -> Outcome:
        outcome = first(seen)
        if outcome.ok:
            return outcome
        other = second(seen)
        return other if other.ok or second_is_meant(seen) else outcome

    probes = tuple(dict.fromkeys(first.probes + second.probes))
    facts = tuple(replace(fact, instead=second.facts) for fact in first.facts)
    return Check(name, says, judge, points, probes, facts)
