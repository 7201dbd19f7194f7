"""The steps that a mark is given for: the course's own, never those that came with a submission."""

from __future__ import annotations

from collections.abc import Sequence

from kvmbench import course
from kvmbench.course import Step


def steps_of(slugs: Sequence[str]) -> tuple[Step, ...]:
    """The steps by their slugs, in the course's order.

    Raises:
        NoSuchStep: the course has none of that name.
    """
    wanted = {course.step(slug).slug for slug in slugs}
    return tuple(each for each in course.steps() if each.slug in wanted)
