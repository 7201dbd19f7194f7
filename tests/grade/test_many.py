"""The same class graded by two jobs, on a Dask cluster, and after kills: the same table each time."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from kvmbench.grade import many
from tests.grade.classes import Class, handed_in
from tests.grade.forty import cluster

pytestmark = pytest.mark.bench

TASK = ("bridge",)
STUDENTS = ("student-0", "张伟", "李娜", "student-3")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Class:
    made = Class(Path(tmp_path_factory.mktemp("many")))
    made.set_task(TASK, {"cell_s": 30, "notebook_s": 60})
    works = ("# nothing", "!brctl addbr br-int", 'solve("bridge")', "raise ValueError")
    for student, work in zip(STUDENTS, works, strict=True):
        made.hand_in(student, handed_in(work, *TASK))
    return made


def points(room: Class) -> dict[str, str]:
    return {name: row["points"] for name, row in room.rows().items()}


def wait_for_evidence(room: Class, number: int) -> None:
    deadline = time.monotonic() + 120
    while len(list((room.results / "evidence").glob("*.evidence"))) < number:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_run_that_was_killed_goes_on_where_it_was(room: Class) -> None:
    grading = subprocess.Popen(
        room.command("grade", "--jobs", "1"), cwd=room.home, env=room.environment, stdout=subprocess.DEVNULL
    )
    wait_for_evidence(room, 2)
    os.kill(grading.pid, signal.SIGKILL)
    grading.wait()
    first = {path: path.read_bytes() for path in (room.results / "evidence").glob("*.evidence")}
    assert room.kvmbench("grade", "--jobs", "2").code == 0
    assert points(room) == {"student-0": "0", "张伟": "1", "李娜": "2", "student-3": "0"}
    assert all(path.read_bytes() == was for path, was in first.items())
    assert [path.name for path in (room.home / "kb" / "grading").iterdir()] == [".lock"]


def test_a_cluster_gives_the_same_also_when_a_worker_is_killed(room: Class) -> None:
    before = (room.results / "grades.csv").read_text()
    room.results.rename(room.home / "results-of-two-jobs")
    with cluster(room) as (address, workers):
        grading = subprocess.Popen(
            room.command("grade", "--cluster", address),
            cwd=room.home,
            env=room.environment,
            stdout=subprocess.DEVNULL,
        )
        wait_for_evidence(room, 1)
        os.kill(workers[0].pid, signal.SIGKILL)
        assert grading.wait(200) == 0
    assert (room.results / "grades.csv").read_text() == before
    assert room.kvmbench("verify").code == 0


def test_what_changed_since_is_graded_again_and_nothing_else(room: Class) -> None:
    kept = room.results / "evidence" / "李娜.evidence"
    before = kept.read_bytes()
    room.hand_in("student-0", handed_in("!brctl addbr br-int", *TASK))
    room.hand_in("student-4", "no notebook at all")
    assert room.kvmbench("grade").code == 0
    assert points(room) == dict(zip((*STUDENTS, "student-4"), ("1", "1", "2", "0", "0"), strict=True))
    assert kept.read_bytes() == before


def test_points_are_scored_again_without_running_anything(room: Class) -> None:
    evidence = {path: path.read_bytes() for path in (room.results / "evidence").iterdir()}
    text = room.course.read_text()
    room.course.write_text(text.replace("[limits]", "[points]\nbr-int-up = 10\n[limits]"))
    try:
        assert room.kvmbench("regrade").code == 0
        assert points(room)["李娜"] == "11"
        assert {path: path.read_bytes() for path in (room.results / "evidence").iterdir()} == evidence
        room.course.write_text(text.replace("[limits]", "[points]\nbr-int-upp = 10\n[limits]"))
        assert "'br-int-upp'" in room.kvmbench("regrade").err
    finally:
        room.course.write_text(text)
    room.kvmbench("regrade").checked()


@pytest.mark.parametrize(
    "name",
    ["grades.csv", "grades.xlsx", "class.html", "feedback/张伟.html", "evidence/张伟.evidence"],
)
def test_any_changed_file_is_found(room: Class, name: str) -> None:
    path = room.results / name
    before = path.read_bytes()
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    try:
        said = room.kvmbench("verify")
        assert said.code == 1
        assert f"{name} was changed" in said.out
    finally:
        path.write_bytes(before)


def test_no_more_at_once_than_fit_on_the_machine() -> None:
    assert many.jobs_possible(10**6, 2) <= len(os.sched_getaffinity(0))
    assert many.jobs_possible(None, 10**6) == 1
    assert many.jobs_possible(1, 0) == 1


def test_the_row_and_the_workbook_say_the_same(room: Class) -> None:
    from openpyxl import load_workbook

    sheet = load_workbook(room.results / "grades.xlsx").active
    assert sheet is not None
    titles, *rows = sheet.iter_rows(values_only=True)
    with (room.results / "grades.csv").open(newline="") as file:
        table = list(csv.reader(file))
    assert [str(title) for title in titles] == table[0]
    assert [str(row[0]) for row in rows] == [row[0] for row in table[1:]]
    assert [row[1] for row in rows] == [int(row[1]) for row in table[1:]]


def test_every_page_is_there_and_says_what_was_seen(room: Class) -> None:
    page = (room.results / "feedback" / "张伟.html").read_text()
    assert "the bridge br-int is down" in page
    assert "A bridge that is down passes nothing on" in page
    assert "<svg" in page
    assert "The bridge was made and not set up." in (room.results / "class.html").read_text()
    assert json.loads((room.results / "manifest.json").read_text().splitlines()[0])["files"]
