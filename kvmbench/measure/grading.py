"""What a submission costs the one who grades it: from outside, and by nbgrader as it comes."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from kvmbench.bench import places
from kvmbench.errors import KvmbenchError
from kvmbench.measure import machine
from kvmbench.measure.clock import seconds
from kvmbench.measure.figures import Samples
from kvmbench.system import run

NOTEBOOK = "05-netns.ipynb"
_TIMEOUT_S = 300.0
_ASSIGNMENT = "network"


def one_submission(samples: Samples, *, peers: bool) -> None:
    """The notebook of namespaces, handed in as it is."""
    course = places.notebooks_directory()
    if course is None:
        samples.missing["graded"] = "the course's notebooks are not here"
        return
    with tempfile.TemporaryDirectory(prefix="kvmbench-measure-") as room:
        try:
            samples.add({"graded": _from_outside(Path(room), course / NOTEBOOK)})
            if not peers:
                return
            if find_spec("nbgrader") is None:
                samples.missing["nbgrader"] = "pip install 'kvmbench[nbgrader]'"
            else:
                samples.add({"nbgrader": _by_nbgrader(Path(room), course / NOTEBOOK)})
        except KvmbenchError as error:
            samples.failed.append(f"grading: {error.what}")
            print(f"grading: {error.what}", file=sys.stderr)


def _from_outside(room: Path, notebook: Path) -> float:
    handed_in = room / "submissions" / "student"
    handed_in.mkdir(parents=True)
    shutil.copy(notebook, handed_in)
    (room / "course.toml").write_text(f'only = ["{notebook.stem}"]\n')
    grade = [
        "grade",
        str(handed_in.parent),
        "-o",
        str(room / "results"),
        "--course",
        str(room / "course.toml"),
    ]
    line = [sys.executable, "-m", "kvmbench.cli", *grade]
    return seconds(lambda: run(line, env=os.environ, timeout_s=_TIMEOUT_S).checked())


def _by_nbgrader(room: Path, notebook: Path) -> float:
    """As people use it: the submission's own kernel says what it is worth. Its kernel is on a bench too."""
    course = room / "course"
    for directory in (course / "source" / _ASSIGNMENT, course / "submitted" / "student" / _ASSIGNMENT):
        directory.mkdir(parents=True)
        shutil.copy(notebook, directory)
    (course / "nbgrader_config.py").write_text('get_config().CourseDirectory.course_id = "measured"\n')
    with machine.fresh_bench("nbgrader") as bench:
        environment = dict(os.environ) | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "KVMBENCH_BENCH": bench.name,
            "JUPYTER_CONFIG_DIR": str(room / "config"),
        }

        def nbgrader(*words: str) -> None:
            line = [sys.executable, "-m", "nbgrader", *words]
            run(line, cwd=course, env=environment, timeout_s=_TIMEOUT_S).checked()

        nbgrader("generate_assignment", _ASSIGNMENT)
        return seconds(lambda: nbgrader("autograde", _ASSIGNMENT))
