"""Faults: drawn, put into a real bench, seen by the right check, and taken back."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kvmbench import course
from kvmbench.course import faults
from kvmbench.errors import BadInput, NoSuchStep
from kvmbench.system import Completed
from tests.course.conftest import OnBench, environment, kvmbench

KEY = bytes(range(32))


def test_each_mistake_of_the_course_is_a_fault_with_a_name_of_its_own() -> None:
    names = [each.name for each in faults.faults()]
    assert len(names) == len(set(names)) == sum(len(step.mistakes) for step in course.steps()) >= 60
    assert faults.fault("bridge/down").mistake.check == "br-int-up"
    assert all(each.to_json()["inject"] and each.to_json()["mend"] for each in faults.faults())


def test_a_misspelt_fault_is_told_with_what_was_meant() -> None:
    with pytest.raises(BadInput, match="Did you mean bridge/down"):
        faults.fault("bridge/dwon")
    with pytest.raises(NoSuchStep):
        faults.faults(["brigde"])


def test_a_student_draws_the_same_fault_again_and_a_class_draws_many() -> None:
    students = [f"student-{number}" for number in range(400)]
    drawn = [faults.mystery(KEY, each).name for each in students]
    assert drawn == [faults.mystery(KEY, each).name for each in students]
    assert drawn != [faults.mystery(KEY[::-1], each).name for each in students]
    pool = {each.name for each in faults.faults(faults.MYSTERIES)}
    assert set(drawn) == pool
    assert Counter(drawn).most_common(1)[0][1] < 40


@pytest.mark.parametrize(("key", "student"), [(b"short", "anna"), (KEY, "")])
def test_a_draw_that_could_be_guessed_is_refused(key: bytes, student: str) -> None:
    with pytest.raises(BadInput, match="16 bytes"):
        faults.mystery(key, student)


@pytest.mark.bench
def test_a_fault_is_put_in_seen_by_its_check_and_mended(bench: OnBench, tmp_path: Path) -> None:
    early = bench.kvmbench("fault", "inject", "bridge/down", "-b", bench.name)
    assert early.err.splitlines()[0].startswith("bridge/down would not be seen: br-int-up does not pass here")
    bench.hand("solve", "netns", "bridge")
    for name in ("bridge/down", "netns/lo-down", "netns/near-end-down", "bridge/misspelt"):
        wanted = faults.fault(name)
        seen = json.loads(bench.kvmbench("fault", "inject", name, "-b", bench.name, "--json").checked().out)
        (told,) = [each for each in seen if each["check"] == wanted.mistake.check]
        assert (told["verdict"], wanted.mistake.hint in told["hint"]) == ("failed", True), told
        twice = bench.kvmbench("fault", "inject", "bridge/down", "-b", bench.name)
        assert (twice.code, twice.err.splitlines()[0]) == (
            2,
            f"there is a fault on bench {bench.name} already",
        )
        mended = json.loads(bench.kvmbench("fault", "mend", "-b", bench.name, "--json").checked().out)
        assert {each["verdict"] for each in mended} == {"passed"}
        everything = bench.hand("check", "netns", "bridge")
        assert {each["verdict"] for each in everything} == {"passed"}


@pytest.mark.bench
@pytest.mark.parametrize("name", ["bridge/down", "bridge/misspelt"])
def test_a_fault_that_fails_half_way_is_taken_back(bench: OnBench, name: str) -> None:
    bench.hand("solve", "bridge")
    with pytest.raises(AssertionError, match="/nowhere"):
        bench.hand("inject_half", *name.split("/"))
    assert {each["verdict"] for each in bench.hand("check", "bridge")} == {"passed"}


SLOW = """
from kvmbench.act import bridge, link
from kvmbench.act.action import Action
from kvmbench.check import bridge_up
from kvmbench.course import Mistake, Step

def mistake(name, line):
    do = (link.down("br-slow"), Action("dawdle", (line,)))
    return Mistake(name, "It was set down.", do, "br-slow-up", "passes nothing", (link.up("br-slow"),))

STEP = Step(
    slug="slow",
    title="Slow",
    goal="Make br-slow.",
    solution=(bridge.add("br-slow"), link.up("br-slow")),
    checks=(bridge_up("br-slow"),),
    mistakes=(mistake("dawdles", "sleep 60"), mistake("fails", "ls /nowhere")),
)
"""


@dataclass(frozen=True)
class Own:
    """A bench of an instructor's own course, whose faults take their time; its step is solved."""

    course: Path
    home: Path
    name: str = "own"

    def kvmbench(self, *words: str) -> Completed:
        return kvmbench(self.home, "--course", str(self.course), *words, "--bench", self.name)

    @property
    def kept(self) -> Path:
        return self.home / "benches" / self.name / "fault.json"

    @property
    def is_up(self) -> bool:
        shown = kvmbench(
            self.home, "exec", "-b", self.name, "--", *["ip", "-br", "link", "show", "up", "dev", "br-slow"]
        )
        return shown.checked().out.startswith("br-slow")


