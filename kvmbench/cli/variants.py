"""`kvmbench variant`: a student's own numbers, and a bench that asks for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from kvmbench.cli.app import BenchOption, JsonOption, app, bench_of
from kvmbench.errors import BadInput


@app.command()
def variant(
    student: Annotated[str, typer.Option(help="Whose numbers.")],
    key: Annotated[Path, typer.Option(help="A file with the course's key.")],
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
    from kvmbench.course.catalogue import PLAN_FILE
    from kvmbench.course.variants import foreign_values, variant_of
    from kvmbench.model import Snapshot

    secret = _read(key)
    own = variant_of(secret, student)
    if classmates is not None:
        names = [line.strip() for line in _read(classmates).decode().splitlines() if line.strip()]
        others = [variant_of(secret, each) for each in names]
        there = bench_of(name)
        line, environment = enter.own_command(there, "look", "--json")
        looked = enter.capture(there, line, env=environment).checked()
        found = foreign_values(Snapshot.from_json(looked.out), own, others)
        if as_json:
            print(json.dumps([each._asdict() for each in found], indent=2))
        else:
            print("\n".join(each.says for each in found) or "no value of another student is on this bench")
        return
    plan = msgspec.json.encode(own.plan).decode()
    if name is not None:
        write = ["sh", "-c", 'printf "%s\\n" "$1" >"$2"', "sh", plan, str(PLAN_FILE)]
        enter.capture(bench_of(name), write).checked()
    print(plan if as_json else "\n".join(f"{what:<32} {value}" for what, value in own.values().items()))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}", "Look at the file's name.") from error
