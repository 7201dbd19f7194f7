"""Faults: drawn, put into a real bench, seen by the right check, and taken back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from kvmbench import course
from kvmbench.course import faults
from kvmbench.errors import BadInput, NoSuchStep
from tests.course.conftest import OnBench

KEY = bytes(range(32))


def test_each_mistake_of_the_course_is_a_fault_with_a_name_of_its_own() -> None:
    names = [each.name for each in faults.faults()]
    assert len(names) == len(set(names)) == sum(len(step.mistakes) for step in course.steps()) >= 60
    assert faults.fault("bridge/down").mistake.check == "br-int-up"
    assert all(each.to_json()["inject"] and each.to_json()["mend"] for each in faults.faults())


def test_a_misspelt_fault_is_told_with_what_was_meant() -> None:
    with pytest.raises(BadInput, match="Did you mean bridge/down"):
        faults.fault("bridge/dwon")
    with pytest.raises(NoSuchStep):
        faults.faults(["brigde"])


def test_a_student_draws_the_same_fault_again_and_a_class_draws_many() -> None:
    students = [f"student-{number}" for number in range(400)]
    drawn = [faults.mystery(KEY, each).name for each in students]
    assert drawn == [faults.mystery(KEY, each).name for each in students]
    assert drawn != [faults.mystery(KEY[::-1], each).name for each in students]
    pool = {each.name for each in faults.faults(faults.MYSTERIES)}
    assert set(drawn) == pool
    assert Counter(drawn).most_common(1)[0][1] < 40


@pytest.mark.parametrize(("key", "student"), [(b"short", "anna"), (KEY, "")])
def test_a_draw_that_could_be_guessed_is_refused(key: bytes, student: str) -> None:
    with pytest.raises(BadInput, match="16 bytes"):
        faults.mystery(key, student)


@pytest.mark.bench
def test_a_fault_is_put_in_seen_by_its_check_and_mended(bench: OnBench, tmp_path: Path) -> None:
    early = bench.kvmbench("fault", "inject", "bridge/down", "-b", bench.name)
    assert early.err.splitlines()[0].startswith("bridge/down would not be seen: br-int-up does not pass here")
    bench.hand("solve", "netns", "bridge")
    for name in ("bridge/down", "netns/lo-down", "netns/near-end-down", "bridge/misspelt"):
        wanted = faults.fault(name)
        seen = json.loads(bench.kvmbench("fault", "inject", name, "-b", bench.name, "--json").checked().out)
        (told,) = [each for each in seen if each["check"] == wanted.mistake.check]
        assert (told["verdict"], wanted.mistake.hint in told["hint"]) == ("failed", True), told
        twice = bench.kvmbench("fault", "inject", "bridge/down", "-b", bench.name)
        assert (twice.code, twice.err.splitlines()[0]) == (
            2,
            f"there is a fault on bench {bench.name} already",
        )
        mended = json.loads(bench.kvmbench("fault", "mend", "-b", bench.name, "--json").checked().out)
        assert {each["verdict"] for each in mended} == {"passed"}
        everything = bench.hand("check", "netns", "bridge")
        assert {each["verdict"] for each in everything} == {"passed"}


@pytest.mark.bench
@pytest.mark.parametrize("name", ["bridge/down", "bridge/misspelt"])
def test_a_fault_that_fails_half_way_is_taken_back(bench: OnBench, name: str) -> None:
    bench.hand("solve", "bridge")
    with pytest.raises(AssertionError, match="/nowhere"):
        bench.hand("inject_half", *name.split("/"))
    assert {each["verdict"] for each in bench.hand("check", "bridge")} == {"passed"}


@pytest.mark.bench
def test_a_mystery_does_not_say_what_it_is_nor_does_the_bench_know(bench: OnBench, tmp_path: Path) -> None:
    bench.hand("solve", "netns", "bridge")
    key = tmp_path / "course.key"
    key.write_bytes(KEY)
    solved = {each.name for each in faults.faults(["netns", "bridge"])}
    student = next(n for n in map(str, range(500)) if faults.mystery(KEY, n).name in solved)
    wanted = faults.mystery(KEY, student)
    words = ["fault", "inject", "--mystery", "--student", student, "--key", str(key), "-b", bench.name]
    said = bench.kvmbench(*words).checked()
    assert wanted.name not in said.out + said.err
    assert wanted.mistake.check not in said.out + said.err
    results = bench.hand("check", wanted.step.slug)
    assert [each["verdict"] for each in results if each["check"] == wanted.mistake.check] == ["failed"]
    looked = bench.kvmbench(
        "exec",
        "-b",
        bench.name,
        "--",
        "sh",
        "-c",
        f"grep -rls {wanted.name} /root /run /tmp /etc /var/log; true",
    )
    assert looked.checked().out == ""
    assert bench.kvmbench("fault", "mend", "-b", bench.name).ok
    assert {each["verdict"] for each in bench.hand("check", "netns", "bridge")} == {"passed"}
    nobody = bench.kvmbench("fault", "mend", "-b", bench.name)
    assert (nobody.code, "nobody put a fault into bench" in nobody.err) == (2, True)
