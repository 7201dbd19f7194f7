"""One row a student: grades.csv, and the same as a workbook."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from kvmbench.grade.rubric import Rubric
from kvmbench.grade.scoring import Score

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""a spreadsheet takes a text that begins so for a formula, and carries it out (OWASP, CSV injection)"""

NUMBERS = "another's numbers"


def columns(rubric: Rubric) -> list[str]:
    steps = list(dict.fromkeys(step for notebook in rubric.notebooks for step in notebook.steps))
    return ["student", "points", "of", "percent", "for a person", *steps, "why a person"]


def rows(scores: Sequence[Score], rubric: Rubric) -> list[list[str | int | float]]:
    """In the order of the students' names. What is blocked earns nothing yet: a person decides."""
    steps = columns(rubric)[5:-1]
    made: list[list[str | int | float]] = []
    for score in sorted(scores, key=lambda score: score.student):
        by_step = {step: sum(mark.earned for mark in score.marks if mark.step == step) for step in steps}
        percent = round(100 * score.earned / score.points, 1) if score.points else 0.0
        head: list[str | int | float] = [
            text(score.student),
            score.earned,
            score.points,
            percent,
            len(score.blocked) + len(score.foreign),
        ]
        made.append([*head, *by_step.values(), text(why_a_person(score))])
    return made


def reasons(score: Score) -> dict[str, list[str]]:
    """Why a person has to look at it: the reason → the checks that are blocked, or `NUMBERS`."""
    found: dict[str, list[str]] = {}
    for mark in score.blocked:
        found.setdefault(mark.outcome.saw, []).append(mark.check)
    return found | {each.says: [NUMBERS] for each in score.foreign}


def why_a_person(score: Score) -> str:
    """Why a person has to look at it, in a line; empty when nobody has to."""
    told = [
        f"{names[0] if len(names) == 1 else f'{len(names)} checks'}: {why}"
        for why, names in reasons(score).items()
    ]
    return "; ".join(told[:5]) + ("; …" if len(told) > 5 else "")


def text(words: str) -> str:
    """A text that no spreadsheet takes for a formula.

    >>> text("=1+1"), text("alice")
    ("'=1+1", 'alice')
    """
    flat = " ".join(words.split()) if words.strip() else ""
    return f"'{flat}" if flat.startswith(_FORMULA) else flat


def csv_text(scores: Sequence[Score], rubric: Rubric) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns(rubric))
    writer.writerows(rows(scores, rubric))
    return out.getvalue()


def write_workbook(path: Path, scores: Sequence[Score], rubric: Rubric) -> None:
    """The same table for a spreadsheet."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "grades"
    sheet.append(columns(rubric))
    for row in rows(scores, rubric):
        sheet.append(row)
        for cell in sheet[sheet.max_row]:
            if isinstance(cell.value, str):
                cell.data_type = "s"
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "B2"
    sheet.column_dimensions["A"].width = max([12, *(len(score.student) + 2 for score in scores)])
    book.save(path)
