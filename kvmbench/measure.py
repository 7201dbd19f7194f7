"""What benches, kernels, guests, looks, pictures and checks take on this machine: medians of rounds."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kvmbench.bench import enter, lifecycle, stock
from kvmbench.start import passing_bench

ON_BENCH = """
import json, time
from kvmbench import course
from kvmbench.observe import look
from kvmbench.topology import graph, layout, draw, to_svg

def timed(work):
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started

found = {}
seen, found["a full look"] = timed(lambda: look(files=course.files(), images=course.images()))
to_svg(draw(graph(seen)))
_, found["a drawing (SVG)"] = timed(lambda: to_svg(draw(graph(seen))))
results, found["all checks, with their probes"] = timed(lambda: course.check(["all"]))
found["checks passed"] = sum(r.verdict == "passed" for r in results)
print(json.dumps(found))
"""
"""runs on a solved bench, in one Python: what a notebook would wait for"""


@dataclass(frozen=True)
class Figure:
    """A figure: the median of its rounds, in seconds."""

    work: str
    median_s: float
    rounds_s: tuple[float, ...]


def run(*, rounds: int = 3, as_json: bool = False) -> None:
    """Measure, and print the figures."""
    console = Console(stderr=True)
    taken: dict[str, list[float]] = {}
    for number in range(rounds):
        console.print(f"round {number + 1} of {rounds}")
        for work, seconds in _round().items():
            taken.setdefault(work, []).append(seconds)
    figures = [Figure(work, round(statistics.median(all_), 4), tuple(all_)) for work, all_ in taken.items()]
    engine = json.loads(stock.load_or_make().engine).get("engine", "tcg")
    if as_json:
        facts = {"engine": engine, "cpus": os.cpu_count(), "figures": [asdict(figure) for figure in figures]}
        print(json.dumps(facts, indent=2))
        return
    table = Table("work", "median, s", "rounds, s", box=None, pad_edge=False)
    for figure in figures:
        table.add_row(figure.work, f"{figure.median_s:.3f}", " ".join(f"{s:.3f}" for s in figure.rounds_s))
    Console().print(table)
    print(f"{os.cpu_count()} CPUs, guests under {engine}")


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 4)


def _round() -> dict[str, float]:
    """Each figure once, on a bench of its own."""
    name = f"measure-{os.getpid()}"
    found: dict[str, float] = {}
    started = time.perf_counter()
    with passing_bench(name, Path.cwd()) as bench:
        found["a bench, created and ready"] = round(time.perf_counter() - started, 4)
        found["a kernel on it, to its first reply"] = _timed(lambda: _start_kernel("kvmbench", name))
        found["a plain ipykernel, for comparison"] = _timed(lambda: _start_kernel("python3", name))
        _kvmbench(bench, "solve", "bridge")
        found["both guests, started to ssh"] = _timed(lambda: _both_guests(bench))
        _kvmbench(bench, "solve", "all")
        asked, environment = enter.own_command(bench)
        said = enter.capture(bench, [asked[0], "-c", ON_BENCH], env=environment).checked()
        figures = json.loads(said.out)
        passed = figures.pop("checks passed")
        found |= {work: round(seconds, 4) for work, seconds in figures.items()}
        found["a bench, destroyed"] = _timed(lambda: lifecycle.destroy(name))
    print(f"{passed} checks passed", file=sys.stderr)
    return found


def _kvmbench(bench: lifecycle.Bench, *arguments: str) -> None:
    line, environment = enter.own_command(bench, *arguments)
    enter.capture(bench, line, env=environment).checked()


def _start_kernel(kernel: str, bench: str) -> None:
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name=kernel, env=dict(os.environ) | {"KVMBENCH_BENCH": bench})
    client.stop_channels()
    manager.shutdown_kernel(now=True)


BOTH_TO_SSH = """
kvmbench solve guests >/dev/null
for guest in c1 c2; do
    kvmbench exec --guest $guest -- sh -c 'until netstat -ltn | grep -q :22; do usleep 100000; done'
done
"""


def _both_guests(bench: lifecycle.Bench) -> None:
    enter.capture(bench, ["sh", "-ec", BOTH_TO_SSH]).checked()
