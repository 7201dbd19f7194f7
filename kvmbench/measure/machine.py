"""Figures that are taken from outside a bench: its making and end, kernels, commands, memory."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kvmbench.bench import enter, lifecycle, stock
from kvmbench.measure.clock import median, seconds
from kvmbench.measure.figures import Samples
from kvmbench.start import passing_bench
from kvmbench.system import run

PACKAGE = str(Path(__file__).resolve().parents[2])
_COMMANDS = {
    "python": ["-c", "pass"],
    "import": ["-c", "import kvmbench"],
    "help": ["-m", "kvmbench.cli", "--help"],
}


def commands(samples: Samples) -> None:
    """What somebody waits for who types `kvmbench` on the machine."""
    for name, words in _COMMANDS.items():
        line = [sys.executable, *words]
        samples.add({name: median(lambda line=line: run(line).checked())})  # type: ignore[misc]


@contextmanager
def fresh_bench(part: str) -> Iterator[lifecycle.Bench]:
    """A bench for one part of a round, so that no part sees what another one left."""
    with passing_bench(f"measure-{part}-{os.getpid()}", Path.cwd()) as bench:
        yield bench


def on_bench(bench: lifecycle.Bench, samples: Samples, *what: str) -> bool:
    """Measure something there. What fails as a whole is told, and the others go on."""
    asked, environment = enter.own_command(bench)
    line = [asked[0], "-m", "kvmbench.measure.on_bench", *what]
    ended = enter.capture(bench, line, env=environment)
    if not ended.ok:
        said = (ended.err.strip().splitlines() or ["it said nothing"])[-1]
        samples.missing[" ".join(what)] = said
        samples.failed.append(f"{' '.join(what)}: {said}")
        print(f"{' '.join(what)}: {said}", file=sys.stderr)
        return False
    found = json.loads(ended.out.splitlines()[-1])
    samples.add(found["taken"], found["missing"])
    return True


def kvmbench(bench: lifecycle.Bench, *arguments: str) -> None:
    """`kvmbench ARGUMENTS` there.

    Raises:
        CommandFailed: it ended badly.
    """
    line, environment = enter.own_command(bench, *arguments)
    enter.capture(bench, line, env=environment).checked()


def bench_and_kernel(samples: Samples) -> None:
    """A bench made and ended, and a notebook's kernel on it beside a plain one."""
    name = f"measure-{os.getpid()}"
    with passing_bench(name, Path.cwd()) as bench:
        samples.add({"bench MiB": memory_mib(bench)})
        samples.add({"kernel": _start_kernel("kvmbench", name)})
        samples.add({"plain kernel": _start_kernel("python3", name)})
    found = stock.load_or_make()
    samples.add({"bench": seconds(lambda: lifecycle.ensure(name, found))})
    samples.add({"bench gone": seconds(lambda: lifecycle.destroy(name))})


def _start_kernel(kernel: str, bench: str) -> float:
    from jupyter_client.manager import start_new_kernel

    environment = dict(os.environ) | {"KVMBENCH_BENCH": bench}
    started: list[Callable[[], None]] = []

    def start() -> None:
        # A plain kernel complains there that it speaks TCP, as plain kernels do.
        manager, client = start_new_kernel(kernel_name=kernel, env=environment, stderr=nowhere)
        started.extend((client.stop_channels, lambda: manager.shutdown_kernel(now=True)))

    with open(os.devnull, "wb") as nowhere:
        took = seconds(start)
        for end in started:
            end()
    return took


def memory_mib(bench: lifecycle.Bench) -> float:
    """The proportional set size of all its processes: what two share counts half for each (proc(5))."""
    return sum(_pss_kib(pid) for pid in _processes(bench)) / 1024


def _processes(bench: lifecycle.Bench) -> list[int]:
    """The keeper, and whoever lives in its pid namespace or in the bench's."""
    inside = {_link(bench.init), _link(bench.keeper)}
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in pids if pid == bench.keeper or _link(pid) in inside]


def _link(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return str(pid)


def _pss_kib(pid: int) -> int:
    """0 for a process that has ended, or that hides its memory from its own user."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
