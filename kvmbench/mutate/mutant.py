"""A bench with one thing broken on purpose, and what a person says who broke it."""

from __future__ import annotations

from dataclasses import dataclass, field

from kvmbench.model import Probe, Snapshot, Verdict

Atom = tuple[str, ...]
"""The address of one thing in a Snapshot, widest part first: `("link", "", "br-int", "up")`.

Who breaks a part of it breaks all that is within: a bridge that is gone is not up either.
"""


@dataclass(frozen=True)
class Mutant:
    """One mistake, made in a recorded look at a solved bench."""

    operator: str
    """what kind of mistake it is"""
    target: str
    """what it was made to"""
    seen: Snapshot
    breaks: frozenset[Atom]
    """what is not so any more"""
    words: tuple[str, ...]
    """one of these stands in the hint of each check that notices"""
    verdict: Verdict = "failed"
    silences: bool = True
    """whether answers on the wire fail with it, or only the look at the bench does"""
    makes: frozenset[Atom] = field(default=frozenset())
    """what is so now, and was not"""

    @property
    def name(self) -> str:
        return f"{self.operator}: {self.target}"


def broken(atom: Atom, breaks: frozenset[Atom]) -> bool:
    """Whether a thing, or anything that it is part of, is broken.

    >>> broken(("link", "", "br-int", "up"), frozenset({("link", "", "br-int")}))
    True
    >>> broken(("link", "", "br-int"), frozenset({("link", "", "br-int", "up")}))
    False
    """
    return any(atom[: len(one)] == one for one in breaks)


def of_probe(probe: Probe, *part: str) -> Atom:
    """The address of a question, or of a part of its answer."""
    return ("probe", probe.kind, probe.source, probe.target, str(probe.port), *part)
