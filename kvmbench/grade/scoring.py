"""Points out of evidence: pure, so that the same evidence can be scored again under another rubric."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from kvmbench.course.variants import Foreign, Variant
from kvmbench.grade.rubric import Rubric
from kvmbench.grade.steps import steps_of
from kvmbench.grade.task import Notebook
from kvmbench.model import Check, Outcome, Snapshot, blocked, failed

LATE = "; then "
"""between why time ran out and what was seen after that"""


@dataclass(frozen=True)
class Mark:
    """What became of one check."""

    notebook: str
    step: str
    check: str
    says: str
    outcome: Outcome
    points: int
    earned: int
    where: str
    """the cell behind which it was seen; "" for the end"""


@dataclass(frozen=True)
class Score:
    """What one student earned, and what a person has to look at."""

    student: str
    marks: tuple[Mark, ...]
    notes: tuple[str, ...]
    """for a person: why something is blocked, what was remarked in the looks"""
    variant: Variant | None = None
    """whose numbers were asked for; the tutorial's when None"""
    foreign: tuple[Foreign, ...] = ()
    """what was on the bench and drawn for a classmate: a question for a person, and never fewer points"""
    seconds: float = 0.0
    seconds_of_looks: float = 0.0

    @property
    def earned(self) -> int:
        return sum(mark.earned for mark in self.marks)

    @property
    def points(self) -> int:
        return sum(mark.points for mark in self.marks)

    @property
    def blocked(self) -> tuple[Mark, ...]:
        return tuple(mark for mark in self.marks if mark.outcome.verdict == "blocked")


@dataclass(frozen=True)
class _Seen:
    """An outcome, and where it was seen."""

    outcome: Outcome
    where: str


def score(
    student: str, records: Sequence[dict[str, Any]], rubric: Rubric, classmates: Iterable[str] = ()
) -> Score:
    """Score a student's evidence, by the numbers for which it was taken, if they are the student's own."""
    head = records[0]
    variant = msgspec.convert(head.get("variant"), Variant | None)
    drawn = rubric.variants.of(student) if rubric.variants else variant
    asked = {each["name"]: each for each in head.get("notebooks", ())}
    looks = [record for record in records if record["kind"] == "look"]
    runs = {record["notebook"]: record for record in records if record["kind"] == "run"}
    told = next((record for record in records if record["kind"] == "trouble"), {})
    trouble, hint = told.get("trouble"), told.get("hint") or "Grade this submission once more."
    if drawn != variant:
        looks, trouble = [], trouble or "it was graded with other numbers than this course file asks for"
    marks: list[Mark] = []
    for notebook in rubric.notebooks:
        mine = [record for record in looks if record["notebook"] == notebook.name]
        known = asked.get(notebook.name, {})
        handed_in = known.get("file") is not None
        run = runs.get(notebook.name, {})
        without = _without(notebook, handed_in, bool(known), run.get("ended", ""), trouble, hint)
        marks += (
            _in_time(mark, run.get("late", "")) for mark in _marks(notebook, mine, rubric, drawn, without)
        )
    seconds = [record.get("seconds", {}) for record in runs.values()]
    return Score(
        student,
        tuple(marks),
        tuple(_notes(records)),
        drawn,
        rubric.variants.foreign(student, _snapshots(looks), classmates) if rubric.variants else (),
        round(sum(each.get("all", 0.0) for each in seconds), 2),
        round(sum(each.get("looks", 0.0) for each in seconds), 2),
    )


def _without(
    notebook: Notebook, handed_in: bool, known: bool, ended: str, trouble: str | None, hint: str
) -> Outcome:
    """What is said of a check that no look was taken for."""
    if trouble is not None:
        return blocked(trouble, hint)
    if not known:
        return blocked(f"{notebook.name} was not part of the course when this was graded", "Grade it again.")
    if not handed_in:
        return failed(f"{notebook.name}.ipynb was not handed in", "Hand it in under this name.")
    return blocked(f"there was no look at it: {ended or 'the run ended'}", "A person has to look at this.")


def _marks(
    notebook: Notebook,
    looks: Sequence[dict[str, Any]],
    rubric: Rubric,
    variant: Variant | None,
    without: Outcome,
) -> Iterable[Mark]:
    snapshots = [(record, _snapshot(record)) for record in looks]
    for step in steps_of(notebook.steps, variant):
        for check in step.checks:
            seen = [
                _Seen(_judged(check, record, snapshot), record["mark"])
                for record, snapshot in snapshots
                if step.slug in record["steps"]
            ]
            found = _counting(seen, rubric.course.count) or _Seen(without, "")
            points = rubric.course.points_of(step.slug, check.name, check.points)
            earned = points if found.outcome.ok else 0
            yield Mark(
                notebook.name, step.slug, check.name, check.says, found.outcome, points, earned, found.where
            )


def _in_time(mark: Mark, late: str) -> Mark:
    """Where time ran out, nothing is failed: on a busy machine it may have been too short."""
    if not late or mark.outcome.verdict != "failed":
        return mark
    hint = "Was it too short? Raise cell_s or notebook_s under [limits] in the course file, and grade again."
    return replace(mark, outcome=blocked(f"{late}{LATE}{mark.outcome.saw}", hint))


def _snapshots(looks: Iterable[dict[str, Any]]) -> Iterable[Snapshot]:
    return filter(None, map(_snapshot, looks))


def _snapshot(record: dict[str, Any]) -> Snapshot | None:
    return Snapshot.from_json(msgspec.json.encode(record["snapshot"])) if "snapshot" in record else None


def _judged(check: Check, record: dict[str, Any], snapshot: Snapshot | None) -> Outcome:
    if snapshot is None:
        hint = record.get("hint") or "The look failed: grade this submission once more."
        return blocked(record["trouble"], hint)
    return check(snapshot)


def _counting(seen: Sequence[_Seen], count: str) -> _Seen | None:
    """The outcome that counts: the best one, or the last one; of those that did not pass always the last."""
    if not seen:
        return None
    passed = [each for each in seen if each.outcome.ok]
    return passed[-1] if passed and count == "best" else seen[-1]


def last_snapshot(records: Sequence[dict[str, Any]], notebook: str) -> Snapshot | None:
    """The last look that was taken in a notebook."""
    found = [r for r in records if r["kind"] == "look" and r["notebook"] == notebook and "snapshot" in r]
    return _snapshot(found[-1]) if found else None


def _notes(records: Sequence[dict[str, Any]]) -> Iterable[str]:
    for record in records:
        if record["kind"] == "run" and record["ended"]:
            yield f"{record['notebook']}: {record['ended']}"
        if record["kind"] == "trouble":
            yield str(record["trouble"])
    said = [
        f"{record['notebook']}: {remark}"
        for record in records
        if record["kind"] == "look"
        for remark in (*record.get("remarks", ()), *([record["trouble"]] if "trouble" in record else []))
    ]
    yield from dict.fromkeys(said)
