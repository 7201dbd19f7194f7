"""Commands of somebody who learns: a hint, and how far one is."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from kvmbench.cli.app import BenchOption, JsonOption, app, flags_of, onto_bench


@app.command()
def hint(step: Annotated[str, typer.Argument(help="A step's slug.")], name: BenchOption = None) -> None:
    """A hint for who is stuck at a step; each time it is typed, one degree further."""
    onto_bench(name, "hint", step)
    from kvmbench import learner

    print(learner.hint(step))


@app.command()
def progress(name: BenchOption = None, as_json: JsonOption = False) -> None:
    """The whole course at a glance: points, passed or not, by whom, hints taken."""
    onto_bench(name, "progress", *flags_of(json=as_json))
    from kvmbench import learner

    shown = learner.progress()
    print(json.dumps([asdict(row) for row in shown.rows], indent=2) if as_json else shown)
