"""A few benches at once under SIGKILLs, for seconds; `python -m tests.bench.soak 10` is the long one."""

from __future__ import annotations

import pytest

from tests.bench.soak import soak

pytestmark = [pytest.mark.bench, pytest.mark.guest]


def test_benches_that_come_go_and_are_killed_at_once_leave_nothing() -> None:
    before, after, running = soak(8, 4, 20261126)
    assert running.odd == []
    assert sum(running.happened.values()) > 8, running.happened
    assert after.own() == before.own()
    assert (after.descriptors, after.threads) == (before.descriptors, before.threads)
    assert after.resident_mib < before.resident_mib + 20
