"""What `kvmbench grade`, `regrade` and `verify` do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from kvmbench.bench import places
from kvmbench.errors import BadInput
from kvmbench.grade import evidence, many, results, rubric, submissions
from kvmbench.grade.classpage import not_handed_in
from kvmbench.grade.results import Results
from kvmbench.grade.rubric import Rubric
from kvmbench.grade.scoring import Score
from kvmbench.grade.steps import steps_of
from kvmbench.grade.submissions import Submission
from kvmbench.grade.tables import why_a_person
from kvmbench.topology.text import printable


def grade(
    place: Path,
    output: Path,
    *,
    jobs: int | None = None,
    cluster: str | None = None,
    course: Path | None = None,
    key: Path | None = None,
) -> int:
    """Grade all submissions; the exit code: 0, or 2 when something is for a person to decide."""
    chosen, secret = rubric.load(course), evidence.load_key(key)
    found = submissions.find(place)
    _not_on_a_bench(place, output, *filter(None, (course, key)), *chosen.secrets)
    kept = results.opened(output.resolve(), secret)
    work = _left_to_do(found, kept, chosen)
    if cluster is None:
        at_once = many.jobs_possible(jobs, _guests(chosen))
        done = many.here(work, at_once)
    else:
        done = many.on_cluster(work, cluster)
    console = Console()
    with _progress(console) as bar:
        task = bar.add_task("grading", total=len(found), completed=len(found) - len(work))
        for student, records in done:
            kept.keep(student, records)
            bar.advance(task)
    return _told(console, kept.write(chosen), output, chosen)


def _left_to_do(
    found: tuple[Submission, ...], kept: Results, chosen: Rubric
) -> dict[str, Callable[[], bytes]]:
    """Those that there is no good evidence of yet; that one cannot be read is written down at once."""
    work: dict[str, Callable[[], bytes]] = {}
    for submission in found:
        try:
            task = submissions.task(submission, chosen)
        except BadInput as error:
            head = {"kind": "head", "format": 1, "student": submission.student, "files": {}}
            kept.keep(
                submission.student, [head, {"kind": "trouble", "trouble": error.what, "hint": error.hint}]
            )
            continue
        if not kept.is_done(task):
            work[submission.student] = partial(_encoded, submission, chosen)
    return work


def _encoded(submission: Submission, chosen: Rubric) -> bytes:
    return msgspec.json.encode(submissions.task(submission, chosen))


def _not_on_a_bench(*own: Path) -> None:
    """A bench shows kvmbench's own environment: nothing of the instructor's may lie in there."""
    for path in own:
        for shown in places.environment_directories():
            if shown.resolve() in (path.resolve(), *path.resolve().parents):
                raise BadInput(
                    f"{path} lies in {shown}, which every bench shows to who works on it",
                    "Keep submissions, results and keys outside of kvmbench's own directories.",
                )


def _guests(chosen: Rubric) -> int:
    """The most guests that a notebook of the course has at once."""
    counts = [
        len({part.name for step in steps_of(notebook.steps) for part in step.parts if part.kind == "guest"})
        for notebook in chosen.notebooks
    ]
    return max([2, *counts])


def _progress(console: Console) -> Progress:
    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    return Progress(*columns, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console)


def _told(console: Console, scores: tuple[Score, ...], output: Path, chosen: Rubric) -> int:
    table = Table("student", "points", "for a person", box=None)
    for score in scores:
        # Plain text: a student may have called something "[red]", or put signs into it that a terminal obeys.
        why = Text(printable(why_a_person(score)))
        table.add_row(Text(score.student), f"{score.earned} of {score.points}", why)
    console.print(table)
    missing = not_handed_in(scores, chosen)
    if missing:
        console.print(Text(printable(f"nothing came from {', '.join(missing)}")))
    console.print(f"{output}: grades.csv, grades.xlsx, class.html, feedback/, evidence/", soft_wrap=True)
    return 2 if any(score.blocked or score.foreign for score in scores) else 0


def regrade(output: Path, *, course: Path | None = None, key: Path | None = None) -> int:
    """Score again what evidence is there; nothing is run."""
    kept = Results(output.resolve(), evidence.load_key(key))
    if not kept.students():
        raise BadInput(f"there is no evidence in {output}", "Name what `kvmbench grade -o` wrote.")
    chosen = rubric.load(course)
    return _told(Console(), kept.write(chosen), output, chosen)


def verify(output: Path, *, key: Path | None = None) -> int:
    """Say what was changed."""
    kept = Results(output.resolve(), evidence.load_key(key))
    changes = kept.changes()
    for change in changes:
        print(change)
    if not changes:
        print(f"{output}: {len(kept.students())} students' evidence is as it was written and signed")
    return 1 if changes else 0
