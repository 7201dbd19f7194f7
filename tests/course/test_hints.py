"""Hints by degrees, and progress: words from what a step holds, and a journal that outlives what is ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmbench import course
from kvmbench.course import hints, journal
from kvmbench.course.progress import Progress, progress
from tests.course.conftest import kvmbench

STEPS = {step.slug: step for step in course.steps()}


def row(slug: str, directory: Path) -> Progress:
    return next(each for each in progress(course.steps(), journal.entries(directory)) if each.step == slug)


def checked(slug: str, directory: Path, *failed: str) -> None:
    step = STEPS[slug]
    verdicts = {check.name: "failed" if check.name in failed else "passed" for check in step.checks}
    earned = sum(check.points for check in step.checks if check.name not in failed)
    journal.note("checked", slug, verdicts=verdicts, earned=earned, directory=directory)  # type: ignore[arg-type]


def test_a_step_that_passed_once_is_passed_whatever_is_broken_later(tmp_path: Path) -> None:
    assert row("bridge", tmp_path).state == "not checked"
    checked("bridge", tmp_path, "br-int-up")
    assert (row("bridge", tmp_path).state, row("bridge", tmp_path).earned) == ("failed", 1)
    checked("bridge", tmp_path)
    checked("bridge", tmp_path, "br-int-exists", "br-int-up")
    assert row("bridge", tmp_path) == Progress(
        "bridge", "A switch in the kernel", "passed", 2, 2, "by yourself", 0
    )


def test_who_brought_it_to_pass_first_is_remembered(tmp_path: Path) -> None:
    journal.note("caught up", "veth", directory=tmp_path)
    checked("veth", tmp_path)
    checked("bridge", tmp_path)
    journal.note("solved", "bridge", directory=tmp_path)
    assert (row("veth", tmp_path).how, row("bridge", tmp_path).how) == ("caught up", "by yourself")


def test_what_a_student_writes_into_the_journal_harms_nobody(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(b'{"time": 1}\n\xff\xfe\n[1, 2]\n{"did": "checked"}\nx')
    assert journal.entries(tmp_path) == ()
    journal.note("checked", "bridge", earned=10**6, directory=tmp_path)
    journal.note("checked", "bridge", earned=10**6, directory=tmp_path)
    assert (row("bridge", tmp_path).state, row("bridge", tmp_path).earned) == ("failed", 2)


@pytest.mark.parametrize("slug", STEPS)
def test_each_action_of_the_course_is_hinted_at_in_four_different_ways(slug: str) -> None:
    step = STEPS[slug]
    check = step.checks[-1]
    stuck = course.Result(slug, check.name, "failed", "nothing", "Look there", check.points, 0)
    for action in step.solution:
        told = [hints.worded(step, stuck, degree, step, (action,)) for degree in range(1, 5)]
        assert len({each.says for each in told}) == 4
        assert step.goal in told[0].says[0]
        assert told[1].says[:2] == ("Seen: nothing.", "Look there")
        assert told[1].says[-1].startswith("This shows it: ") or slug == "ksm"
        assert [each.lines for each in told[:3]] == [(), (), ()]
        assert told[3].lines == action.lines()
        assert all(f'hint("{slug}")' in each.more for each in told[:3])


def test_what_is_typed_has_a_manual_page() -> None:
    typed = {
        line
        for step in STEPS.values()
        for action in step.solution
        if not action.looks
        for line in (*action.lines(), *action.lines(old=True))
    }
    without = {line.split()[0] for line in typed if hints.manual_of(line) is None}
    assert without <= {"cat", "timeout", "/usr/bin/python3", "grep"}  # these look, or write a file


@pytest.fixture
def name(course_home: Path) -> Iterator[str]:
    kvmbench(course_home, "bench", "reset", "learner").checked()
    yield "learner"
    kvmbench(course_home, "bench", "destroy", "learner").checked()


@pytest.mark.bench
def test_each_ask_is_one_degree_further_for_the_check_that_fails_now(course_home: Path, name: str) -> None:
    def hint(step: str) -> str:
        return kvmbench(course_home, "hint", step, "--bench", name).checked().out

    told = [hint("bridge") for _ in range(4)]
    assert [f"Hint {degree} of 4" in said for degree, said in enumerate(told, 1)] == [True] * 4
    assert "ip link add" not in "".join(told[:3])
    assert "ip-link(8)" in told[2]
    assert "ip link add name br-int type bridge" in told[3]
    kvmbench(course_home, "exec", "--bench", name, "--", "brctl", "addbr", "br-int").checked()
    assert "bridge, br-int-up" in (said := hint("bridge"))
    assert "Hint 1 of 4" in said
    kvmbench(course_home, "exec", "--bench", name, "--", "ifconfig", "br-int", "up").checked()
    assert "has passed" in hint("bridge")
    kvmbench(course_home, "solve", "veth", "--bench", name).checked()
    shown = kvmbench(course_home, "progress", "--bench", name).checked().out.splitlines()
    assert [line.split() for line in shown if line.startswith(("bridge", "veth"))] == [
        ["veth", "0", "of", "3", "·", "not", "checked", "solution"],
        ["bridge", "2", "of", "2", "✓", "passed", "by", "yourself", "5"],
    ]


@pytest.mark.bench
def test_the_hint_goes_back_to_the_step_that_is_missing(course_home: Path, name: str) -> None:
    for _ in range(4):
        told = kvmbench(course_home, "hint", "netns", "--bench", name).checked().out
    assert "It belongs to the step veth, which comes before." in told
    assert "ip link add vethm.1 type veth peer name vethm.2" in told
