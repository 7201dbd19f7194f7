"""The step proves itself on real benches."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmbench.system import Completed, run

COURSE = Path(__file__).resolve().parents[1]
BENCH = ("--bench", "test-desk")


def kvmbench(*words: str) -> Completed:
    line = [sys.executable, "-m", "kvmbench", "--course", str(COURSE), *words]
    return run(line, cwd=COURSE, timeout_s=120)


def told(done: Completed) -> str:
    return done.out + done.err


@pytest.fixture(scope="module", autouse=True)
def bench() -> Iterator[None]:
    made = kvmbench("bench", "reset", "test-desk")
    assert made.ok, told(made)
    yield
    kvmbench("bench", "destroy", "test-desk")


def test_it_fails_before_and_passes_after_its_solution() -> None:
    before = json.loads(kvmbench("check", "desk", *BENCH, "--json").out)
    assert not [each for each in before if each["verdict"] == "passed"]
    solved = kvmbench("solve", "desk", *BENCH)
    assert solved.ok, told(solved)
    after = kvmbench("check", "desk", *BENCH)
    assert after.ok, told(after)


def test_each_usual_mistake_earns_its_own_hint() -> None:
    kvmbench("solve", "desk", *BENCH)
    faults = json.loads(kvmbench("fault", "list", "desk", "--json").out)
    assert faults
    for fault in faults:
        seen = json.loads(kvmbench("fault", "inject", fault["fault"], *BENCH, "--json").out)
        mended = json.loads(kvmbench("fault", "mend", *BENCH, "--json").out)
        assert [each["check"] for each in seen if each["verdict"] == "failed"] == [fault["check"]]
        assert [each for each in seen if fault["hint"] in each["hint"]]
        assert {each["verdict"] for each in mended} == {"passed"}


def test_its_checks_notice_each_way_to_break_what_they_state() -> None:
    proved = kvmbench("mutate", "desk")
    assert proved.ok, told(proved)


def test_its_notebook_runs_through_and_ends_solved() -> None:
    (notebook,) = (COURSE / "notebooks").glob("*-desk.ipynb")
    (tour,) = json.loads(kvmbench("tour", str(notebook), "--json").out)
    assert tour["ran"], tour["error"]
    ended = {each["check"]: each["verdict"] for each in tour["outcomes"]}
    assert set(ended.values()) == {"passed"}
