"""nbgrader from `quickstart` to `export`, with the outside grader's score in the gradebook."""

from __future__ import annotations

import csv
import json
import os
import pwd
import shutil
import sys
from pathlib import Path

import pytest

from kvmbench.course.variants import variant_of
from kvmbench.system import Completed, run

pytestmark = pytest.mark.bench

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "06-bridge.ipynb"
KEY = b"the key of a class with nbgrader"
CONFIG = """
from kvmbench.grade.nbgrader import configure
c = get_config()
configure(c)
c.CourseDirectory.course_id = "kvm"
c.Exchange.root = {exchange!r}
c.Exchange.path_includes_course = False
c.OutsideGrade.course_file = "course.toml"
"""


def nbgrader(cwd: Path, *words: str) -> Completed:
    home = cwd if cwd.name == "kvm" else cwd.parent / "kvm"
    environment = dict(os.environ) | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "KVMBENCH_HOME": str(home.parent / "kb"),
        "JUPYTER_CONFIG_DIR": str(home.parent / "config"),
        "JUPYTER_DATA_DIR": str(home.parent / "data"),
        "IPYTHONDIR": str(home.parent / "ipython"),
    }
    return run(["nbgrader", *words], cwd=cwd, env=environment, timeout_s=250).checked()


def without_work(text: str) -> str:
    """The notebook of somebody who did nothing, and wrote a verdict of their own instead."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["id"].startswith(("do", "mend", "break")) and cell["cell_type"] == "code":
            cell["source"] = ["# nothing"]
        if cell["id"] == "check-2":
            cell["source"] = ["2.0"]
    return json.dumps(notebook)


def test_a_course_from_quickstart_to_export(tmp_path: Path) -> None:
    me = pwd.getpwuid(os.geteuid()).pw_name
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)
    nbgrader(tmp_path, "quickstart", "kvm")
    course = tmp_path / "kvm"
    (course / "nbgrader_config.py").write_text(CONFIG.format(exchange=str(exchange)))
    (course / "course.toml").write_text('[variants]\nkey = "class.key"\n')
    (course / "class.key").write_bytes(KEY)
    (course / "class.key").chmod(0o600)
    shutil.rmtree(course / "source")
    (course / "source" / "network").mkdir(parents=True)
    shutil.copy(NOTEBOOK, course / "source" / "network")

    nbgrader(course, "generate_assignment", "network")
    nbgrader(course, "release_assignment", "network")
    desk = tmp_path / "desk"
    desk.mkdir()
    shutil.copy(course / "nbgrader_config.py", desk)
    nbgrader(desk, "fetch_assignment", "network")
    nbgrader(desk, "submit", "network")
    given = (desk / "network" / NOTEBOOK.name).read_text()
    (course / "submitted" / "bob" / "network").mkdir(parents=True)
    (course / "submitted" / "bob" / "network" / NOTEBOOK.name).write_text(without_work(given))
    nbgrader(course, "collect", "network")
    nbgrader(course, "autograde", "network")
    nbgrader(course, "generate_feedback", "network")
    nbgrader(course, "export")

    with (course / "grades.csv").open(newline="") as file:
        grades = {row["student_id"]: row for row in csv.DictReader(file)}
    assert {name: float(row["raw_score"]) for name, row in grades.items()} == {me: 2.0, "bob": 0.0}
    assert {float(row["max_score"]) for row in grades.values()} == {2.0}
    feedback = (course / "feedback" / "bob" / "network" / "06-bridge.html").read_text()
    assert "there is no bridge br-int" in feedback
    # Each by their own numbers, which the evidence names.
    for student in (me, "bob"):
        kept = course / "outside" / "network" / "06-bridge" / "evidence" / f"{student}.evidence"
        head = json.loads(kept.read_text().partition("\n")[0].partition(" ")[2])
        assert head["variant"]["plan"]["router"] == variant_of(KEY, student).plan.router
