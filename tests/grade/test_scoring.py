"""Points, tables and the class's page out of evidence that a person wrote; nothing is run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kvmbench.course.specification import STEPS
from kvmbench.errors import BadInput
from kvmbench.grade import classpage, pages, rubric, submissions, tables
from kvmbench.grade.rubric import Course, Rubric
from kvmbench.grade.scoring import Score, score
from kvmbench.grade.task import Notebook
from kvmbench.model import BridgeState, Link, Netns, Snapshot
from tests.grade.classes import handed_in, notebook

BRIDGE = Notebook("06-bridge", ("bridge",), {"check-1": ("bridge",), "check-2": ("bridge",)})
RUBRIC = Rubric(Course(title="Bridges"), (BRIDGE,), "digest")
LAST = Rubric(Course(count="last"), (BRIDGE,), "digest")


def seen(*, bridge: bool, up: bool = True) -> dict[str, Any]:
    link = Link("br-int", 3, "bridge", "02:00:00:00:00:01", up, up, bridge=BridgeState(False, 300, 15))
    snapshot = Snapshot("g0", 1.0, (Netns("", (link,) if bridge else ()),))
    decoded: dict[str, Any] = json.loads(snapshot.to_json())
    return {"snapshot": decoded}


def evidence(*looks: dict[str, Any], file: str | None = "a.ipynb", ended: str = "") -> list[dict[str, Any]]:
    head = {"kind": "head", "student": "ada", "notebooks": [{"name": "06-bridge", "file": file}]}
    run = {"kind": "run", "notebook": "06-bridge", "ended": ended, "seconds": {"all": 3.0, "looks": 0.5}}
    made = [
        {"kind": "look", "notebook": "06-bridge", "mark": f"check-{number}", "steps": ["bridge"]} | look
        for number, look in enumerate(looks, 1)
    ]
    return [head, run, *made, {"kind": "end"}]


def verdicts(found: Score) -> list[str]:
    return [mark.outcome.verdict for mark in found.marks]


UP, DOWN, NONE = seen(bridge=True), seen(bridge=True, up=False), seen(bridge=False)
LOST = {"trouble": "the kernel refused"}


@pytest.mark.parametrize(
    ("looks", "best", "last"),
    [
        ((UP,), (2, 0), (2, 0)),
        ((DOWN,), (1, 0), (1, 0)),
        ((NONE,), (0, 0), (0, 0)),
        ((UP, DOWN), (2, 0), (1, 0)),
        ((DOWN, UP), (2, 0), (2, 0)),
        ((LOST,), (0, 2), (0, 2)),
        ((LOST, DOWN), (1, 0), (1, 0)),
        ((UP, LOST), (2, 0), (0, 2)),
        ((NONE, LOST), (0, 2), (0, 2)),
    ],
)
def test_the_best_look_counts_or_the_last(
    looks: Sequence[dict[str, Any]], best: tuple[int, int], last: tuple[int, int]
) -> None:
    for chosen, wanted in ((RUBRIC, best), (LAST, last)):
        found = score("ada", evidence(*looks), chosen)
        assert (found.earned, len(found.blocked)) == wanted
        assert found.points == 2


def test_what_was_not_handed_in_fails_and_what_was_not_seen_is_blocked() -> None:
    absent = score("ada", evidence(file=None), RUBRIC)
    assert verdicts(absent) == ["failed", "failed"]
    assert "was not handed in" in absent.marks[0].outcome.saw
    stopped = score("ada", evidence(ended="it used more than 9 MiB"), RUBRIC)
    assert verdicts(stopped) == ["blocked", "blocked"]
    assert "9 MiB" in tables.why_a_person(stopped)
    crashed = score("ada", [*evidence()[:1], {"kind": "trouble", "trouble": "it fell over"}], RUBRIC)
    assert verdicts(crashed) == ["blocked", "blocked"]
    other = Rubric(Course(), (Notebook("05-netns", ("netns",), {}),), "digest")
    assert set(verdicts(score("ada", evidence(UP), other))) == {"blocked"}


def test_where_time_ran_out_nothing_is_failed_but_what_passed_has_passed() -> None:
    records = evidence(DOWN)
    records[1]["late"] = "it was not done after 9 s"
    late = score("ada", records, RUBRIC)
    assert verdicts(late) == ["passed", "blocked"]
    assert late.earned == 1
    assert "9 s; then the bridge br-int is down" in tables.why_a_person(late)


def test_points_are_those_of_the_course_file() -> None:
    def earned(points: dict[str, int]) -> int:
        return score("ada", evidence(UP), Rubric(Course(points=points), (BRIDGE,), "")).earned

    assert earned({"br-int-up": 5}) == 6
    assert earned({"bridge/br-int-up": 7, "br-int-up": 5}) == 8
    assert earned({"bridge": 4}) == 8
    assert earned({"bridge": 0}) == 0


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_a_table_is_a_formula(name: str) -> None:
    found = [Score(name, (), ()), *[score("ada", evidence({"trouble": name}), RUBRIC)]]
    for row in csv.reader(io.StringIO(tables.csv_text(found, RUBRIC))):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row), row


def test_nothing_that_a_student_wrote_is_markup_on_a_page() -> None:
    bad = "<script>alert(1)</script>"
    found = score("ada", evidence({"trouble": bad}, ended=bad), RUBRIC)
    for page in (pages.student_page(found, evidence(UP), RUBRIC), classpage.class_page([found], RUBRIC)):
        assert "<script" not in page
        assert "&lt;script&gt;" in page


def test_the_class_page_tells_mistakes_in_the_courses_words_and_counts_students() -> None:
    scores = [
        score(name, evidence(look), RUBRIC)
        for name, look in (("a", UP), ("b", DOWN), ("c", DOWN), ("d", NONE), ("e", NONE))
    ]
    made = classpage.mistakes(scores)
    assert [(each.says, each.students) for each in made if "set up" in each.says] == [
        ("The bridge was made and not set up.", ("b", "c"))
    ]
    (group,) = classpage.together(scores[3:])
    assert group.checks == ("bridge/br-int-exists", "bridge/br-int-up")
    assert (group.all_failed, group.any_failed) == (2, 2)
    page = classpage.class_page(scores, RUBRIC)
    assert "5 students; mean 60 %" not in page  # 2, 1, 1, 0, 0 of 2
    assert "5 students; mean 40 %, median 50 %" in page


def test_marks_are_the_instructors_check_cells(tmp_path: Path) -> None:
    path = tmp_path / "task.ipynb"
    path.write_text(
        notebook(("a", "check('bridge')"), ("b", "# check('veth')"), ("c", 'x = check("netns", "no")'))
    )
    read = rubric.read_notebook(path)
    assert (read.name, read.steps) == ("task", ("bridge", "netns"))
    assert read.marks == {"a": ("bridge",), "c": ("netns",)}
    text = json.loads(path.read_text())
    text["cells"][2]["metadata"] = {"tags": [rubric.GRADED_TAG]}
    path.write_text(json.dumps(text))
    assert rubric.read_notebook(path).marks == {"c": ("netns",)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title = 3", "is no course file"),
        ("nonsense", "is no course file"),
        ("surprise = 1", "surprise"),
        ('only = ["99-none"]', "there is no notebook 99-none"),
        ("[points]\nbr-int-upp = 1", "br-int-upp"),
    ],
)
def test_a_course_file_that_cannot_be_meant_is_told(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "course.toml").write_text(text)
    with pytest.raises(BadInput, match=says):
        rubric.load(tmp_path / "course.toml")


def test_the_course_as_it_comes_counts_each_step_once() -> None:
    *lessons, capstone = rubric.load().notebooks
    steps = [step for each in lessons for step in each.steps]
    assert len(steps) == len(set(steps)) == 13
    assert (capstone.name, capstone.steps) == ("15-capstone", STEPS)


def test_a_submission_is_a_notebook_or_a_directory_and_its_links_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "ada.ipynb").write_text(handed_in("", "bridge"))
    (tmp_path / "bob" / "deep").mkdir(parents=True)
    (tmp_path / "bob" / "deep" / "06-bridge.ipynb").write_text(handed_in("", "bridge"))
    (tmp_path / "bob" / "passwd").symlink_to("/etc/passwd")
    (tmp_path / "bob" / "everything").symlink_to("/etc")
    (tmp_path / "eve").symlink_to("/root")
    (tmp_path / "notes.txt").write_text("not a submission")
    found = submissions.find(tmp_path)
    assert [each.student for each in found] == ["ada", "bob"]
    tasks = [submissions.task(each, RUBRIC) for each in found]
    assert [list(task.files) for task in tasks] == [["ada.ipynb"], ["deep/06-bridge.ipynb"]]
    assert [task.notebooks[0].file for task in tasks] == ["ada.ipynb", "deep/06-bridge.ipynb"]


def test_submissions_that_cannot_be_graded_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no submissions"):
        submissions.find(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a.ipynb").write_text("{}")
    with pytest.raises(BadInput, match="two submissions are those of a"):
        submissions.find(tmp_path)
    (tmp_path / "b").mkdir()
    with (tmp_path / "b" / "disk.img").open("wb") as file:
        file.truncate(submissions.MOST_BYTES + 1)
    with pytest.raises(BadInput, match="larger than 64 MiB"):
        submissions.task(submissions.Submission("b", tmp_path / "b"), RUBRIC)
