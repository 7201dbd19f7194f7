"""Whatever a Snapshot holds: no check raises, and every outcome is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvmbench.model import Check, Netns, Outcome, Snapshot
from tests.check import dhcp_tables, guest_tables, machine_tables, nat_tables, network_tables, reach_tables
from tests.check.benches import solved
from tests.check.oddities import guest, netns, results, snapshots

ROOMS = (network_tables, machine_tables, guest_tables, reach_tables, nat_tables, dhcp_tables)
TABLES = [table for room in ROOMS for table in room.TABLES]
CHECKS = [table.check for table in TABLES]
PROBES = sorted({probe for check in CHECKS for probe in check.probes}, key=str)
EMPTY = Snapshot(bench="default", taken_at=0, namespaces=())
# The first example pays for the imports, and a filled Snapshot is large by nature.
patient = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def is_whole(check: Check, outcome: Outcome) -> None:
    assert outcome.verdict in ("passed", "failed", "blocked")
    assert outcome.saw.strip(), check.name
    assert "\n" not in outcome.saw + outcome.hint, (check.name, outcome)
    assert bool(outcome.hint) == (outcome.verdict != "passed"), (check.name, outcome)


@given(seen=snapshots(PROBES))
@patient
def test_no_check_raises_on_odd_snapshots(seen: Snapshot) -> None:
    for check in CHECKS:
        is_whole(check, check(seen))


def parts(seen: Snapshot) -> dict[str, st.SearchStrategy[Any]]:
    """Replacements for one part of a solved bench."""
    others = st.sampled_from(PROBES).flatmap(results)
    rooms: Callable[[Netns], tuple[Netns, ...]] = lambda odd: (replace(odd, name=""), *seen.namespaces[1:])  # noqa: E731
    return {
        "namespaces": netns.map(rooms),
        "guests": st.tuples(guest.map(lambda odd: replace(odd, name="c1")), st.just(seen.guests[1])),
        "probes": st.lists(others, max_size=8).map(tuple),
    }


@given(changes=st.fixed_dictionaries({}, optional=parts(solved())))
@patient
def test_no_check_raises_where_one_part_is_odd(changes: dict[str, Any]) -> None:
    seen = replace(solved(), **changes)
    for check in CHECKS:
        is_whole(check, check(seen))


@given(seen=snapshots(PROBES))
@patient
def test_what_is_proved_on_the_wire_never_passes_without_an_answer(seen: Snapshot) -> None:
    for check in CHECKS:
        results_seen = [seen.probe(probe) for probe in check.probes]
        if not results_seen or not check(seen).ok:
            continue
        wanted = "cannot-reach" not in check.name
        assert all(result is not None and result.ok is wanted for result in results_seen), check.name


def test_a_snapshot_of_nothing_passes_nothing() -> None:
    for check in CHECKS:
        outcome = check(EMPTY)
        is_whole(check, outcome)
        assert outcome.verdict != "passed", check.name


def test_every_probe_of_the_catalogue_silent_is_never_a_pass() -> None:
    seen = solved()
    silent = replace(seen, probes=tuple(replace(result, ok=None, said="") for result in seen.probes))
    for check in CHECKS:
        if check.probes:
            is_whole(check, check(silent))
            assert not check(silent).ok, check.name
