"""An instructor's own course: a directory with course.toml, steps/*.py and notebooks/.

Each module in steps/ has `step(plan) -> Step`, or `STEP` where no number of the plan matters. Its steps come
after the tutorial's, and may need them. It is Python of the instructor's, and is run as such: on the machine
a course is read only where --course or KVMBENCH_COURSE names it, never because one lies around.
"""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from kvmbench.course.plan import Plan
from kvmbench.course.step import Step
from kvmbench.errors import BadInput, KvmbenchError
from kvmbench.model import Netns, Snapshot
from kvmbench.system.course_place import COURSE_FILE
from kvmbench.system.outside import SERVICE

_SLUG = re.compile(r"[a-z][a-z0-9-]*")


class Places(msgspec.Struct, frozen=True):
    """What course.toml says of where things lie; the rest of it is for `kvmbench grade`."""

    steps: str = ""
    notebooks: str = ""


def places_of(course: Path) -> Places:
    """Read course.toml.

    Raises:
        BadInput: there is none, or it is no TOML.
    """
    file = course / COURSE_FILE
    try:
        found = msgspec.toml.decode(file.read_bytes(), type=Places)
    except OSError as error:
        raise BadInput(
            f"there is no course in {course}: {file.name}: {error.strerror}", _where_to_get_it(course)
        ) from None
    except msgspec.DecodeError as error:
        raise BadInput(f"{file} is no course file: {error}", 'It is TOML, such as: steps = "steps"') from None
    for where in (found.steps, found.notebooks):
        if Path(where).is_absolute() or ".." in Path(where).parts:
            raise BadInput(
                f"{file}: {where} lies outside of the course", "Name directories that lie beside course.toml."
            )
    return found


def _where_to_get_it(course: Path) -> str:
    if not (SERVICE / "bench.json").exists():
        return f"Make one there: kvmbench new-step NAME --in {course}"
    bench = os.environ.get("KVMBENCH_BENCH", "default")
    return (
        "This bench is older than the course and does not show it. On the machine, in a terminal: "
        f"kvmbench bench reset {bench} --mount {course}"
    )


def files_of(course: Path) -> tuple[Path, ...]:
    """The modules of its steps, by their names."""
    where = places_of(course).steps
    found = (course / where).glob("*.py") if where else ()
    return tuple(sorted(path for path in found if not path.name.startswith("_")))


def own_steps(course: Path, plan: Plan, before: Sequence[Step]) -> tuple[Step, ...]:
    """The steps of a course with these numbers, each behind those that it needs.

    Raises:
        BadInput: a module cannot be run, or its step is none; file and line are named.
    """
    made: dict[str, tuple[Path, Step]] = {}
    for path in files_of(course):
        each = _made(path, plan)
        taken = (
            "the tutorial" if each.slug in {step.slug for step in before} else made.get(each.slug, [""])[0]
        )
        if taken:
            raise _wrong(path, "slug=", f"{taken} has a step {each.slug!r} already", _RENAME)
        _look_over(path, each)
        made[each.slug] = (path, each)
    return _in_order(made, [step.slug for step in before])


_RENAME = "Give the step a slug that no other one has."


def _made(path: Path, plan: Plan) -> Step:
    try:
        program = _program(path, path.stat().st_mtime_ns)
        step = program["step"](plan) if "step" in program else program.get("STEP")
    except Exception as error:  # whatever an instructor's module raises, its own line is what helps
        raise _raised(path, error) from error
    if not isinstance(step, Step):
        raise BadInput(
            f"{path}:1: it has no step",
            "Let it have `def step(plan: Plan) -> Step`, or a `STEP`; see kvmbench new-step.",
        )
    return step


@lru_cache(maxsize=64)
def _program(path: Path, changed_ns: int) -> dict[str, Any]:
    """What a module defines; run again when its file has changed."""
    names: dict[str, Any] = {"__name__": f"kvmbench_course_{path.stem}", "__file__": str(path)}
    exec(compile(path.read_text(), str(path), "exec"), names)
    return names


def _raised(path: Path, error: Exception) -> BadInput:
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == str(path) else None
    said = error.what if isinstance(error, KvmbenchError) else f"{type(error).__name__}: {error}"
    hint = error.hint if isinstance(error, KvmbenchError) else f"Mend that line; alone: python {path}"
    return BadInput(f"{path}:{line or (lines or [1])[-1]}: {said}".splitlines()[0], hint)


def _look_over(path: Path, step: Step) -> None:
    """What would only show in class."""
    if not _SLUG.fullmatch(step.slug):
        raise _wrong(path, "slug=", f"{step.slug!r} is no slug", "Take small letters, digits and hyphens.")
    names = [check.name for check in step.checks]
    if not names:
        raise _wrong(path, "checks", f"{step.slug} has no check", "Take one of kvmbench.check.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise _wrong(
            path, "checks", f"two checks are named {twice}", "Give one a name: replace(check, name=…)"
        )
    empty = Snapshot(bench="", taken_at=0.0, namespaces=(Netns(name="", links=()),))
    for check in step.checks:
        outcome = check(empty)
        if outcome.verdict == "failed" and not outcome.hint:
            line = _line_of(check.judge, path)
            raise BadInput(
                f"{path}:{line}: the check {check.name} fails without a hint",
                "Say one thing to try: failed(saw, hint)",
            )
    for mistake in step.mistakes:
        if mistake.check not in names:
            raise _wrong(
                path,
                f'"{mistake.name}"',
                f"the mistake {mistake.name} is told by {mistake.check!r}, which is no check of this step",
                f"Its checks are {', '.join(names)}.",
            )
        if not mistake.hint:
            raise _wrong(
                path, f'"{mistake.name}"', f"the mistake {mistake.name} has no hint", "Quote a part of it."
            )


def _in_order(made: dict[str, tuple[Path, Step]], before: list[str]) -> tuple[Step, ...]:
    """Each behind what it needs, else by the names of their files."""
    known, waiting, ordered = set(before), dict(made), list[Step]()
    while waiting:
        slug = next((slug for slug, (_, step) in waiting.items() if set(step.needs) <= known), None)
        if slug is None:
            path, step = next(iter(waiting.values()))
            need = next(need for need in step.needs if need not in known)
            what = "which needs it too" if need in made else "and there is no such step"
            hint = f"Steps: {', '.join([*before, *made])}."
            raise _wrong(path, f'"{need}"', f"{step.slug} needs {need!r}, {what}", hint)
        known.add(slug)
        ordered.append(waiting.pop(slug)[1])
    return tuple(ordered)


def _wrong(path: Path, word: str, what: str, hint: str) -> BadInput:
    """An error at the first line that has this word."""
    rows = path.read_text().splitlines()
    line = next((number for number, row in enumerate(rows, 1) if word in row), 1)
    return BadInput(f"{path}:{line}: {what}", hint)


def _line_of(judge: Callable[..., object], path: Path) -> int:
    code = getattr(judge, "__code__", None)
    return code.co_firstlineno if code is not None and code.co_filename == str(path) else 1
