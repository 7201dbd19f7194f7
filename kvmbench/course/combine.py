"""Checks made of checks."""

from __future__ import annotations

from kvmbench.model import Check, Outcome, Snapshot


def either(name: str, says: str, first: Check, second: Check, *, points: int = 1) -> Check:
    """One of two states is right; when neither is there, the first one says why."""

    def judge(seen: Snapshot) -> Outcome:
        outcome = first(seen)
        if outcome.ok:
            return outcome
        other = second(seen)
        return other if other.ok else outcome

    return Check(name, says, judge, points, tuple(dict.fromkeys(first.probes + second.probes)))
