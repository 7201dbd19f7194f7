"""An instructor's own course: `new-step` makes a step that works, and everything else works on it."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import nbformat
import pytest

from kvmbench.course import own
from kvmbench.course.catalogue import steps
from kvmbench.course.new_step import new_step
from kvmbench.course.plan import TUTORIAL
from kvmbench.course.variants import variant_of
from kvmbench.errors import BadInput
from kvmbench.grade import rubric
from kvmbench.system import Completed, run
from tests.grade.classes import Class
from tests.grade.forty import cluster
from tests.notebooks import test_shape as shape

KEY = b"a key of the tests, long enough"


def kvmbench(home: Path, *words: str) -> Completed:
    argv = [sys.executable, "-m", "kvmbench.cli", *words]
    return run(argv, timeout_s=200, cwd=home, env={**os.environ, "KVMBENCH_HOME": str(home / "data")})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("own")
    kvmbench(made, "new-step", "lamp", "--in", "mine").checked()
    return made


@pytest.fixture(scope="module")
def course(home: Path) -> Path:
    return home / "mine"


def made(course: Path, plan: Any = TUTORIAL) -> Any:
    return own.own_steps(course, plan, steps())


def test_what_it_makes_is_one_short_module_a_notebook_and_a_test(course: Path) -> None:
    files = {str(path.relative_to(course)) for path in course.rglob("*.*") if path.is_file()}
    assert {"course.toml", "steps/lamp.py", "notebooks/01-lamp.ipynb", "tests/test_lamp.py"} <= files
    assert len((course / "steps" / "lamp.py").read_text().splitlines()) < 80


def test_a_students_variant_has_numbers_of_its_own(course: Path) -> None:
    (tutorial,), (other,) = made(course), made(course, variant_of(KEY, "ada").plan)
    assert [check.name for check in tutorial.checks] == [check.name for check in other.checks]
    assert tutorial.goal != other.goal
    assert "10.1.1.150/24" in tutorial.goal
    assert tutorial.checks[-1].facts != other.checks[-1].facts


SHAPES = [
    test for name, test in vars(shape).items() if name.startswith("test_") and hasattr(test, "pytestmark")
]


@pytest.mark.parametrize("rule", SHAPES, ids=lambda rule: rule.__name__)
def test_its_notebook_keeps_to_the_shape_of_notebooks(
    course: Path, rule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KVMBENCH_COURSE", str(course))
    rule(course / "notebooks" / "01-lamp.ipynb")


@pytest.mark.bench
def test_its_own_test_is_green_as_made(home: Path, course: Path) -> None:
    """It fails before and passes after its solution; mistakes, mutants and the notebook are in it too."""
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(course)]
    done = run(argv, timeout_s=200, cwd=home, env={**os.environ, "KVMBENCH_HOME": str(home / "data")})
    assert done.ok, done.out + done.err
    assert "4 passed" in done.out


@pytest.mark.bench
def test_a_kernel_finds_the_course_around_its_notebook(home: Path) -> None:
    told = kvmbench(home, "tour", "mine/notebooks/01-lamp.ipynb").checked()
    assert "8 passed, 1 failed" in told.out, told.out  # what it breaks, it mends


@pytest.mark.bench
def test_a_right_submission_gets_all_points_and_one_without_work_does_not(home: Path, course: Path) -> None:
    submissions = home / "submissions"
    for student in ("ada", "bob"):
        (submissions / student).mkdir(parents=True)
    text = (course / "notebooks" / "01-lamp.ipynb").read_text()
    (submissions / "ada" / "01-lamp.ipynb").write_text(text)
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["id"] in ("do-2",):
            cell["source"] = ["# nothing"]
    (submissions / "bob" / "01-lamp.ipynb").write_text(json.dumps(notebook))
    # Whatever a submission brings of a course decides nothing.
    (submissions / "bob" / "course.toml").write_text('steps = "steps"\n')
    (submissions / "bob" / "steps").mkdir()
    (submissions / "bob" / "steps" / "lamp.py").write_text("STEP = None\nraise SystemExit(7)\n")
    graded = kvmbench(home, "grade", "submissions", "-o", "results", "--course", "mine")
    assert graded.code == 0, graded.out + graded.err
    rows = {line.split()[0]: line.split()[1:4] for line in graded.out.splitlines() if " of " in line}
    assert rows["ada"] == ["5", "of", "5"], graded.out
    assert rows["bob"] == ["1", "of", "5"], graded.out
    again = kvmbench(home, "regrade", "results", "--course", "mine/course.toml").checked()
    assert "5 of 5" in again.out


@pytest.mark.bench
def test_with_variants_each_is_graded_by_their_own_numbers_and_a_classmates_host_is_told(
    tmp_path: Path,
) -> None:
    """A host of an own step, 150, is in no list of a variant's values: whose network it is of tells."""
    kvmbench(tmp_path, "new-step", "lamp", "--in", "mine").checked()
    (tmp_path / "mine" / "class.key").write_bytes(KEY)
    (tmp_path / "mine" / "class.key").chmod(0o600)
    (tmp_path / "mine" / "course.toml").open("a").write('[variants]\nkey = "class.key"\n')
    text = (tmp_path / "mine" / "notebooks" / "01-lamp.ipynb").read_text()
    (tmp_path / "submissions").mkdir()
    for student, whose in (("anna", "anna"), ("ben", "ben"), ("cyd", "ben")):
        said = kvmbench(tmp_path, "variant", "--student", whose, "--course", "mine", "--json").checked()
        host = json.loads(said.out)["network"].replace(".0/24", ".150")
        typed = text.replace("10.1.1.150", host)
        assert typed != text
        (tmp_path / "submissions" / f"{student}.ipynb").write_text(typed)
    graded = kvmbench(tmp_path, "grade", "submissions", "-o", "results", "--course", "mine")
    assert graded.code == 2, graded.out + graded.err  # a person is asked about cyd
    with (tmp_path / "results" / "grades.csv").open(newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert {name: row["points"] for name, row in rows.items()} == {"anna": "5", "ben": "5", "cyd": "3"}
    assert [rows[name]["why a person"] for name in ("anna", "ben")] == ["", ""]
    assert f"{host} is a host of the bridge's network in the variant of ben" in rows["cyd"]["why a person"]
    # A worker of a cluster, which was started knowing nothing of the course, comes to the same.
    with cluster(Class(tmp_path)) as (address, _):
        line = ["grade", "submissions", "-o", "spread", "--course", "mine", "--cluster", address]
        spread = kvmbench(tmp_path, *line)
    assert spread.code == 2, spread.out + spread.err
    tables = [(tmp_path / each / "grades.csv").read_text() for each in ("results", "spread")]
    assert tables[0] == tables[1]


def test_a_student_version_has_no_solution_and_locked_checks_with_their_points(
    home: Path, course: Path
) -> None:
    pytest.importorskip("nbgrader")
    kvmbench(home, "--course", "mine", "handout", "lamp", "-o", "given").checked()
    given: Any = nbformat.read(home / "given" / "01-lamp.ipynb", as_version=4)
    from nbgrader.nbgraderformat import MetadataValidator

    MetadataValidator().validate_nb(given)
    cells = {cell["id"]: cell for cell in given.cells}
    assert "ip netns add" not in cells["do-1"].source
    assert cells["do-1"].metadata.nbgrader.solution
    assert not cells["do-1"].metadata.nbgrader.locked
    check = cells["check-2"].metadata
    assert (check.nbgrader.points, check.nbgrader.locked, check.nbgrader.grade) == (5, True, True)
    assert check.editable is False
    assert check.nbgrader.checksum
    assert given.metadata.kvmbench.notebook == "01-lamp"
    again = kvmbench(home, "--course", "mine", "handout", "lamp", "-o", "given")
    assert (again.code, len(again.err.splitlines())) == (2, 2)


@pytest.mark.bench
def test_a_student_who_has_the_handed_out_directory_alone_works_it_through(home: Path, course: Path) -> None:
    """The check in it needs the course's steps; the course's keys and points stay with the instructor."""
    pytest.importorskip("nbgrader")
    kvmbench(home, "--course", "mine", "handout", "-o", "desks/theirs").checked()
    theirs = home / "desks" / "theirs"
    assert (theirs / "course.toml").read_text() == 'steps = "steps"\n'
    assert (theirs / "steps" / "lamp.py").read_text() == (course / "steps" / "lamp.py").read_text()
    given = json.loads((theirs / "01-lamp.ipynb").read_text())
    mine = json.loads((course / "notebooks" / "01-lamp.ipynb").read_text())
    typed = {cell["id"]: cell["source"] for cell in mine["cells"]}
    for cell in given["cells"]:
        if cell["id"].startswith("do-"):
            assert "SOLUTION" not in "".join(cell["source"])
            cell["source"] = typed[cell["id"]]
    (theirs / "01-lamp.ipynb").write_text(json.dumps(given))
    told = kvmbench(home, "tour", "desks/theirs/01-lamp.ipynb").checked()
    assert "8 passed, 1 failed" in told.out, told.out  # what it breaks, it mends


@pytest.mark.bench
def test_up_serves_the_own_course_and_not_the_tutorial(
    home: Path, course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = pytest.importorskip("tests.browser.lab", reason="playwright is not installed")
    monkeypatch.setenv("KVMBENCH_COURSE", str(course))
    with lab.served("never-made", home / "served") as address:
        server, token = address.split("/lab?")
        with urlopen(f"{server}/api/contents/notebooks?{token}", timeout=20) as answer:
            there = json.load(answer)["content"]
    assert [each["name"] for each in there] == ["01-lamp.ipynb"]


@pytest.mark.bench
def test_a_bench_that_does_not_show_the_course_says_what_to_type(home: Path, course: Path) -> None:
    kvmbench(home, "bench", "create", "older").checked()
    try:
        line = ["env", f"KVMBENCH_COURSE=/nowhere{course}", "kvmbench", "check", "lamp"]
        said = kvmbench(home, "exec", "--bench", "older", "--", *line)
        assert said.code == 2
        assert f"kvmbench bench reset older --mount /nowhere{course}" in " ".join(said.err.split())
    finally:
        kvmbench(home, "bench", "destroy", "older")


def test_nbgrader_takes_the_own_course_from_its_file_and_refuses_to_grade_without_it(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As nbgrader runs it, a check that fails raises nothing, and who did nothing would get all points."""
    pytest.importorskip("nbgrader")
    from kvmbench.grade import nbgrader

    monkeypatch.delenv("KVMBENCH_COURSE", raising=False)
    notebook = course / "notebooks" / "01-lamp.ipynb"
    with pytest.raises(BadInput, match="checks 'lamp', and the course in use has no such step"):
        nbgrader.marks_of(notebook)
    monkeypatch.setenv("KVMBENCH_COURSE", "")  # put back afterwards: what follows names the course
    assert rubric.course_file(course) == course / "course.toml"
    assert nbgrader.marks_of(notebook) == {"check-2": ("lamp",)}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("HOST = 150", "HOST = 1/0", ":9: ZeroDivisionError"),
        ("import BRIDGE, Mistake", "import BRIGDE, Mistake", ":5: ImportError"),
        ("ROOM = ", "ROOM == (", "SyntaxError"),
        ('needs=("bridge",)', 'needs=("brigde",)', "needs 'brigde', and there is no such step"),
        ('slug="lamp"', 'slug="bridge"', "the tutorial has a step 'bridge' already"),
        ('hint="master"', 'hint=""', "the mistake unplugged has no hint"),
        ("def step(", "def stop(", ":1: it has no step"),
        ('check=f"{PORT}-on-{BRIDGE}"', 'check="on"', "is told by 'on', which is no check"),
        (
            "netns_exists(ROOM, points=1)",
            'Check("mute", "", lambda seen: failed("no", ""))',
            "the check mute fails without a hint",
        ),
    ],
)
def test_a_mistake_in_a_step_is_told_with_its_file_and_line(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    new_step("lamp", tmp_path)
    path = tmp_path / "steps" / "lamp.py"
    text = path.read_text()
    assert before in text
    head = "from kvmbench.model import Check, failed\n" if "mute" in after else ""
    changed = text.replace(before, after, 1)
    path.write_text(changed.replace("from kvmbench.act", head + "from kvmbench.act", 1))
    with pytest.raises(BadInput) as caught:
        made(tmp_path)
    assert said in caught.value.what
    assert caught.value.what.startswith(f"{path}:")
    assert len(str(caught.value).splitlines()) == 2


def test_two_steps_of_one_slug_are_told(tmp_path: Path) -> None:
    new_step("lamp", tmp_path)
    (tmp_path / "steps" / "other.py").write_text((tmp_path / "steps" / "lamp.py").read_text())
    with pytest.raises(BadInput, match=r"other\.py:16: .*lamp\.py has a step 'lamp' already"):
        made(tmp_path)


def test_a_step_comes_behind_what_it_needs_and_a_circle_is_told(tmp_path: Path) -> None:
    for name in ("alpha", "beta"):
        new_step(name, tmp_path)
    first = tmp_path / "steps" / "alpha.py"
    first.write_text(first.read_text().replace('needs=("bridge",)', 'needs=("beta",)'))
    assert [step.slug for step in made(tmp_path)] == ["beta", "alpha"]
    second = tmp_path / "steps" / "beta.py"
    second.write_text(second.read_text().replace('needs=("bridge",)', 'needs=("alpha",)'))
    with pytest.raises(BadInput, match="alpha needs 'beta', which needs it too"):
        made(tmp_path)


@pytest.mark.parametrize(
    "name", ["", "L", "Lamp", "two words", "a/b", "../x", "x" * 14, "lamp-", "bridge", "class9"]
)
def test_a_name_that_cannot_be_makes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput) as caught:
        new_step(name, tmp_path / "mine")
    assert len(str(caught.value).splitlines()) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_there_is_left_alone(tmp_path: Path) -> None:
    new_step("lamp", tmp_path)
    (tmp_path / "steps" / "lamp.py").write_text("mine")
    with pytest.raises(BadInput, match="already"):
        new_step("lamp", tmp_path)
    assert (tmp_path / "steps" / "lamp.py").read_text() == "mine"


def test_where_nothing_can_be_written_nothing_is_half_made(tmp_path: Path) -> None:
    (tmp_path / "tests").write_text("a file where a directory is needed")
    with pytest.raises(BadInput, match="cannot be written to"):
        new_step("lamp", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tests"]
