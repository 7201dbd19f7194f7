"""A new step in an instructor's own course: a copy of a working example, with its notebook and its test."""

from __future__ import annotations

import re
from pathlib import Path

from kvmbench.course.catalogue import steps
from kvmbench.errors import BadInput
from kvmbench.system.course_place import COURSE_FILE

_EXAMPLE = Path(__file__).with_name("example")
_STANDS_FOR = "desk"
"""the example's own name"""
_NAME = re.compile(r"[a-z](-?[a-z]){1,12}")
"""its cable's ends are NAME.1 and NAME.2, and 15 bytes are the most that an interface's name has"""
_COURSE = """\
# An own course: its steps come after the tutorial's. `kvmbench grade --course` takes this file too.
steps = "steps"
notebooks = "notebooks"
"""


def new_step(name: str, course: Path) -> tuple[Path, ...]:
    """Make the three files in a course's directory, and course.toml where there is none yet.

    Raises:
        BadInput: the name cannot be a step's or is taken, or the directory cannot be written to.
    """
    if not _NAME.fullmatch(name) or len(name) > 13:
        raise BadInput(
            f"{name!r} cannot be the name of a step", "Take 2 to 13 small letters, with hyphens between."
        )
    if name in {step.slug for step in steps()}:
        raise BadInput(f"the tutorial has a step {name!r} already", "Take another name: kvmbench steps")
    module = name.replace("-", "_")
    lessons = sorted((course / "notebooks").glob("[0-9][0-9]-*.ipynb"))
    number = int(lessons[-1].name[:2]) + 1 if lessons else 1
    wanted = {
        course / "steps" / f"{module}.py": "desk.py",
        course / "notebooks" / f"{number:02}-{name}.ipynb": "desk.ipynb",
        course / "tests" / f"test_{module}.py": "test_desk.py",
    }
    there = [path for path in wanted if path.exists()]
    there += (course / "notebooks").glob(f"[0-9][0-9]-{name}.ipynb")
    if there:
        raise BadInput(f"there is a file {there[0]} already", "Take another name, or move it away.")
    texts = {
        path: (_EXAMPLE / example).read_text().replace(_STANDS_FOR, name) for path, example in wanted.items()
    }
    if not (course / COURSE_FILE).exists():
        texts[course / COURSE_FILE] = _COURSE
    _write(course, texts)
    return tuple(texts)


def _write(course: Path, texts: dict[Path, str]) -> None:
    """All of them, or none."""
    made: list[Path] = []
    try:
        directories = [course, *dict.fromkeys(path.parent for path in texts if path.parent != course)]
        for directory in directories:
            missing = [each for each in (directory, *directory.parents) if not each.exists()]
            directory.mkdir(parents=True, exist_ok=True)
            made += reversed(missing)
        for path, text in texts.items():
            made.append(path)
            with path.open("x") as file:
                file.write(text)
    except OSError as error:
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        raise BadInput(
            f"{course} cannot be written to: {error.strerror}", "Name another directory: --in DIRECTORY"
        ) from None
