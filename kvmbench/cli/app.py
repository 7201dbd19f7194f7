"""The command line's frame: the application, the options that commands share, and the way onto a bench."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kvmbench.bench import places
from kvmbench.errors import BadInput
from kvmbench.system import course_place

if TYPE_CHECKING:
    from kvmbench.bench.lifecycle import Bench

app = typer.Typer(
    help="A disposable Linux host for learning how virtual machines and their networks work.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
BenchOption = Annotated[
    str | None, typer.Option("--bench", "-b", help="Which bench; `default` when not given.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Steps = Annotated[list[str] | None, typer.Argument(help="Steps by their slugs; see `kvmbench steps`.")]
Command = Annotated[list[str], typer.Argument(help="The command and its arguments, behind `--`.")]


def _find(name: str) -> None:
    """Raise NoSuchBench, with the way to make it, where there is none of that name."""
    from kvmbench.bench import lifecycle

    if not (places.benches_directory() / places.checked_name(name)).exists():
        lifecycle.find(name)


def bench_of(name: str | None, workdir: Path | None = None) -> Bench:
    """The running bench; the default one is made when it is missing, and an ended one is started again."""
    from kvmbench.bench import lifecycle, stock

    if name:
        _find(name)
    shown = workdir or course_place.named()
    bench = lifecycle.ensure(name or places.DEFAULT, stock.load_or_make(), workdir=shown)
    if bench.lost:
        print(f"{bench.lost}\nIt was started again.", file=sys.stderr)
    return bench


def onto_bench(name: str | None, *arguments: str) -> None:
    """Carry the command out on the bench, unless the caller is on it already: then just go on.

    It does not come back where the bench has to be entered first.
    """
    here = places.on_bench()
    if here is None:
        from kvmbench.bench import enter

        there = bench_of(name)
        line, environment = enter.own_command(there, *arguments)
        sys.exit(enter.run(there, line, env=environment, cwd=str(Path.cwd())))
    if name not in (None, here):
        raise BadInput(
            f"this is bench {here!r}, and from a bench no other one can be reached",
            "Leave out --bench, or type it on the machine itself.",
        )


def flags_of(**flags: bool) -> list[str]:
    return [f"--{name}" for name, given in flags.items() if given]
