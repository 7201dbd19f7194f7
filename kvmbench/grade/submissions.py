"""Submissions as they lie there: a notebook or a directory for each student."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmbench.errors import BadInput
from kvmbench.grade.rubric import Rubric
from kvmbench.grade.task import Notebook, Task
from kvmbench.grade.variants import student_name

MOST_BYTES = 64 * 2**20
MOST_FILES = 2000
_IGNORED = {".ipynb_checkpoints", "__pycache__", ".git"}


@dataclass(frozen=True)
class Submission:
    """What one student handed in."""

    student: str
    path: Path


def find(place: Path) -> tuple[Submission, ...]:
    """Each notebook and each directory in a directory is a student's; a single notebook is one submission.

    Raises:
        BadInput: there is nothing to grade, or two students have the same name.
    """
    if place.is_file() and place.suffix == ".ipynb":
        return (Submission(_name(place), place),)
    if not place.is_dir():
        raise BadInput(f"there are no submissions in {place}", "Name a directory, or a single notebook.")
    found = [
        Submission(_name(entry), entry)
        for entry in sorted(place.iterdir())
        if not entry.name.startswith(".")
        and not entry.is_symlink()
        and (entry.is_dir() or entry.suffix == ".ipynb")
    ]
    if not found:
        raise BadInput(
            f"there are no submissions in {place}",
            "In it lies a notebook STUDENT.ipynb, or a directory STUDENT, for each student.",
        )
    names = [submission.student for submission in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(
            f"two submissions are those of {twice}", "Give each student one notebook or one directory."
        )
    return tuple(found)


def _name(entry: Path) -> str:
    return student_name(entry.stem if entry.suffix == ".ipynb" else entry.name)


def task(submission: Submission, rubric: Rubric) -> Task:
    """Read a submission's files, and say which of them is which notebook of the course.

    Raises:
        BadInput: it is too large, or cannot be read.
    """
    files = dict(files_of(submission))
    named = _matched(list(files), files, rubric.notebooks)
    notebooks = tuple(
        Notebook(each.name, each.steps, each.marks, named.get(each.name)) for each in rubric.notebooks
    )
    encoded = {path: Task.encoded(data) for path, data in files.items()}
    variant = rubric.variants.of(submission.student) if rubric.variants else None
    return Task(submission.student, encoded, notebooks, rubric.course.limits, rubric.digest, variant)


def files_of(submission: Submission) -> Iterator[tuple[str, bytes]]:
    """Regular files only: a link that was handed in may lead anywhere."""
    if submission.path.is_file():
        paths = [submission.path]
        base = submission.path.parent
    else:
        base = submission.path
        paths = [Path(directory, name) for directory, below, names in _walk(base) for name in sorted(names)]
    total = 0
    for path in paths[: MOST_FILES + 1]:
        data = _read(path)
        if data is None:
            continue
        total += len(data)
        if total > MOST_BYTES or len(paths) > MOST_FILES:
            raise BadInput(
                f"the submission of {submission.student} is larger than {MOST_BYTES >> 20} MiB "
                f"or {MOST_FILES} files",
                "Take out what need not be handed in, such as disk images.",
            )
        yield str(path.relative_to(base)), data


def _walk(base: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    for directory, below, names in os.walk(base):
        below[:] = sorted(name for name in below if name not in _IGNORED)
        yield directory, below, names


def _read(path: Path) -> bytes | None:
    """None for what is no regular file: a pipe would be waited for, a link may lead anywhere."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        return file.read(MOST_BYTES + 1)


def _matched(paths: Sequence[str], files: dict[str, bytes], notebooks: Sequence[Notebook]) -> dict[str, str]:
    """Which file is which notebook of the course: by its name, by its metadata, or as the only one."""
    handed_in = [path for path in paths if path.endswith(".ipynb")]
    found: dict[str, str] = {}
    for notebook in notebooks:
        same = [path for path in handed_in if Path(path).stem == notebook.name]
        same += [path for path in handed_in if _says(files[path]) == notebook.name]
        if same:
            found[notebook.name] = same[0]
    if not found and len(notebooks) == 1 and len(handed_in) == 1:
        found[notebooks[0].name] = handed_in[0]
    return found


def _says(data: bytes) -> str | None:
    """The notebook of the course that a file says it is, in its metadata."""
    try:
        said = json.loads(data)["metadata"]["kvmbench"]["notebook"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return said if isinstance(said, str) else None