@pytest.fixture
def own(course_home: Path, tmp_path: Path) -> Iterator[Own]:
    (tmp_path / "steps").mkdir()
    (tmp_path / "course.toml").write_text('steps = "steps"\n')
    (tmp_path / "steps" / "slow.py").write_text(SLOW)
    made = Own(tmp_path, course_home)
    kvmbench(made.home, "bench", "create", made.name, "--mount", str(tmp_path)).checked()
    try:
        made.kvmbench("solve", "slow").checked()
        yield made
    finally:
        kvmbench(made.home, "bench", "destroy", made.name).checked()


@pytest.mark.bench
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_fault_leaves_nothing_and_a_killed_one_can_be_mended(
    own: Own, number: signal.Signals
) -> None:
    words = ["--course", str(own.course), "fault", "inject", "slow/dawdles", "--bench", own.name]
    injecting = subprocess.Popen(
        [sys.executable, "-m", "kvmbench.cli", *words],
        cwd=own.home,
        env=environment(own.home),
        start_new_session=True,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while own.is_up and time.monotonic() < deadline:
        time.sleep(0.05)
    assert json.loads(own.kept.read_text())["fault"] == "slow/dawdles"
    os.killpg(injecting.pid, number)
    _, told = injecting.communicate(timeout=60)
    if number == signal.SIGINT:
        assert (injecting.returncode, b"It is taken back" in told) == (130, True), told
    else:
        assert own.kept.exists()
        own.kvmbench("fault", "mend").checked()
    assert own.is_up
    assert not own.kept.exists()


@pytest.mark.bench
def test_a_mystery_of_an_own_course_is_one_of_its_faults_and_a_failing_one_gives_nothing_away(
    own: Own, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KVMBENCH_COURSE", str(own.course))
    assert {each.name for each in faults.mysteries()} == {"slow/dawdles", "slow/fails"}
    student = next(n for n in map(str, range(99)) if faults.mystery(KEY, n).name == "slow/fails")
    key = tmp_path / "course.key"
    key.write_bytes(KEY)
    words = ["fault", "inject", "--mystery", "--student", student, "--key", str(key)]
    failed = own.kvmbench(*words)
    assert (failed.code, failed.out) == (1, "")
    assert failed.err.splitlines()[1].startswith("the fault that was drawn could not be put in")
    assert not {"slow", "fails", "nowhere"} & set(re.findall(r"\w+", failed.err))
    assert own.is_up
    nobody = own.kvmbench("fault", "mend")
    assert "nobody put a fault into bench" in nobody.err
    kvmbench(own.home, "exec", "-b", own.name, "--", "ip", "link", "set", "br-slow", "down").checked()
    unsolved = own.kvmbench(*words)
    assert (unsolved.code, unsolved.out) == (2, "")
    assert unsolved.err.splitlines()[0].endswith("its step is not solved")
    assert not own.is_up  # a fault that is refused changes nothing


@pytest.mark.bench
def test_what_somebody_mended_by_hand_is_mended(bench: OnBench) -> None:
    bench.hand("solve", "bridge")
    bench.kvmbench("fault", "inject", "bridge/misspelt", "-b", bench.name).checked()
    bench.hand("mend", "bridge", "misspelt")
    assert bench.kvmbench("fault", "mend", "-b", bench.name).checked().err == ""


@pytest.mark.bench
def test_a_mystery_does_not_say_what_it_is_nor_does_the_bench_know(bench: OnBench, tmp_path: Path) -> None:
    bench.hand("solve", "netns", "bridge")
    key = tmp_path / "course.key"
    key.write_bytes(KEY)
    solved = {each.name for each in faults.faults(["netns", "bridge"])}
    student = next(n for n in map(str, range(500)) if faults.mystery(KEY, n).name in solved)
    wanted = faults.mystery(KEY, student)
    words = ["fault", "inject", "--mystery", "--student", student, "--key", str(key), "-b", bench.name]
    said = bench.kvmbench(*words).checked()
    assert wanted.name not in said.out + said.err
    assert wanted.mistake.check not in said.out + said.err
    results = bench.hand("check", wanted.step.slug)
    assert [each["verdict"] for each in results if each["check"] == wanted.mistake.check] == ["failed"]
    looked = bench.kvmbench(
        "exec",
        "-b",
        bench.name,
        "--",
        "sh",
        "-c",
        f"grep -rls {wanted.name} /root /run /tmp /etc /var/log; true",
    )
    assert looked.checked().out == ""
    assert bench.kvmbench("fault", "mend", "-b", bench.name).ok
    assert {each["verdict"] for each in bench.hand("check", "netns", "bridge")} == {"passed"}
    nobody = bench.kvmbench("fault", "mend", "-b", bench.name)
    assert (nobody.code, "nobody put a fault into bench" in nobody.err) == (2, True)
