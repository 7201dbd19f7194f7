"""Student versions of an instructor's notebooks, made by nbgrader's own steps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from kvmbench import course
from kvmbench.course.own import files_of
from kvmbench.errors import BadInput
from kvmbench.grade import rubric
from kvmbench.grade.rubric import Course
from kvmbench.system import course_place

_STEPS = "steps"


def handout(notebooks: Sequence[Path], output: Path) -> tuple[Path, ...]:
    """Write them: solutions out, check cells locked, their points those of the steps that they check.

    Beside notebooks of an own course go its steps: `check("…")` needs them on a student's bench. Its keys and
    points stay. Nothing is written unless all can be; what is there already is not written over.

    Raises:
        BadInput: nbgrader is missing or refuses a notebook, or there is such a file already.
    """
    named = course_place.named()
    set_by = rubric.load(named / course_place.COURSE_FILE).course if named else Course()
    made = {output / path.name: _student_version(path, set_by) for path in notebooks}
    made |= _steps_beside(output, named) if named else {}
    there = next((path for path in made if path.exists()), None)
    if there is not None:
        raise BadInput(f"there is a file {there} already", "Name another directory: -o DIRECTORY")
    try:
        for path, text in made.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    except OSError as error:
        raise BadInput(
            f"{output} cannot be written to: {error.strerror}", "Name another directory: -o DIRECTORY"
        ) from None
    return tuple(made)


def _steps_beside(output: Path, course: Path) -> dict[Path, str]:
    """A course of the steps alone, as a kernel finds it around its notebook."""
    modules = files_of(course)
    if not modules:
        return {}
    steps = {output / _STEPS / path.name: path.read_text() for path in modules}
    return {output / course_place.COURSE_FILE: f'steps = "{_STEPS}"\n', **steps}


def _student_version(path: Path, set_by: Course) -> str:
    try:
        from nbgrader import preprocessors
        from nbgrader.nbgraderformat import SchemaTooNewError, SchemaTooOldError, ValidationError
    except ImportError:
        raise BadInput(
            "student versions need nbgrader, which is not installed",
            "Type: pip install 'kvmbench[nbgrader]'",
        ) from None
    try:
        notebook: Any = nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{path} is no notebook: {error}", "Open it in JupyterLab and save it again."
        ) from None
    _set_points(notebook, set_by)
    # As `nbgrader generate_assignment` does, in its order, without its database.
    steps = (
        preprocessors.CheckCellMetadata,
        preprocessors.ClearSolutions,
        preprocessors.LockCells,
        preprocessors.ClearOutput,
        preprocessors.ClearHiddenTests,
        preprocessors.ClearMarkScheme,
        preprocessors.ComputeChecksums,
        preprocessors.CheckCellMetadata,
    )
    try:
        for step in steps:
            notebook, _ = step().preprocess(notebook, {})
    except (RuntimeError, SchemaTooNewError, SchemaTooOldError, ValidationError) as error:
        said = str(error).strip().splitlines()[0]
        raise BadInput(f"nbgrader refuses {path}: {said}", "Look at it: nbgrader validate") from None
    notebook.metadata["kvmbench"] = {"notebook": path.stem}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _set_points(notebook: Any, set_by: Course) -> None:
    """A graded check cell is worth what the checks of its steps are."""
    for cell in notebook.cells:
        told = cell.metadata.get("nbgrader", {})
        slugs = rubric.slugs_in(cell) if cell.cell_type == "code" and told.get("grade") else ()
        if slugs:
            told["points"] = sum(
                set_by.points_of(slug, check.name, check.points)
                for slug in slugs
                for check in course.step(slug).checks
            )
