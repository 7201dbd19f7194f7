"""Made-up submissions of mixed quality, and a program that has a class of them graded in every way.

    python -m tests.grade.forty [STUDENTS]

grades them with --jobs 2, on a Dask cluster of two workers that were started by themselves, and once more
while one of these is killed; compares the three, and prints how long a submission took beside its notebook.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from kvmbench.grade import rubric
from kvmbench.grade.scoring import score
from kvmbench.system import run
from tests.grade.classes import START, Class, handed_in, notebook

TASK = ("veth", "netns", "bridge")
LINES = (
    "ip link add vethm.1 type veth peer name vethm.2",
    "ip link set vethm.1 up",
    "ip netns add router1",
    "ip link set vethm.2 netns router1",
    "ip address add 10.2.2.1/24 dev vethm.1",
    "ip -n router1 address add 10.2.2.2/24 dev vethm.2",
    "ip -n router1 link set vethm.2 up",
    "ip -n router1 link set lo up",
    "brctl addbr br-int",
    "ip link set br-int up",
)
SLIPS = (
    ("10.2.2.1/24", "10.2.2.1/16"),
    ("10.2.2.2/24", "10.2.2.3/24"),
    ("br-int", "br-ext"),
    ("router1", "router2"),
    ("vethm.2 up", "vethm.2 down"),
)


def work_of(number: int) -> str:
    """What student `number` typed: some lines left out, some with a slip, some twice; always the same."""
    chance = random.Random(number)
    quality = chance.choice((0.4, 0.8, 0.95, 1.0))
    typed = [line for line in LINES if chance.random() <= quality]
    if chance.random() > quality:
        wrong, slip = chance.choice(SLIPS)
        typed = [line.replace(wrong, slip) for line in typed]
    return "\n".join(f"!{line}" for line in typed) or "# nothing yet"


def hand_in(room: Class, students: int) -> None:
    """One in ten hands in something odd: an endless loop, a crash, no check, no notebook at all."""
    odd = (
        handed_in("while True: pass", *TASK),
        handed_in("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", *TASK),
        notebook(("start", START), ("work", work_of(0))),
        "this is no notebook",
    )
    room.set_task(TASK, {"cell_s": 60, "notebook_s": 150, "processes": 200})
    for number in range(students):
        text = odd[number // 10 % 4] if number % 10 == 9 else handed_in(work_of(number), *TASK)
        room.hand_in(f"student-{number:02}", text)


@contextmanager
def cluster(room: Class) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A Dask scheduler and two workers, each a process that was started by itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    port = address.rpartition(":")[2]
    worker = ["worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    lines = [["scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"], worker, worker]
    started = []
    with (room.home / "cluster.log").open("ab") as log:
        for verb, *words in lines:
            program = [sys.executable, "-m", f"distributed.cli.dask_{verb}", *words]
            started.append(
                subprocess.Popen(program, cwd=room.home, env=room.environment, stdout=log, stderr=log)
            )
    try:
        yield address, started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()


def kill_one_in_the_middle(room: Class, workers: list[subprocess.Popen[bytes]], after: int) -> None:
    """SIGKILL a worker when so many submissions are done."""
    deadline = time.monotonic() + 600
    while len(list((room.results / "evidence").glob("*.evidence"))) < after and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(workers[0].pid, signal.SIGKILL)


def table(room: Class) -> str:
    return (room.results / "grades.csv").read_text()


def main() -> None:
    students = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    room = Class(Path(tempfile.mkdtemp(prefix="kvmbench-forty-")))
    hand_in(room, students)
    tables, seconds = {}, {}
    began = time.monotonic()
    room.kvmbench("grade", "--jobs", "2", timeout_s=3600)
    tables["--jobs 2"], seconds["--jobs 2"] = table(room), time.monotonic() - began
    _print_times(room)
    with cluster(room) as (address, workers):
        for name in ("--cluster", "--cluster, a worker killed"):
            room.results.rename(room.home / f"results-{len(tables)}")
            began = time.monotonic()
            grading = subprocess.Popen(
                room.command("grade", "--cluster", address), cwd=room.home, env=room.environment
            )
            if "killed" in name:
                kill_one_in_the_middle(room, workers, students // 3)
            grading.wait(3600)
            tables[name], seconds[name] = table(room), time.monotonic() - began
    for name, text in tables.items():
        same = "the same table" if text == tables["--jobs 2"] else "ANOTHER TABLE"
        print(f"{name}: {students} submissions in {seconds[name]:.1f} s; {same}")


def _print_times(room: Class) -> None:
    chosen = rubric.load(room.course)
    scores = [
        score(path.stem, room.records(path.stem), chosen) for path in sorted(room.submissions.iterdir())
    ]
    whole = median(each.seconds for each in scores)
    looks = median(each.seconds_of_looks for each in scores)
    alone = []
    for path in sorted(room.submissions.iterdir())[:3]:
        told = run([sys.executable, "-m", "kvmbench.cli", "tour", str(path), "--json"], env=room.environment)
        alone += [each["seconds"] for each in json.loads(told.out)]
    print(f"a submission: {whole:.1f} s (of these looks from outside {looks:.2f} s), medians;")
    print(f"its notebook alone, on a bench of its own: {median(alone):.1f} s")


if __name__ == "__main__":
    main()
