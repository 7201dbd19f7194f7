"""nbgrader, with the score from outside in its gradebook.

In nbgrader_config.py:

    from kvmbench.grade.nbgrader import configure

    c = get_config()
    configure(c)

`nbgrader autograde` then runs no submitted code itself: each notebook goes to a grading bench, and what was
earned there stands in its graded cells. Evidence is kept in outside/ASSIGNMENT/NOTEBOOK of the course.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import nbformat
from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbgrader import utils
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    Execute,
    IgnorePattern,
    LimitOutput,
    SaveAutoGrades,
)
from traitlets import Unicode

from kvmbench.errors import BadInput
from kvmbench.grade import evidence, many, results, rubric, submissions
from kvmbench.grade.html import table, text
from kvmbench.grade.rubric import Rubric
from kvmbench.grade.scoring import Mark, Score, score
from kvmbench.grade.submissions import Submission
from kvmbench.grade.task import Notebook, Task

_PERSON = "kvmbench_for_a_person"
"""in nbgrader's resources: graded cells, by grade_id, about which a person has to decide"""


class OutsideGrade(Execute):  # type: ignore[misc]
    """Stands where nbgrader would run a submission: it has it run on a bench, and looked at from outside.

    A notebook without a check of the course is run as nbgrader runs it.
    """

    course_file = Unicode("", help="Course file of kvmbench (TOML): points, limits.").tag(config=True)
    key_file = Unicode("", help="Your key; else that of kvmbench's data directory.").tag(config=True)

    def preprocess(self, nb: Any, resources: Any, **_: Any) -> tuple[Any, Any]:
        told: Mapping[str, str] = resources["nbgrader"]
        directory = CourseDirectory(parent=self, config=self.config)
        given = Path(directory.format_path(directory.source_directory, ".", told["assignment"]))
        path = given / f"{told['notebook']}.ipynb"
        file = rubric.course_file(Path(self.course_file) if self.course_file else None)
        marks = marks_of(path) if path.is_file() else {}
        if not marks:
            ran: tuple[Any, Any] = super().preprocess(nb, resources)
            return ran
        steps = tuple(dict.fromkeys(slug for slugs in marks.values() for slug in slugs))
        set_by = rubric.load(file, given)
        notebook = Notebook(told["notebook"], steps, marks, f"{told['notebook']}.ipynb")
        chosen = replace(set_by, notebooks=(notebook,))
        task = _task(nb, told["student"], Path(resources["metadata"]["path"]), chosen)
        self.log.info("kvmbench: %s of %s runs on a bench", notebook.name, told["student"])
        records = many.grade_one(msgspec.json.encode(task))
        root = Path(directory.root, "outside", told["assignment"], notebook.name)
        key = evidence.load_key(Path(self.key_file) if self.key_file else None)
        kept = results.opened(root, key)
        kept.keep(told["student"], records)
        found = score(told["student"], records, chosen, kept.students())
        for each in found.foreign:
            self.log.warning("kvmbench: %s: %s", told["student"], each.says)
        resources[_PERSON] = _write(nb, marks, found)
        return nb, resources


class OutsideScores(SaveAutoGrades):  # type: ignore[misc]
    """Puts the scores into the gradebook, and a flag where something was blocked: a person grades that."""

    def _add_score(self, cell: Any, resources: Any) -> None:
        super()._add_score(cell, resources)
        if cell.metadata.nbgrader["grade_id"] in resources.get(_PERSON, ()):
            grade = self.gradebook.find_grade(
                cell.metadata.nbgrader["grade_id"], self.notebook_id, self.assignment_id, self.student_id
            )
            grade.needs_manual_grade = True
            self.gradebook.db.commit()


def configure(config: Any) -> None:
    """Have `nbgrader autograde` grade from outside."""
    config.Autograde.autograde_preprocessors = [
        OutsideGrade,
        IgnorePattern,
        ClearMetadataPreprocessor,
        LimitOutput,
        OutsideScores,
        AssignLatePenalties,
        CheckCellMetadata,
    ]


def marks_of(path: Path) -> dict[str, tuple[str, ...]]:
    """The graded cells of the instructor's copy that check steps of the course: grade_id → slugs.

    Raises:
        BadInput: it is made for kvmbench, and checks a step that the course in use does not have.
    """
    notebook: Any = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and utils.is_grade(cell)]
    found = {cell.metadata.nbgrader["grade_id"]: rubric.slugs_in(cell) for cell in cells}
    strange = next((word for cell in cells for word in rubric.strange_slugs_in(cell)), None)
    if strange and any("from kvmbench import" in cell.source for cell in notebook.cells):
        # nbgrader alone would run it and, as a check that fails raises nothing, give all points.
        raise BadInput(
            f"{path} checks {strange!r}, and the course in use has no such step",
            'Name your course in nbgrader_config.py: c.OutsideGrade.course_file = "/…/course.toml"',
        )
    return {name: slugs for name, slugs in found.items() if slugs}


def _task(nb: Any, student: str, directory: Path, chosen: Rubric) -> Task:
    """The notebook as nbgrader has cleaned it, with what lies beside it; marks go by their grade_ids."""
    (notebook,) = chosen.notebooks
    for cell in nb.cells:
        if utils.is_grade(cell):
            cell["id"] = cell.metadata.nbgrader["grade_id"]
    files = dict(submissions.files_of(Submission(student, directory)))
    assert notebook.file is not None
    files[notebook.file] = nbformat.writes(nb).encode()
    encoded = {path: Task.encoded(data) for path, data in files.items()}
    variant = chosen.variants.of(student) if chosen.variants else None
    return Task(student, encoded, chosen.notebooks, chosen.course.limits, chosen.digest, variant)


def _write(nb: Any, marks: Mapping[str, tuple[str, ...]], found: Score) -> set[str]:
    """Put into each graded cell what was seen and earned; those that a person has to grade come back.

    nbgrader gives a graded cell without any output all its points, so that none may stay without.
    """
    person: set[str] = set()
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = []
        if not utils.is_grade(cell) or utils.is_solution(cell) or cell.cell_type != "code":
            continue
        name = cell.metadata.nbgrader["grade_id"]
        mine = [mark for mark in found.marks if mark.step in marks.get(name, ())]
        if not mine or found.foreign or any(mark.outcome.verdict == "blocked" for mark in mine):
            person.add(name)
        share = sum(mark.earned for mark in mine) / max(1, sum(mark.points for mark in mine))
        earned = round(share * float(cell.metadata.nbgrader["points"]), 2)
        cell.outputs = [*([_table(mine)] if mine else []), _result(earned)]
    return person


def _table(marks: list[Mark]) -> Any:
    rows = [
        [
            text(mark.outcome.verdict),
            text(mark.says),
            text(mark.outcome.saw) + (f"<br><i>→ {text(mark.outcome.hint)}</i>" if mark.outcome.hint else ""),
            f"{mark.earned} of {mark.points}",
        ]
        for mark in marks
    ]
    words = "\n".join(f"{mark.outcome.verdict}: {mark.check}: {mark.outcome.saw}" for mark in marks)
    shown = table(["verdict", "what is asked", "what the grader saw", "points"], rows, {3}, names_row=1)
    return nbformat.v4.new_output("display_data", {"text/html": shown, "text/plain": words})


def _result(earned: float) -> Any:
    """What nbgrader reads as the points of a cell."""
    return nbformat.v4.new_output("execute_result", {"text/plain": f"{earned:g}"}, execution_count=1)
