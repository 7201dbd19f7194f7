"""A check with the benches on which it passes, fails and is blocked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kvmbench.model import Check, Snapshot, Verdict
from tests.check.benches import modern, solved


@dataclass(frozen=True)
class Mistake:
    """What somebody did wrong, the bench that came of it, and words of the one hint that fits."""

    says: str
    seen: Snapshot
    hint: str
    saw: str = ""


@dataclass(frozen=True)
class Table:
    """One check, from all sides."""

    check: Check
    mistakes: tuple[Mistake, ...]
    good: Mapping[str, Snapshot] = field(default_factory=dict)
    """further benches on which it passes, beside the two solved ones"""
    blocked: Mapping[str, Snapshot] = field(default_factory=dict)
    untouched: Verdict = "failed"
    roads: tuple[Snapshot, ...] = (solved(), modern())
