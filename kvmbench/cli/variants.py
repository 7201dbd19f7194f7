"""`kvmbench variant`: a student's own numbers, and a bench that asks for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvmbench.cli.app import BenchOption, JsonOption, app, bench_of
from kvmbench.errors import BadInput

if TYPE_CHECKING:
    from kvmbench.grade.variants import ClassVariants


@app.command()
def variant(
    student: Annotated[str, typer.Option(help="Whose numbers.")],
    key: Annotated[Path | None, typer.Option(help="A file with the course's key.")] = None,
    course: Annotated[
        Path | None,
        typer.Option(
            help="The course file whose [variants] name the key and the ranges, or its directory.",
            show_default=False,
        ),
    ] = None,
    name: BenchOption = None,
    classmates: Annotated[
        Path | None,
        typer.Option("--class", help="A file with a student a line: whose values are on the bench?"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print a student's own numbers; with --bench, solve, check, script and steps there go by them."""
    import msgspec

    from kvmbench.bench import enter
    from kvmbench.course.variants import plan_written
    from kvmbench.model import Snapshot

    drawn = _drawn(key, course)
    own = drawn.of(student)
    if classmates is not None:
        names = [line.strip() for line in _read(classmates).decode().splitlines() if line.strip()]
        there = bench_of(name)
        line, environment = enter.own_command(there, "look", "--json")
        looked = enter.capture(there, line, env=environment).checked()
        found = drawn.foreign(student, [Snapshot.from_json(looked.out)], names)
        if as_json:
            print(json.dumps([each._asdict() for each in found], indent=2))
        else:
            print("\n".join(each.says for each in found) or "no value of another student is on this bench")
        return
    plan = msgspec.json.encode(own.plan).decode()
    if name is not None:
        enter.capture(bench_of(name), plan_written(own.plan)).checked()
    print(plan if as_json else "\n".join(f"{what:<32} {value}" for what, value in own.values().items()))


def _drawn(key: Path | None, course: Path | None) -> ClassVariants:
    """How numbers are drawn: by a key alone, or as a course file says, else that of the course in use."""
    from kvmbench.grade import rubric
    from kvmbench.grade.rubric import course_file
    from kvmbench.grade.variants import ClassVariants

    if course is None and key is not None:
        return ClassVariants(_read(key))
    file = course_file(course)
    drawn = rubric.load(file).variants if file is not None else None
    if drawn is None or key is not None:
        raise BadInput(
            "whose key draws the numbers is not told, or told twice",
            "Give either --key FILE, or --course FILE with a table [variants] in it.",
        )
    return drawn


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}", "Look at the file's name.") from error
