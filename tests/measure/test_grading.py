"""What a submission costs: graded from outside, and by nbgrader."""

from __future__ import annotations

import pytest

from kvmbench.measure import grading
from kvmbench.measure.figures import Samples, judged
from kvmbench.measure.rows import rows

pytestmark = pytest.mark.bench


def test_a_submission_is_graded_both_ways_and_compared() -> None:
    samples = Samples()
    grading.one_submission(samples, peers=True)
    assert (samples.failed, samples.missing) == ([], {})
    (row,) = [each for each in judged(rows(), samples) if each.row.name == "graded"]
    (nbgrader,) = row.compared
    assert row.median is not None
    assert nbgrader.median is not None
    assert nbgrader.ratio == row.median / nbgrader.median
