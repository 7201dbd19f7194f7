"""The course file: which notebooks count, for how many points, and what a submission may use (TOML)."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from kvmbench import course
from kvmbench.bench import places
from kvmbench.course.own import places_of
from kvmbench.errors import BadInput
from kvmbench.grade.task import Count, Limits, Notebook
from kvmbench.grade.variants import FILES, ClassVariants, class_variants
from kvmbench.system import course_place

_CHECK_CALL = re.compile(r"^[^#\n]*?\bcheck\(([^)\n]*)\)", re.MULTILINE)
_SLUG = re.compile(r"""["']([\w.-]+)["']""")
GRADED_TAG = "kvmbench-grade"


class Course(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the instructor sets. Everything has a default: the course as it comes."""

    title: str = "kvmbench"
    notebooks: str = ""
    """directory of the instructor's copies, from the course file on; the course's own when empty"""
    steps: str = ""
    """directory of the instructor's own steps, from the course file on; see kvmbench.course.own"""
    only: tuple[str, ...] = ()
    """names of the notebooks that count; all when empty"""
    count: Count = "best"
    """whether a check counts when it passed at any marked point, or only when it passed at the last one"""
    points: dict[str, int] = {}
    """points of a check by its name, by `step/check`, or of each check of a `step`; else the course's own"""
    limits: Limits = Limits()
    variants: dict[str, str | tuple[int, int]] = {}
    """`key`: the file that students' numbers follow from; `students`: a file with a name a line; ranges"""

    def points_of(self, step: str, check: str, usual: int) -> int:
        for name in (f"{step}/{check}", check, step):
            if name in self.points:
                return self.points[name]
        return usual


@dataclass(frozen=True)
class Rubric:
    """The course file, read, with the instructor's notebooks."""

    course: Course
    notebooks: tuple[Notebook, ...]
    digest: str
    """SHA-256 over the instructor's copies: what evidence was taken for"""
    variants: ClassVariants | None = None
    """where each student has numbers of their own"""
    secrets: tuple[Path, ...] = ()
    """files of the instructor's that the course file names, and no bench may show"""


def course_file(given: Path | None) -> Path | None:
    """The course file, by its own name or its directory's, else that of the course in use.

    Where it has steps of the instructor's own, they count from here on.
    """
    named = course_place.named()
    if given is None:
        return named / course_place.COURSE_FILE if named else None
    file = given / course_place.COURSE_FILE if given.is_dir() else given
    if file.name == course_place.COURSE_FILE and file.is_file() and places_of(file.parent).steps:
        os.environ[course_place.VARIABLE] = str(file.parent.resolve())
    return file


def load(file: Path | None = None, given: Path | None = None) -> Rubric:
    """Read a course file and the notebooks that it names; without one, the course as it comes.

    `given` is where the instructor's copies lie, when the course file is not asked.

    Raises:
        BadInput: it is no course file, or names what is not there.
    """
    set_by = Course() if file is None else _decoded(file)
    directory = _directory(set_by, file) if given is None else given
    paths = [
        path for path in sorted(directory.glob("*.ipynb")) if not set_by.only or path.stem in set_by.only
    ]
    missing = sorted(set(set_by.only) - {path.stem for path in paths})
    if missing or not paths:
        raise BadInput(
            f"there is no notebook {missing[0] if missing else '*.ipynb'} in {directory}",
            "The course file's `only` names notebooks without .ipynb, `notebooks` the directory they lie in.",
        )
    _check_points(set_by)
    whole = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
    tagged = [path for path in paths if any(map(_chosen, _code(path)))]
    found = tuple(notebook for path in tagged or paths if (notebook := read_notebook(path)).steps)
    beside = file.resolve().parent if file else Path()
    drawn = class_variants(set_by.variants, beside)
    secrets = tuple(beside / str(set_by.variants[name]) for name in FILES if name in set_by.variants)
    return Rubric(set_by, found, whole, drawn, secrets)


def _decoded(file: Path) -> Course:
    try:
        return msgspec.toml.decode(file.read_bytes(), type=Course)
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}", "Name a course file.") from error
    except msgspec.DecodeError as error:
        raise BadInput(
            f"{file} is no course file: {error}",
            "It is TOML with title, notebooks, only, count, [points], [limits] and [variants], or of less.",
        ) from error


def _directory(set_by: Course, file: Path | None) -> Path:
    if file is not None and set_by.notebooks:
        return file.resolve().parent / set_by.notebooks
    own = places.notebooks_directory()
    if own is None:
        raise BadInput(
            "the course's notebooks are not beside this kvmbench",
            'Run it in a clone, or name a course file with `notebooks = "DIRECTORY"`.',
        )
    return own


def _check_points(set_by: Course) -> None:
    known = {step.slug for step in course.steps()}
    for step in course.steps():
        known |= {name for check in step.checks for name in (check.name, f"{step.slug}/{check.name}")}
    strange = sorted(set(set_by.points) - known)
    if strange:
        raise BadInput(
            f"the course file gives points for {strange[0]!r}, and there is no such check or step",
            "See their names: kvmbench steps --json",
        )


def read_notebook(path: Path) -> Notebook:
    """The marks of an instructor's copy: cells with a check of the course.

    Where any cell is graded by nbgrader, or has the tag kvmbench-grade, only such cells count; and where any
    notebook of the course has such a cell, only such notebooks do.

    Raises:
        BadInput: it is no notebook.
    """
    code = _code(path)
    checks = {str(cell.get("id", number)): slugs_in(cell) for number, cell in enumerate(code)}
    chosen = {str(cell.get("id", number)) for number, cell in enumerate(code) if _chosen(cell)}
    marks = {name: slugs for name, slugs in checks.items() if slugs and (not chosen or name in chosen)}
    steps = tuple(dict.fromkeys(slug for slugs in marks.values() for slug in slugs))
    return Notebook(path.stem, steps, marks)


def _code(path: Path) -> list[dict[str, Any]]:
    """The code cells of a notebook."""
    try:
        cells = json.loads(path.read_text())["cells"]
        return [cell for cell in cells if cell["cell_type"] == "code" and "source" in cell]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{path} is no notebook: {error}", "Open it in JupyterLab and save it again."
        ) from error


def _chosen(cell: dict[str, Any]) -> bool:
    metadata = cell.get("metadata", {})
    return GRADED_TAG in metadata.get("tags", ()) or bool(metadata.get("nbgrader", {}).get("grade"))


def slugs_in(cell: Mapping[str, Any]) -> tuple[str, ...]:
    """The steps that a cell checks."""
    known = {step.slug for step in course.steps()}  # a notebook of another course says check() too
    return tuple(slug for slug in _named_in(cell) if slug in known)


def strange_slugs_in(cell: Mapping[str, Any]) -> tuple[str, ...]:
    """What a cell checks and is no step of the course in use."""
    known = {step.slug for step in course.steps()}
    return tuple(slug for slug in _named_in(cell) if slug not in known)


def _named_in(cell: Mapping[str, Any]) -> tuple[str, ...]:
    source = cell["source"]
    text = source if isinstance(source, str) else "".join(source)
    named = (slug for arguments in _CHECK_CALL.findall(text) for slug in _SLUG.findall(arguments))
    return tuple(dict.fromkeys(named))
