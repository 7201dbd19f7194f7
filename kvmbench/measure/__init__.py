"""What benches, kernels, guests, looks and checks take here: medians, beside a floor and the peers."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from kvmbench.bench import stock
from kvmbench.errors import BadInput
from kvmbench.measure import crowd, grading, machine
from kvmbench.measure.figures import MARKS, Figure, Samples, as_json, from_json, judged, markdown
from kvmbench.measure.rows import SIZES, rows

Shape = Literal["table", "json", "rows"]
SLOW = 1000
"""of so many hosts the peers are asked once: one of them takes three quarters of a minute"""


def run(*, rounds: int = 3, shape: Shape = "table", peers: bool = False) -> None:
    """Measure, and print the figures: as a table, as JSON, or as the rows of the README's table."""
    engine = json.loads(stock.load_or_make().engine).get("engine", "tcg")
    samples = Samples()
    report = Console(stderr=True)
    for number in range(rounds):
        report.print(f"round {number + 1} of {rounds}")
        _round(samples, engine, peers=peers, first=number == 0)
    facts = {"engine": engine, "cpus": os.cpu_count(), "rounds": rounds, "failed": samples.failed}
    _show(judged(rows(), samples), facts, shape)


def together(files: Sequence[Path], *, shape: Shape = "table") -> None:
    """The medians of several runs that printed JSON.

    Raises:
        BadInput: a file is none of these.
    """
    samples = Samples()
    for file in files:
        samples.add_run(*_read(file))
    _show(judged(rows(), samples), {"runs": len(files)}, shape)


def _read(file: Path) -> tuple[dict[str, float], dict[str, str]]:
    try:
        return from_json(file.read_text())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{file} holds no figures: {error}", "Make one: kvmbench measure --peers --json >FILE"
        ) from error


def _round(samples: Samples, engine: str, *, peers: bool, first: bool) -> None:
    """Each figure once. Every part has a bench of its own, which is gone afterwards."""
    machine.commands(samples)
    machine.bench_and_kernel(samples)
    for count in SIZES:
        with machine.fresh_bench("hosts") as bench:
            machine.on_bench(bench, samples, "hosts", str(count))
            if peers and (first or count < SLOW):
                machine.on_bench(bench, samples, "hosts-peers", str(count))
    with machine.fresh_bench("guests") as bench:
        machine.on_bench(bench, samples, "guests")
        for at_once in ("1", "8"):
            machine.on_bench(bench, samples, "instant", at_once)
        if peers:
            machine.on_bench(bench, samples, "guests-peers", engine)
    crowd.four(samples)
    if first:
        crowd.grow(samples)
    with machine.fresh_bench("tutorial") as bench:
        machine.kvmbench(bench, "solve", "all")
        machine.on_bench(bench, samples, "tutorial")
        machine.on_bench(bench, samples, "changes")
        if peers:
            machine.on_bench(bench, samples, "tutorial-peers")
    grading.one_submission(samples, peers=peers)


def _show(figures: Sequence[Figure], facts: dict[str, object], shape: Shape) -> None:
    if shape == "json":
        print(as_json(figures, facts))
    elif shape == "rows":
        print(markdown(figures))
    else:
        table = Table("", "work", "median", "target", "compared", box=None, pad_edge=False)
        for each in figures:
            compared = "\n".join(other.words() for other in each.compared)
            table.add_row(MARKS[each.met], each.row.work, each.value(), each.target(), compared)
        Console().print(table)
        print(", ".join(f"{name}: {value}" for name, value in facts.items() if value))


__all__ = ["run", "together"]
