"""Break what checks state, and see who notices: the table and its score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from kvmbench.course import Step
from kvmbench.model import Check, Outcome, Snapshot
from kvmbench.mutate.break_guests import guest_mutants
from kvmbench.mutate.break_links import link_mutants
from kvmbench.mutate.break_rooms import room_mutants, way_mutants
from kvmbench.mutate.break_services import (
    dhcp_mutants,
    file_mutants,
    host_mutants,
    image_mutants,
    lease_mutants,
)
from kvmbench.mutate.break_wire import answer_mutants, rule_mutants
from kvmbench.mutate.mutant import Atom, Mutant, broken
from kvmbench.mutate.road import forgotten, road, silenced
from kvmbench.mutate.roads import NEEDS_TAP_NAMES, ROADS
from kvmbench.mutate.stated import alternatives, unknown

OPERATORS: tuple[Callable[[Snapshot, frozenset[Atom]], Iterator[Mutant]], ...] = (
    room_mutants,
    way_mutants,
    link_mutants,
    rule_mutants,
    guest_mutants,
    dhcp_mutants,
    lease_mutants,
    file_mutants,
    image_mutants,
    host_mutants,
    answer_mutants,
)

NEVER_SPOKE = "Who never spoke is not known"


@dataclass(frozen=True)
class Row:
    """One mutant, or one correct road, and what the checks made of it."""

    mutant: str
    should: tuple[str, ...]
    """the checks that have to notice, as step/check"""
    noticed: tuple[str, ...]
    """those of them that did, with the right verdict and a hint that names the mistake"""
    missed: dict[str, str]
    """those that did not, and what they said"""
    alarms: dict[str, str]
    """checks that complained of something that this is not about"""

    @property
    def killed(self) -> bool:
        return bool(self.should) and not self.missed


@dataclass(frozen=True)
class Score:
    """How well checks were proved by breaking what they state."""

    rows: tuple[Row, ...]
    roads: tuple[Row, ...]
    never: tuple[str, ...]
    """checks that no mutant is about: they state nothing, or nothing that can be broken here"""

    def __add__(self, other: Score) -> Score:
        return Score(self.rows + other.rows, self.roads + other.roads, self.never + other.never)

    @property
    def mutants(self) -> int:
        return len(self.rows)

    @property
    def killed(self) -> int:
        return sum(row.killed for row in self.rows)

    @property
    def score(self) -> float:
        """From 0 to 1; a check that nothing can kill counts as one that was missed."""
        every = self.mutants + len(self.never)
        return self.killed / every if every else 0.0

    @property
    def false_alarms(self) -> int:
        return sum(len(row.alarms) for row in (*self.rows, *self.roads))

    @property
    def ok(self) -> bool:
        return self.score == 1 and not self.false_alarms

    def to_json(self) -> dict[str, Any]:
        """What `kvmbench mutate --json` prints."""
        rows = [{**asdict(row), "killed": row.killed} for row in self.rows]
        rows += [{**asdict(row), "killed": False, "road": True} for row in self.roads]
        rows += [{"mutant": "none", "check": name, "killed": False} for name in self.never]
        return {
            "mutants": self.mutants,
            "killed": self.killed,
            "score": round(self.score, 4) if self.score < 1 else 1,
            "false_alarms": self.false_alarms,
            "rows": rows,
        }


@dataclass(frozen=True)
class _Proof:
    """A check under test, and what has to be so for it to pass."""

    name: str
    check: Check
    wanted: tuple[frozenset[Atom], ...]
    silence: bool
    """it wants no answer: what is missing on the road leaves it blocked"""

    def breaks(self, mutant: Mutant) -> bool:
        kept = [w for w in self.wanted if not any(broken(atom, mutant.breaks) for atom in w)]
        return not kept and not self._makes_another(mutant)

    def _makes_another(self, mutant: Mutant) -> bool:
        """Whether a mutant only leads from one right state to another."""
        others = {atom for fact in self.check.facts for other in fact.instead for atom in _whole(other.value)}
        mine = {atom for fact in self.check.facts for atom in _whole(fact.value)}
        return bool(mutant.makes & (others | mine)) and any(fact.instead for fact in self.check.facts)


def _whole(value: str) -> frozenset[Atom]:
    name, at, netns = value.partition("@")
    return frozenset({("link", netns, name)}) if at else frozenset()


def score(steps: Sequence[Step], solved: Snapshot) -> Score:
    """Break everything that the checks of these steps state, on a recorded look at a bench that solves them.

    Checks that do not pass on the bench as it is prove nothing, and count as missed.
    """
    proofs, never = _proofs(steps, solved)
    rows = [row for one in mutants(steps, solved) if (row := _row(one, proofs)) is not None]
    hit = {name for row in rows for name in row.should}
    never += [proof.name for proof in proofs if proof.name not in hit]
    return Score(tuple(rows), tuple(_travelled(proofs, solved)), tuple(never))


def mutants(steps: Sequence[Step], solved: Snapshot) -> Iterator[Mutant]:
    """Each way to break what the checks of these steps state, or what the answers to their questions need."""
    checks = [check for step in steps for check in step.checks]
    wanted = {atom for check in checks for kept in alternatives(check, solved) for atom in kept}
    asked = {probe for check in checks for probe in check.probes}
    for result in solved.probes:
        wanted |= road(result.probe, solved) if result.probe in asked else frozenset()
    return _mutants(solved, frozenset(wanted))


def _proofs(steps: Sequence[Step], solved: Snapshot) -> tuple[list[_Proof], list[str]]:
    proofs: list[_Proof] = []
    never: list[str] = []
    for step in steps:
        for check in step.checks:
            name = f"{step.slug}/{check.name}"
            silence = any(fact.kind == "silence" for fact in check.facts)
            wanted = tuple(alternatives(check, solved))
            proof = _Proof(name, check, wanted, silence)
            if not check(solved).ok or unknown(check) or not any(wanted):
                never.append(name)
            else:
                proofs.append(proof)
    return proofs, never


def _mutants(solved: Snapshot, wanted: frozenset[Atom]) -> Iterator[Mutant]:
    for operator in OPERATORS:
        for mutant in operator(solved, wanted):
            seen, unknown_now = forgotten(mutant.seen, solved)
            breaks = mutant.breaks | unknown_now
            if mutant.silences:
                seen, unheard = silenced(seen, solved, breaks)
                breaks |= unheard
            words = (*mutant.words, *(NEVER_SPOKE,) * bool(unknown_now))
            yield replace(mutant, seen=seen, breaks=breaks, words=words)


def _row(mutant: Mutant, proofs: Sequence[_Proof]) -> Row | None:
    """What the checks make of a mutant; None when it is about none of them."""
    should: list[str] = []
    noticed: list[str] = []
    missed: dict[str, str] = {}
    alarms: dict[str, str] = {}
    for proof in proofs:
        outcome = proof.check(mutant.seen)
        if not proof.breaks(mutant):
            if not outcome.ok and not (proof.silence and outcome.verdict == "blocked"):
                alarms[proof.name] = _told(outcome)
            continue
        should.append(proof.name)
        if _is_right(mutant, proof, outcome):
            noticed.append(proof.name)
        else:
            missed[proof.name] = _told(outcome)
    if not should and not alarms:
        return None
    return Row(mutant.name, tuple(should), tuple(noticed), missed, alarms)


def _is_right(mutant: Mutant, proof: _Proof, outcome: Outcome) -> bool:
    """Whether a check noticed, for the right reason: its verdict, and a hint that names the mistake."""
    if outcome.verdict == "passed":
        return False
    if mutant.verdict == "blocked":
        return outcome.verdict == "blocked" or any(word in outcome.hint for word in mutant.words)
    if outcome.verdict == "blocked":
        return False
    return any(word in outcome.hint for word in mutant.words)


def _told(outcome: Outcome) -> str:
    return f"{outcome.verdict}: {outcome.saw} → {outcome.hint}"


def _travelled(proofs: Sequence[_Proof], solved: Snapshot) -> Iterator[Row]:
    for says, change in ROADS.items():
        seen = change(solved)
        alarms = {
            proof.name: _told(outcome)
            for proof in proofs
            if not (outcome := proof.check(seen)).ok
            and not (says in NEEDS_TAP_NAMES and _names_a_tap(proof, solved))
        }
        yield Row(f"right: {says}", (), (), {}, alarms)


def _names_a_tap(proof: _Proof, solved: Snapshot) -> bool:
    """Whether a check asks for a tap by its name, which is then not free."""
    taps = {nic.tap for guest in solved.guests for nic in guest.nics}
    stating = [
        fact for fact in proof.check.facts if fact.kind in ("link", "up", "port", "fdb", "mtu", "master")
    ]
    return any(tap and tap in (fact.subject, *fact.value.split()) for fact in stating for tap in taps)
