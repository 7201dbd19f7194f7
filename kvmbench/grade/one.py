"""Grades one submission in a process of its own: a bench for each notebook, the run, the looks, the evidence.

    python -m kvmbench.grade.one PARENT  < task (JSON)  > records of the evidence (JSON, a line each)

It has one thread, as it enters namespaces, and takes along all that it started when it ends.
"""

from __future__ import annotations

import base64
import fcntl
import os
import platform
import shutil
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from kvmbench import __version__
from kvmbench.bench import enter, lifecycle, linux, places, stock
from kvmbench.bench.lifecycle import Bench
from kvmbench.bench.stock import Stock
from kvmbench.bench.strict import Strict
from kvmbench.course.own import files_of
from kvmbench.course.variants import plan_written
from kvmbench.errors import BenchError, KvmbenchError
from kvmbench.grade import run
from kvmbench.grade.look import Wanted, look
from kvmbench.grade.run import Stopped
from kvmbench.grade.steps import steps_of
from kvmbench.grade.task import Notebook, Task
from kvmbench.system import course_place
from kvmbench.system import run as run_program
from kvmbench.system.limits import Group, Limits, group

WORK = "work"
"""the submission's directory below the home of the bench's root"""
_KEEPER_MIB = 256
"""what a bench itself takes, and the grader's watch should find out first"""


def main() -> int:
    """Read the task, write the records."""
    linux.die_with_parent(signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        return 1  # it was gone before
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    records = grade(task, stock.load_or_make())
    for record in records:
        sys.stdout.write(msgspec.json.encode(record).decode() + "\n")
    return 0


def grade(task: Task, goods: Stock) -> list[dict[str, Any]]:
    """Run a submission, look, and write down what was seen."""
    with _directory() as home:
        os.environ["KVMBENCH_HOME"] = str(home)
        records = [_head(task, goods)]
        for number, notebook in enumerate(task.notebooks):
            if notebook.file is not None:
                records += _notebook(task, notebook, goods, f"g{number}")
        return [*records, {"kind": "end", "at": time.time()}]


class _directory:  # noqa: N801 (it is used as a function)
    """A data directory for the time of one submission; those of processes that were killed are removed."""

    def __enter__(self) -> Path:
        base = places.data_directory() / "grading"
        base.mkdir(parents=True, exist_ok=True)
        with open(base / ".lock", "w") as one_at_a_time:
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
            for left in base.iterdir():
                if left.is_dir():
                    self._remove(left)
            self.path = base / f"{os.getpid()}"
            self.path.mkdir()
            self.lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self.lock, fcntl.LOCK_EX)
        return self.path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)

    def _remove(self, left: Path) -> None:
        """Its owner holds the lock as long as it lives, and the kernel lets go of it then."""
        with suppress(OSError):
            lock = os.open(left / "lock", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
                with suppress(BenchError):  # where there are no groups to make, there is none to remove
                    group(f"grading-{left.name}", Limits()).remove()
            finally:
                os.close(lock)


def _head(task: Task, goods: Stock) -> dict[str, Any]:
    qemu = run_program(["/usr/bin/qemu-system-x86_64", "-version"]).out.splitlines()
    return task.named() | {
        "course": task.course,
        "limits": msgspec.to_builtins(task.limits),
        "versions": {
            "kvmbench": __version__,
            "python": platform.python_version(),
            "kernel": platform.release(),
            "qemu": qemu[0] if qemu else "",
            "engine": goods.engine,
        },
        "machine": platform.node(),
        "at": time.time(),
    }


def _notebook(task: Task, notebook: Notebook, goods: Stock, name: str) -> list[dict[str, Any]]:
    """One notebook on a bench of its own."""
    records: list[dict[str, Any]] = []
    log: list[dict[str, Any]] = []
    began = time.monotonic()
    looks_s, ended, late = 0.0, "", ""
    group = _group(task)
    strict = replace(task.limits.strict, groups=tuple(map(str, group.directories)) if group else ())
    bench = _furnished(task, goods, name, strict)
    try:
        player = run.Player(bench, f"/root/{WORK}/{notebook.file}", task.limits, strict, list(notebook.marks))
        try:
            for said in player.lines():
                log.append(said)
                if "mark" in said:
                    before = time.monotonic()
                    records.append(_looked(bench, goods, task, notebook, str(said["mark"])))
                    looks_s += time.monotonic() - before
                    player.go_on(time.monotonic() - before)
        except Stopped as stop:
            ended = stop.why
            if not stop.bench_gone:
                before = time.monotonic()
                records.append(_looked(bench, goods, task, notebook, ""))
                looks_s += time.monotonic() - before
        finally:
            late = player.late
            player.end()
    finally:
        with suppress(KvmbenchError):
            lifecycle.destroy(name)
        bench.let_go()
        if group is not None:
            group.remove()
    seconds = {"all": round(time.monotonic() - began, 2), "looks": round(looks_s, 2)}
    return [
        {
            "kind": "run",
            "notebook": notebook.name,
            "ended": ended,
            "late": late,
            "seconds": seconds,
            "said": log[:500],
        },
        *records,
    ]


def _group(task: Task) -> Group | None:
    """A control group for a bench, where this user may make one; elsewhere the grader watches alone."""
    most = Limits(memory_mib=task.limits.memory_mib + _KEEPER_MIB, processes=task.limits.processes)
    try:
        return group(f"grading-{os.getpid()}", most)
    except BenchError:
        return None


def _furnished(task: Task, goods: Stock, name: str, strict: Strict) -> Bench:
    """A fresh strict bench with the files that were handed in, and the student's numbers.

    The numbers are for the notebook's own checks. No look reads them: they are the submission's to change.
    """
    home = places.benches_directory() / name
    for path, text in task.files.items():
        file = home / "home" / WORK / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(text))
    own = course_place.named()
    if own is not None:
        for module in files_of(own):
            shown = home / "home" / run.COURSE / module.relative_to(own)
            shown.parent.mkdir(parents=True, exist_ok=True)
            shown.write_bytes(module.read_bytes())
        (home / "home" / run.COURSE / course_place.COURSE_FILE).write_bytes(
            (own / course_place.COURSE_FILE).read_bytes()
        )
    bench = lifecycle.ensure(name, goods, workdir=Path("/root") / WORK, strict=strict)
    if task.variant is not None:
        enter.capture(bench, plan_written(task.variant.plan)).checked()
    return bench


def _looked(bench: Bench, goods: Stock, task: Task, notebook: Notebook, mark: str) -> dict[str, Any]:
    """A look behind a marked cell, or at the end for all steps of the notebook."""
    slugs = notebook.marks.get(mark, notebook.steps)
    steps = steps_of(slugs, task.variant)
    wanted = Wanted(
        probes=tuple(dict.fromkeys(probe for step in steps for probe in step.probes)),
        images=tuple(dict.fromkeys(path for step in steps for path in step.images)),
        files=tuple(dict.fromkeys(path for step in steps for path in step.files)),
    )
    record: dict[str, Any] = {"kind": "look", "notebook": notebook.name, "mark": mark, "steps": slugs}
    try:
        seen = look(bench, goods, wanted)
    except KvmbenchError as error:
        return record | {"at": time.time(), "trouble": error.what, "hint": error.hint}
    except OSError as error:
        ended = f"the bench ended, perhaps for want of memory, while it was looked at ({error})"
        return record | {"at": time.time(), "trouble": ended}
    snapshot = msgspec.json.decode(seen.snapshot.to_json())
    return record | {"at": seen.snapshot.taken_at, "snapshot": snapshot, "remarks": seen.remarks}


if __name__ == "__main__":
    sys.exit(main())
