"""A bench of the tests' own with real guests, and a process on it that does what it is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kvmbench.system import Completed, run

_DRIVER = """
import json, re, subprocess, sys
from dataclasses import replace
from itertools import takewhile
from kvmbench import course
from kvmbench.act.action import Action, apply_all
from kvmbench.course import faults
from kvmbench.errors import KvmbenchError

def mistake(slug, name):
    return next(each for each in course.step(slug).mistakes if each.name == name)

def mend(slug, name):
    # Guests are started again and not waited for: the next mistake may not need them.
    apply_all(mistake(slug, name).mend, instant=True)
    apply_all(takewhile(lambda action: not action.awaits, course.step(slug).solution), instant=True)

def inject_half(slug, name):
    whole = faults.fault(f"{slug}/{name}")
    broken = replace(whole.mistake, do=(*whole.mistake.do, Action("fail in the middle", ("ls /nowhere",))))
    faults.inject(replace(whole, mistake=broken))

def shown(line):
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    # How long a packet took is no symptom.
    return re.sub(r"time[= ][0-9.]+ ?ms|rtt .*|round-trip .*", "", done.stdout) + str(done.returncode)

DO = {
    "shown": shown,
    "inject_half": inject_half,
    "check": lambda *slugs: [result.to_json() for result in course.check(list(slugs))],
    "solve": lambda *slugs: [list(done.ran) for done in course.solve(list(slugs))],
    "catch_up": lambda slug: [list(done.ran) for done in course.catch_up(slug)],
    "mistake": lambda slug, name: len(apply_all(mistake(slug, name).do, instant=True)),
    "mend": mend,
}
for line in sys.stdin:
    verb, *words = json.loads(line)
    try:
        answer = {"answer": DO[verb](*words)}
    except KvmbenchError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
"""


@dataclass
class Hand:
    """A process on a bench."""

    process: subprocess.Popen[str]

    def __call__(self, verb: str, *words: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([verb, *words]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["answer"]


@dataclass(frozen=True)
class OnBench:
    """The bench of a test module, as `kvmbench` sees it."""

    name: str
    home: Path
    hand: Hand

    def kvmbench(self, *words: str, timeout_s: float = 300, input: str = "") -> Completed:
        return kvmbench(self.home, *words, timeout_s=timeout_s, input=input)


def kvmbench(home: Path, *words: str, timeout_s: float = 300, input: str = "") -> Completed:
    argv = [sys.executable, "-m", "kvmbench.cli", *words]
    return run(argv, timeout_s=timeout_s, input=input, cwd=home, env=environment(home))


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "KVMBENCH_HOME": str(home)}


def started(home: Path, words: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kvmbench.cli", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=home,
        env=environment(home),
    )


@pytest.fixture(scope="session")
def course_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory of the tests' own; the guest image is that of this user's cache."""
    home = tmp_path_factory.mktemp("course")
    (home / "work").mkdir()
    return home


@pytest.fixture(scope="module")
def bench(course_home: Path) -> Iterator[OnBench]:
    """A fresh bench for the tests of a module, which build upon one another."""
    name = "course"
    kvmbench(course_home, "bench", "reset", name).checked()
    process = started(course_home, ["exec", "--bench", name, "--", sys.executable, "-c", _DRIVER])
    try:
        yield OnBench(name, course_home, Hand(process))
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=20)
        kvmbench(course_home, "bench", "destroy", name).checked()
