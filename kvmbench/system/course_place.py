"""Where an instructor's own course lies: a directory with a course.toml."""

from __future__ import annotations

import os
from pathlib import Path

COURSE_FILE = "course.toml"
VARIABLE = "KVMBENCH_COURSE"


def named() -> Path | None:
    """The directory that the environment names; what runs on the machine takes no other."""
    given = os.environ.get(VARIABLE)
    return Path(given) if given else None


def around(directory: Path) -> Path | None:
    """The course that a directory lies in: itself or one above it."""
    here = directory.absolute()
    return next((each for each in (here, *here.parents) if (each / COURSE_FILE).is_file()), None)
