"""Many benches with guests at once: how long until all answer, and what they take of the memory."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

from kvmbench.bench import lifecycle
from kvmbench.measure import machine
from kvmbench.measure.clock import seconds
from kvmbench.measure.figures import Samples
from kvmbench.system import run

STEPS = (5, 10, 20)
_AT_ONCE = 4
_GUESTS_EACH = 2
_DEADLINE_S = 300.0


def four(samples: Samples) -> None:
    """What four guests on one bench take, woken and booted."""
    for how, name in (("instant", "bench with four MiB"), ("boot", "bench with four booted MiB")):
        with machine.fresh_bench("four") as bench:
            if machine.on_bench(bench, samples, "hold", "4", how):
                samples.add({name: machine.memory_mib(bench)})


def grow(samples: Samples) -> None:
    """Five benches, then ten, then twenty, with two guests each; the time counts from the first one on."""
    took = 0.0
    with ExitStack() as benches, ThreadPoolExecutor(_AT_ONCE) as pool:
        running: list[lifecycle.Bench] = []
        for count in STEPS:
            fresh = range(len(running), count)

            def start(numbers: range = fresh) -> None:
                made = [benches.enter_context(machine.fresh_bench(f"crowd{number}")) for number in numbers]
                running.extend(made)
                list(pool.map(_hold, made))

            took += seconds(start)
            memory = sum(pool.map(partial(machine.memory_mib), running))
            samples.add({f"crowd {count}": took, f"crowd {count} MiB": memory})


def _hold(bench: lifecycle.Bench) -> None:
    """Start its guests, and leave them running once they answer."""
    # In a process of its own: to enter a bench one has to be single-threaded.
    there = [sys.executable, "-m", "kvmbench.measure.on_bench", "hold", str(_GUESTS_EACH), "instant"]
    line = [sys.executable, "-m", "kvmbench.cli", "exec", "-b", bench.name, "--", *there]
    run(line, timeout_s=_DEADLINE_S, env=dict(os.environ) | {"PYTHONPATH": machine.PACKAGE}).checked()
