"""Every check, from all sides: it passes by each road, fails on each mistake with that mistake's hint."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from kvmbench.check import __all__ as catalogue
from kvmbench.check import bridge_up
from kvmbench.model import Snapshot
from kvmbench.mutate.changes import answer
from tests.check import (
    dhcp_tables,
    guest_tables,
    kind_tables,
    machine_tables,
    nat_tables,
    network_tables,
    reach_tables,
)
from tests.check.benches import NOW, modern, solved, untouched
from tests.check.tables import Mistake, Table

ROOMS = (network_tables, machine_tables, guest_tables, reach_tables, nat_tables, dhcp_tables, kind_tables)
TABLES = [table for room in ROOMS for table in room.TABLES]
MISTAKES = [
    pytest.param(table, mistake, id=f"{table.check.name}: {mistake.says}")
    for table in TABLES
    for mistake in table.mistakes
]
GOOD = [
    pytest.param(table, seen, id=f"{table.check.name}: {says}")
    for table in TABLES
    for says, seen in (*((f"road {n}", road) for n, road in enumerate(table.roads)), *table.good.items())
]
BLOCKED = [
    pytest.param(table, seen, id=f"{table.check.name}: {says}")
    for table in TABLES
    for says, seen in table.blocked.items()
]
EACH = [pytest.param(table, id=table.check.name) for table in TABLES]


@pytest.mark.parametrize(("table", "seen"), GOOD)
def test_what_is_right_passes_by_every_road(table: Table, seen: Snapshot) -> None:
    outcome = table.check(seen)
    assert outcome.verdict == "passed", outcome
    assert outcome.saw
    assert outcome.hint == ""


@pytest.mark.parametrize(("table", "mistake"), MISTAKES)
def test_each_mistake_earns_its_own_hint(table: Table, mistake: Mistake) -> None:
    outcome = table.check(mistake.seen)
    assert outcome.verdict == "failed", outcome
    assert mistake.hint in outcome.hint, outcome
    assert mistake.saw in outcome.saw, outcome


@pytest.mark.parametrize(("table", "seen"), BLOCKED)
def test_a_look_that_could_not_be_taken_is_blocked(table: Table, seen: Snapshot) -> None:
    outcome = table.check(seen)
    assert outcome.verdict == "blocked", outcome
    assert outcome.saw
    assert outcome.hint


@pytest.mark.parametrize("table", EACH)
def test_an_untouched_bench_is_not_taken_for_a_solved_one(table: Table) -> None:
    seen = untouched()
    for probe in table.check.probes:
        asked = False if probe.source in ("bench", "outside") else None
        seen = answer(seen, probe, asked, why="no answer")
    outcome = table.check(seen)
    assert outcome.verdict == table.untouched, outcome
    assert outcome.verdict == "passed" or outcome.hint


@pytest.mark.parametrize("table", EACH)
def test_two_mistakes_share_a_hint_only_where_the_table_says_so(table: Table) -> None:
    """The words that a table asks for stand in no hint of another kind of mistake."""
    hints = {mistake.says: table.check(mistake.seen).hint for mistake in table.mistakes}
    for mistake in table.mistakes:
        for other in table.mistakes:
            assert (mistake.hint in hints[other.says]) == (mistake.hint == other.hint), (
                mistake.says,
                other.says,
            )


@pytest.mark.parametrize("table", EACH)
def test_names_are_short_and_stable(table: Table) -> None:
    assert re.fullmatch(r"[a-z0-9][a-zA-Z0-9._-]{2,47}", table.check.name), table.check.name
    assert table.check.says
    assert not table.check.says.endswith(".")


def test_every_check_of_the_catalogue_has_a_table() -> None:
    made_by = Counter(table.check.judge.__qualname__.partition(".")[0] for table in TABLES)
    assert set(catalogue) == set(made_by)


def test_points_are_what_the_course_says() -> None:
    assert bridge_up("br-int").points == 1
    assert bridge_up("br-int", points=3).points == 3


@pytest.mark.parametrize("seen", [untouched(), solved(), modern()], ids=["untouched", "solved", "modern"])
def test_a_bench_judged_from_its_json_is_judged_the_same(seen: Snapshot) -> None:
    again = Snapshot.from_json(seen.to_json())
    assert again == seen
    assert again.taken_at == NOW
    assert [table.check(again) for table in TABLES] == [table.check(seen) for table in TABLES]
