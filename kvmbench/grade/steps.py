"""The steps that a mark is given for: the course's own, never those that came with a submission."""

from __future__ import annotations

from collections.abc import Sequence

from kvmbench import course
from kvmbench.course import Step
from kvmbench.course.catalogue import with_needs
from kvmbench.course.variants import Variant, steps_for
from kvmbench.model import Wanted


def steps_of(slugs: Sequence[str], variant: Variant | None = None) -> tuple[Step, ...]:
    """The steps by their slugs, in the course's order; with the numbers of a variant where there is one.

    Raises:
        NoSuchStep: the course has none of that name.
    """
    wanted = {course.step(slug).slug for slug in slugs}
    return tuple(each for each in _steps(variant) if each.slug in wanted)


def parts_of(slugs: Sequence[str], variant: Variant | None = None) -> tuple[Wanted, ...]:
    """What these steps, and what they build upon, add to the picture; a later part replaces its namesake."""
    slugs = [step.slug for step in with_needs(course.step(slug) for slug in slugs)]
    parts = (part for step in steps_of(slugs, variant) for part in step.parts)
    return tuple({(part.kind, part.name): part for part in parts}.values())


def _steps(variant: Variant | None) -> tuple[Step, ...]:
    return course.steps() if variant is None else steps_for(variant)
