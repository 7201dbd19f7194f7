"""Many submissions at once: several processes on this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import msgspec

from kvmbench.errors import BadInput
from kvmbench.grade.task import Task
from kvmbench.system import course_place, run

GUEST_MIB = 400
"""what a guest takes without KVM, with room to spare"""
_SLACK_S = 600

Work = Mapping[str, Callable[[], bytes]]
"""student → how their task is read, encoded"""


def jobs_possible(wanted: int | None, guests: int) -> int:
    """How many submissions fit on this machine at once, by its cores and by the memory of their guests."""
    cores = len(os.sched_getaffinity(0))
    free_mib = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    fitting = max(1, min(cores, free_mib // (500 + GUEST_MIB * guests)))
    return max(1, min(wanted, fitting)) if wanted else fitting


def grade_one(task: bytes, own_course: str = "") -> list[dict[str, Any]]:
    """Grade a submission in a process of its own; whatever becomes of it, records come back.

    `own_course` is the directory of the instructor's own, where this process's environment does not name it.
    """
    told = msgspec.json.decode(task, type=Task)
    limit_s = (told.limits.notebook_s + 120) * max(1, len(told.notebooks)) + _SLACK_S
    line = [sys.executable, "-m", "kvmbench.grade.one", str(os.getpid())]
    environment = dict(os.environ) | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    environment |= {course_place.VARIABLE: own_course} if own_course else {}
    done = run(line, input=task.decode(), timeout_s=limit_s, cwd=Path("/"), env=environment)
    records = _records(done.out)
    if done.ok and records:
        return records
    said = done.err.strip().splitlines() or [f"it ended with code {done.code}"]
    why = said[-1] if "Traceback" in done.err else " ".join(said[-2:])  # an error of ours has two lines
    return [told.named(), {"kind": "trouble", "trouble": f"its grading failed: {why}"[:500]}]


def _records(text: str) -> list[dict[str, Any]]:
    try:
        return [msgspec.json.decode(line, type=dict[str, Any]) for line in text.splitlines()]
    except msgspec.DecodeError:
        return []


def here(work: Work, jobs: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Grade on this machine, so many at a time; what is done comes at once."""
    with ThreadPoolExecutor(jobs, thread_name_prefix="grade") as pool:
        waiting = {pool.submit(lambda read: grade_one(read()), read): name for name, read in work.items()}
        try:
            for future in as_completed(waiting):
                yield waiting[future], _told(future, waiting[future], work)
        finally:
            for future in waiting:
                future.cancel()


def _told(future: Any, student: str, work: Work) -> list[dict[str, Any]]:
    """A submission's records; where grading it failed altogether, that is what they tell."""
    error = future.exception()
    if error is None:
        records: list[dict[str, Any]] = future.result()
        return records
    task = msgspec.json.decode(work[student](), type=Task)
    return [task.named(), {"kind": "trouble", "trouble": f"its grading failed: {error!r}"[:500]}]


def on_cluster(work: Work, address: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Grade on a Dask cluster; a worker that dies has its submissions graded by another one.

    Raises:
        BadInput: Dask is not installed, or nobody answers there.
    """
    try:
        from distributed import Client
        from distributed import as_completed as completed
    except ImportError as error:
        raise BadInput(
            "--cluster needs Dask, which is not installed", "Type: pip install 'kvmbench[cluster]'"
        ) from error
    try:
        client: Any = Client(address, timeout=20)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"no Dask scheduler answers at {address}: {error}",
            "Start one: dask scheduler; then dask worker ADDRESS --nthreads 1 on each machine.",
        ) from error
    own_course = str(course_place.named() or "")  # a worker's environment does not name it
    with client:
        waiting = {
            client.submit(
                grade_one, read(), own_course, key=f"grade-{name}-{os.getpid()}", pure=False, retries=3
            ): name
            for name, read in work.items()
        }
        for future in completed(waiting):
            yield waiting[future], _told(future, waiting[future], work)
