"""The reference solution, its scripts and the usual mistakes, with real guests on a real bench."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kvmbench import course
from kvmbench.course import Mistake, Step
from kvmbench.course.faults import Fault

pytestmark = [pytest.mark.bench, pytest.mark.guest]

MISTAKES = [(step, mistake) for step in course.steps() for mistake in step.mistakes]


def told(results: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"{each['step']} {each['check']} {each['verdict']}: {each['saw']} → {each['hint']}"
        for each in results
    )


def not_passed(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that did not pass; samepage merging is for the machine's root to switch on."""
    return [each for each in results if each["verdict"] != "passed" and each["check"] != "ksm-running"]


def test_on_an_untouched_bench_no_check_passes(bench: Any) -> None:
    results = bench.hand("check", "all")
    assert [each for each in results if each["verdict"] == "passed" or each["earned"]] == []


def test_a_step_is_caught_up_with_by_solving_what_it_builds_upon(bench: Any) -> None:
    bench.hand("catch_up", "netns")
    assert not_passed(bench.hand("check", "veth")) == []
    assert len(not_passed(bench.hand("check", "netns"))) == len(course.step("netns").checks)


def test_the_solution_passes_every_check(bench: Any) -> None:
    bench.hand("solve", "all")
    results = bench.hand("check", "all")
    assert not not_passed(results), told(not_passed(results))


def test_a_second_time_nothing_is_made_again(bench: Any) -> None:
    again = [line for ran in bench.hand("solve", "all") for line in ran]
    made = [
        line
        for line in again
        if line.startswith(("ip link add", "qemu-img create", "nft add", "qemu-kvm -name"))
    ]
    assert made == []
    results = bench.hand("check", "all")
    assert not not_passed(results), told(not_passed(results))


@pytest.fixture(scope="module")
def healthy() -> dict[str, str]:
    """What the lines that show symptoms say where nothing is wrong."""
    return {}


@pytest.fixture
def mistaken(
    request: pytest.FixtureRequest, bench: Any, healthy: dict[str, str]
) -> Iterator[list[dict[str, Any]]]:
    """What the checks of a step say while somebody has made a mistake in it; it is mended afterwards."""
    step, mistake = request.param
    if step.mistakes[0] is mistake:  # mending a mistake in one step may have cost a later one its guests
        bench.hand("catch_up", step.slug)
        bench.hand("solve", step.slug)
    line = Fault(step, mistake).symptom
    if line not in healthy:
        healthy[line] = bench.hand("shown", line)
    try:
        bench.hand("mistake", step.slug, mistake.name)
        assert bench.hand("shown", line) != healthy[line], f"nobody sees it by {line}"
        yield bench.hand("check", step.slug)
    finally:
        bench.hand("mend", step.slug, mistake.name)


@pytest.mark.parametrize(
    ("mistaken", "step", "mistake"),
    [((step, mistake), step, mistake) for step, mistake in MISTAKES],
    ids=[f"{step.slug}-{mistake.name}" for step, mistake in MISTAKES],
    indirect=["mistaken"],
)
def test_a_mistake_fails_its_own_check_with_its_own_hint(
    mistaken: list[dict[str, Any]], step: Step, mistake: Mistake
) -> None:
    (found,) = [each for each in mistaken if each["check"] == mistake.check]
    assert found["verdict"] == "failed", told([found])
    assert mistake.hint in found["hint"], told([found])
    assert found["earned"] == 0
    others = [each for each in not_passed(mistaken) if each["check"] not in (mistake.check, *mistake.also)]
    assert not others, told(others)


def test_after_all_mistakes_were_mended_every_check_passes(bench: Any) -> None:
    bench.hand("solve", "all")
    results = bench.hand("check", "all")
    assert not not_passed(results), told(not_passed(results))


@pytest.mark.parametrize("old", [True, False], ids=["the tutorial's spelling", "today's spelling"])
def test_a_script_typed_through_exec_passes_every_check(bench: Any, old: bool) -> None:
    name = "scripted"
    script = bench.kvmbench("script", "all", *(["--old"] if old else [])).checked().out
    bench.kvmbench("bench", "reset", name).checked()
    try:
        typed = bench.kvmbench("exec", "--bench", name, "--", "sh", "-x", "-c", script)
        assert typed.ok, typed.err[-2000:]
        ended = bench.kvmbench("check", "--bench", name, "--json")
        results = json.loads(ended.out)
        assert len(results) == sum(len(step.checks) for step in course.steps())
        assert not not_passed(results), told(not_passed(results))
        # Samepage merging is blocked where the machine's root has not switched it on.
        assert ended.code == (2 if any(each["verdict"] == "blocked" for each in results) else 0)
    finally:
        bench.kvmbench("bench", "destroy", name).checked()
