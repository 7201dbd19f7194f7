"""Every check is proved by breaking what it states; and a bad check is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from kvmbench import course
from kvmbench.check import __all__ as catalogue
from kvmbench.check import bridge_up, guest_running, has_address, link_up, pings, sysctl_is
from kvmbench.course import Step
from kvmbench.model import Check, Fact, Outcome, Snapshot, failed, passed
from kvmbench.mutate import Score, held, kinds, recorded, score, table

SOLVED = recorded()
STEPS = (*course.steps(), kinds(SOLVED))
HELD, STANDING = held(SOLVED)


@pytest.fixture(scope="module")
def whole() -> Score:
    return score(STEPS, SOLVED) + score((HELD,), STANDING)


def only(check: Check) -> Step:
    """A step of somebody else's, with one check."""
    return Step("own", "Somebody's own step", "Do it.", (), (check,))


def judged_by(check: Check, judge: Callable[[Snapshot], Outcome]) -> Score:
    """The score of a check whose judgement was replaced."""
    return score((only(replace(check, judge=judge)),), SOLVED)


def test_every_mutant_is_killed_by_the_right_checks_for_the_right_reason(whole: Score) -> None:
    assert [(row.mutant, row.missed) for row in whole.rows if row.missed] == []
    assert whole.never == ()
    assert whole.score == 1
    assert whole.mutants > 300


def test_no_correct_road_and_no_mutant_raises_a_false_alarm(whole: Score) -> None:
    assert [(row.mutant, row.alarms) for row in (*whole.rows, *whole.roads) if row.alarms] == []
    assert len(whole.roads) >= 14
    assert whole.ok


def test_each_check_of_the_course_is_killed_by_something(whole: Score) -> None:
    noticed = {name for row in whole.rows for name in row.noticed}
    assert noticed == {f"{step.slug}/{check.name}" for step in (*STEPS, HELD) for check in step.checks}


def test_each_kind_of_check_is_among_them() -> None:
    judges = {check.judge.__qualname__.partition(".")[0] for step in (*STEPS, HELD) for check in step.checks}
    assert set(catalogue) - judges == {"kvm_reported"}  # it is made of others


def test_the_json_has_its_five_keys_and_a_row_for_each_mutant(whole: Score) -> None:
    told = json.loads(json.dumps(whole.to_json()))
    assert list(told) == ["mutants", "killed", "score", "false_alarms", "rows"]
    assert (told["mutants"], told["killed"], told["score"], told["false_alarms"]) == (
        *(whole.mutants, whole.mutants),
        *(1, 0),
    )
    assert sum(row["killed"] for row in told["rows"]) == whole.killed


def test_the_table_ends_with_the_score(whole: Score) -> None:
    assert (
        table(whole)
        .splitlines()[-1]
        .startswith(f"{whole.mutants} mutants, {whole.killed} killed, score 1.000")
    )


@pytest.mark.parametrize(
    "check", [check for step in STEPS for check in step.checks], ids=lambda check: check.name
)
def test_a_check_that_always_passes_is_found_out(check: Check) -> None:
    found = judged_by(check, lambda seen: passed("all is well"))
    assert found.killed < found.mutants or found.mutants == 0
    assert not found.ok


def test_a_guest_that_is_only_said_to_stand_still_is_found_out() -> None:
    lax = replace(HELD.checks[0], judge=lambda seen: passed("it stands still"))
    assert not score((only(lax),), STANDING).ok


def test_a_check_that_blames_another_mistake_is_found_out() -> None:
    right = bridge_up("br-int")

    def judge(seen: Snapshot) -> Outcome:
        found = right(seen)
        return replace(found, hint="Is the cable plugged in?") if found.verdict == "failed" else found

    found = judged_by(right, judge)
    assert {row.mutant for row in found.rows if row.killed} == {"not looked at: the bench's own network"}
    assert found.mutants > 4
    assert "Is the cable plugged in?" in table(found)


def test_a_check_that_minds_what_is_not_its_business_raises_a_false_alarm() -> None:
    right = bridge_up("br-int")

    def judge(seen: Snapshot) -> Outcome:
        room = seen.netns("")
        if room and len(room.links) > 7:
            return failed("there are strange links", "A bridge that is down passes nothing: take them away.")
        return right(seen)

    assert judged_by(right, judge).false_alarms > 0


def test_a_check_that_states_nothing_or_something_unknown_is_told() -> None:
    silent = replace(bridge_up("br-int"), facts=())
    odd = replace(bridge_up("br-int"), facts=(Fact("weather", "sunny"),))
    for check in (silent, odd):
        found = score((only(check),), SOLVED)
        assert found.never == (f"own/{check.name}",)
        assert found.score == 0
        assert "nothing kills it" in table(found)


def test_a_check_that_fails_on_the_solved_bench_proves_nothing() -> None:
    found = score((only(bridge_up("br-other")),), SOLVED)
    assert found.never == ("own/br-other-up",)
    assert not found.ok


@pytest.mark.parametrize(
    ("check", "operators"),
    [
        (link_up("vethm.1"), {"removed", "renamed", "down", "in another namespace", "not looked at"}),
        (has_address("br-int", "10.1.1.254/24"), {"no address", "other address", "wrong prefix", "removed"}),
        (sysctl_is("net.ipv4.ip_forward", 1), {"switched"}),
        (guest_running("c2"), {"not running", "paused", "under another name", "guest-panicked"}),
        (pings("guest:c1", "guest:c2"), {"never asked", "no master", "blocking", "down", "not running"}),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_a_step_of_somebody_elses_gets_mutants_from_the_facts_it_states(
    check: Check, operators: set[str]
) -> None:
    found = score((only(check),), SOLVED)
    assert operators <= {row.mutant.partition(": ")[0] for row in found.rows}
    assert found.ok, table(found)
