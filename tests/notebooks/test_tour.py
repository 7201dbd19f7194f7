"""Every notebook from top to bottom on a fresh bench, with real guests: it runs through, and ends solved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kvmbench import course, tour
from kvmbench.course.specification import STEPS

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
ACROSS = NOTEBOOKS[0].parent / "14-break-and-mend.ipynb"
CAPSTONE = ACROSS.parent / "15-capstone.ipynb"
LESSONS = [path for path in NOTEBOOKS if path.stem != "00-welcome" and path not in (ACROSS, CAPSTONE)]

pytestmark = [pytest.mark.bench, pytest.mark.guest]


def endings(told: tour.Told) -> dict[str, str]:
    """The last verdict on each check: what came before was meant to fail, or not yet done."""
    return {outcome["check"]: outcome["verdict"] for outcome in told.outcomes}


def broken(path: Path, told: tour.Told) -> set[str]:
    """The verdicts that were shown between the heads *Break it* and *Mend it*."""
    ids = [cell["id"] for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    cells = range(ids.index("break"), ids.index("mend"))
    return {outcome["verdict"] for outcome in told.outcomes if outcome["cell"] in cells}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_notebook_runs_through_and_ends_with_its_step_solved(path: Path) -> None:
    told = tour.run_notebook(path)
    assert told.ran, told.error
    slug = path.stem.partition("-")[2]
    ended = endings(told)
    assert set(ended) == {check.name for check in course.step(slug).checks}
    fine = {"passed", "blocked"} if slug == "ksm" else {"passed"}
    assert set(ended.values()) <= fine, told.outcomes
    assert "failed" in broken(path, told) or slug == "ksm", "what it breaks, its check must notice"


def test_break_and_mend_shows_each_fault_by_its_own_check_and_ends_with_all_mended() -> None:
    told = tour.run_notebook(ACROSS)
    assert told.ran, told.error
    failed = {outcome["check"] for outcome in told.outcomes if outcome["verdict"] == "failed"}
    assert failed == {"router1-pings-10.2.2.1", "vethm.1-address", "br-int-up"}
    checks = {check.name for slug in ("netns", "bridge") for check in course.step(slug).checks}
    assert endings(told) == dict.fromkeys(checks, "passed")


def test_the_welcome_runs_through_and_shows_what_a_failure_looks_like() -> None:
    told = tour.run_notebook(NOTEBOOKS[0])
    assert told.ran, told.error
    assert set(endings(told).values()) == {"failed"}


def test_the_capstone_runs_through_untouched_and_nothing_is_there_that_nobody_built() -> None:
    told = tour.run_notebook(CAPSTONE)
    assert told.ran, told.error
    ended = endings(told)
    assert len(ended) == sum(len(course.step(slug).checks) for slug in STEPS)
    assert "passed" not in ended.values()
