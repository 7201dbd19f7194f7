"""Finding steps by their slugs, and what they build upon."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from kvmbench.course.own import own_steps
from kvmbench.course.plan import TUTORIAL, Plan, plan_from_json
from kvmbench.course.step import Step
from kvmbench.course.steps import STEPS
from kvmbench.course.steps import steps as steps_of
from kvmbench.errors import NoSuchStep
from kvmbench.model import Wanted
from kvmbench.system import course_place
from kvmbench.system.outside import SERVICE

ALL = "all"
PLAN_FILE = Path("/etc/kvmbench-plan.json")
"""where a bench's numbers are not the tutorial's: it tells a student what to build, and no grader reads it"""
ON_A_BENCH = SERVICE / "bench.json"
"""every bench has it, and a machine has none: there the course is always the tutorial's"""


def steps() -> tuple[Step, ...]:
    """The course in order; with a student's own numbers on a bench that was given them.

    Raises:
        BadInput: the file with the numbers is none, or the instructor's own course has a mistake.
    """
    return steps_with(plan())


def plan() -> Plan:
    """The numbers of the course here: the tutorial's, or the student's own on a bench that was given them.

    Raises:
        BadInput: the file with the numbers is none.
    """
    if not (ON_A_BENCH.exists() and PLAN_FILE.is_file()):
        return TUTORIAL
    return _plan(PLAN_FILE.read_text(errors="replace"))


def steps_with(plan: Plan) -> tuple[Step, ...]:
    """The course with these numbers: the tutorial's steps, and behind them those of the instructor's own.

    Raises:
        BadInput: the instructor's own course has a mistake.
    """
    return _tutorial(plan) + own(plan)


def own(plan: Plan = TUTORIAL) -> tuple[Step, ...]:
    """The steps of the instructor's own course; none where the course is the tutorial's.

    Raises:
        BadInput: one of them has a mistake.
    """
    place = own_place()
    return own_steps(place, plan, _tutorial(plan)) if place else ()


def own_place() -> Path | None:
    """Where the instructor's own course lies: where it was said, and on a bench also around us."""
    if not ON_A_BENCH.exists():
        return course_place.named()
    return course_place.named() or course_place.around(Path.cwd())


@lru_cache(maxsize=4)
def _plan(text: str) -> Plan:
    return plan_from_json(text)


@lru_cache(maxsize=64)
def _tutorial(plan: Plan) -> tuple[Step, ...]:
    return STEPS if plan == TUTORIAL else steps_of(plan)


def step(slug: str) -> Step:
    """A step by its slug.

    Raises:
        NoSuchStep: the course has none of that name.
    """
    found = next((each for each in steps() if each.slug == slug), None)
    if found is None:
        near = get_close_matches(slug, [each.slug for each in steps()], n=3, cutoff=0.6)
        raise NoSuchStep(
            f"the course has no step {slug!r}",
            f"Did you mean {' or '.join(near)}?"
            if near
            else f"The steps are {', '.join(s.slug for s in steps())}.",
        )
    return found


def chosen(slugs: Sequence[str] | str) -> tuple[Step, ...]:
    """The steps named, in the course's order; `all` (or none) for all of them.

    Raises:
        NoSuchStep: the course has none of that name.
    """
    names = [slugs] if isinstance(slugs, str) else list(slugs)
    if not names or ALL in names:
        return steps()
    wanted = {step(name).slug for name in names}
    return tuple(each for each in steps() if each.slug in wanted)


def with_needs(wanted: Iterable[Step]) -> tuple[Step, ...]:
    """The steps and all that they build upon, in the course's order."""
    slugs: set[str] = set()
    waiting = list(wanted)
    while waiting:
        each = waiting.pop()
        if each.slug not in slugs:
            slugs.add(each.slug)
            waiting += [step(need) for need in each.needs]
    return tuple(each for each in steps() if each.slug in slugs)


def files(slugs: Sequence[str] | str = ALL) -> tuple[str, ...]:
    """The paths that checks of these steps look at."""
    return tuple(dict.fromkeys(path for each in chosen(slugs) for path in each.files))


def images(slugs: Sequence[str] | str = ALL) -> tuple[str, ...]:
    """The disk images that checks of these steps look at."""
    return tuple(dict.fromkeys(path for each in chosen(slugs) for path in each.images))


def wanted(slug: str) -> tuple[Wanted, ...]:
    """What a step, and those that it builds upon, add to the picture; a later part replaces its namesake.

    Raises:
        NoSuchStep: the course has none of that name.
    """
    parts = (part for each in with_needs([step(slug)]) for part in each.parts)
    return tuple({(part.kind, part.name): part for part in parts}.values())
