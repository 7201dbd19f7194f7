"""One page of feedback a student: what was seen, a hint for each mistake, a picture of what was missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kvmbench.course.variants import Variant
from kvmbench.grade.html import counted, page, prose, table, text
from kvmbench.grade.rubric import Rubric
from kvmbench.grade.scoring import Mark, Score, last_snapshot
from kvmbench.grade.steps import parts_of
from kvmbench.grade.task import Notebook

_SIGNS = {"passed": "✓ passed", "failed": "✗ failed", "blocked": "? for a person"}


def student_page(score: Score, records: Sequence[dict[str, Any]], rubric: Rubric) -> str:
    """The page that a student gets."""
    head = f"<p><b>{score.earned} of {score.points} points.</b>"
    failed = [mark for mark in score.marks if mark.outcome.verdict == "failed"]
    passed = len(score.marks) - len(failed) - len(score.blocked)
    head += f" {passed} of {counted(len(score.marks), 'check')} passed.</p>"
    if failed:
        head += (
            f"<p>{counted(len(failed), 'check')} failed. Begin with the first: "
            f"<b>{text(failed[0].says)}</b>. What failed below it may have the "
            "same cause. Behind each → stands what to try.</p>"
        )
    if score.blocked:
        head += (
            f"<p>{counted(len(score.blocked), 'check')} could not be decided by the program: "
            "a person looks there, and the points may become more. "
            "You need not do anything for that, unless you are asked.</p>"
        )
    parts = [head]
    for notebook in rubric.notebooks:
        marks = [mark for mark in score.marks if mark.notebook == notebook.name]
        parts.append(_notebook(notebook, marks, records, score.variant))
    if score.foreign:
        parts.append(_others(score))
    if score.notes:
        noted = "".join(f"<li>{text(note)}</li>" for note in score.notes)
        parts.append(f"<h2>What the grader noted</h2><ul class=small>{noted}</ul>")
    return page(f"{rubric.course.title}: {score.student}", "\n".join(parts))


def _notebook(
    notebook: Notebook, marks: Sequence[Mark], records: Sequence[dict[str, Any]], variant: Variant | None
) -> str:
    earned, points = sum(mark.earned for mark in marks), sum(mark.points for mark in marks)
    rows = [
        [
            f'<span class="{mark.outcome.verdict}">{_SIGNS[mark.outcome.verdict]}</span>',
            f"{text(mark.says)}<br><span class=small>{text(mark.step)} · {text(mark.check)}</span>",
            _seen(mark),
            f"{mark.earned} of {mark.points}"
            if mark.outcome.verdict != "blocked"
            else f"open: {mark.points}",
        ]
        for mark in marks
    ]
    return (
        f"<h2>{text(notebook.name)}: {earned} of {points}</h2>"
        + table(["verdict", "what is asked", "what was seen", "points"], rows, {3}, names_row=1)
        + _picture(notebook, marks, records, variant)
    )


def _others(score: Score) -> str:
    """The page goes to the student: whose numbers they are is the instructor's to say."""
    said = (f"{each.value} is {each.what} in another student's variant" for each in score.foreign)
    rows = "".join(f"<li>{text(each)}</li>" for each in dict.fromkeys(said))
    return (
        "<h2>Numbers that are not yours</h2><p>They cost nothing by themselves. A person will ask how they "
        f"came here.</p><ul>{rows}</ul>"
    )


def _seen(mark: Mark) -> str:
    said = text(mark.outcome.saw)
    if mark.outcome.hint and mark.outcome.verdict == "failed":  # what is blocked has hints for the instructor
        said += f"<br><span class=hint>→ {prose(mark.outcome.hint)}</span>"
    return said


def _picture(
    notebook: Notebook, marks: Sequence[Mark], records: Sequence[dict[str, Any]], variant: Variant | None
) -> str:
    """The network as it was at the end; what is asked for and was not there is dashed."""
    from kvmbench.topology import picture

    seen = last_snapshot(records, notebook.name)
    if seen is None:
        return ""
    words = "What was there at the end" + (
        "; what is dashed was asked for, and missing." if any(not mark.outcome.ok for mark in marks) else "."
    )
    drawn = picture(seen, parts_of(notebook.steps, variant)).svg
    return f"<p class=small>{words}</p><figure>{drawn[drawn.index('<svg') :]}</figure>"
