"""While the grader looks, nothing on the bench moves; and it looks as an ordinary user as well as as root."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kvmbench.bench import beneath, enter, frozen, lifecycle, room, usage
from kvmbench.bench.lifecycle import Bench
from kvmbench.bench.started import Started
from kvmbench.bench.stock import Stock
from kvmbench.system import run
from tests.bench.conftest import ORDINARY, ordinary_person
from tests.grade.classes import Class, handed_in
from tests.grade.conftest import STRICT

pytestmark = pytest.mark.bench

COUNT = "n=0; while :; do n=$((n+1)); echo $n >/run/count; done"
CHAIN = """
import os
while True:
    try:
        if os.fork():
            os._exit(0)
    except OSError:  # so many wait to be reaped that no more are allowed
        continue
    open("/run/count", "a").write("x")
"""
SPY = """
import os, subprocess
if os.fork() == 0:
    os.setsid()
    while True:  # whoever comes here to look for an instant has the machine's files below this
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                os.stat(f"/proc/{{pid}}/root{path}")
            except OSError:
                continue
            subprocess.run("ip link add br-int type bridge; ip link set br-int up", shell=True)
"""
SECRET = "what only the machine's root may read"


@pytest.fixture
def mover(bench: Bench, request: pytest.FixtureRequest) -> Iterator[Started]:
    started = Started(bench, request.param, STRICT, enter.environment(bench))
    deadline = time.monotonic() + 20
    while not beneath.read(bench.init, "/run/count") and time.monotonic() < deadline:
        time.sleep(0.01)
    yield started
    started.end()


@pytest.mark.parametrize("mover", [["sh", "-c", COUNT], ["python3", "-c", CHAIN]], indirect=True)
def test_what_changes_things_stands_still_during_a_look_and_goes_on_after_it(
    bench: Bench, mover: Started
) -> None:
    with frozen.standing_still(bench, ()):
        before = beneath.read(bench.init, "/run/count")
        time.sleep(0.3)
        assert beneath.read(bench.init, "/run/count") == before
    deadline = time.monotonic() + 20
    while beneath.read(bench.init, "/run/count") == before:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_links_on_a_bench_lead_nowhere_but_to_the_bench(bench: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    script = (
        f"ln -s {secret} /run/a; ln -s /proc/1/root{secret} /run/b; mkfifo /run/c; ln -s / /run/d; cd /run; "
    )
    script += (
        "ln -s ../../../../../../etc/hostname e; umount /run/netns; rmdir /run/netns; ln -s /run /run/netns"
    )
    enter.capture(bench, ["sh", "-c", script])
    assert [beneath.read(bench.init, f"/run/{name}") for name in "abc"] == [None] * 3
    assert beneath.read(bench.init, f"/run/d{secret}") is None
    assert beneath.read(bench.init, "/run/e") == b"still\n"
    assert beneath.network_namespaces(bench.init) == {}


def test_an_image_that_names_a_file_of_the_machine_finds_none(bench: Bench, tmp_path: Path) -> None:
    secret = tmp_path / "secret.raw"
    secret.write_bytes(b"\0" * 65536)
    line = f"qemu-img create -q -u -f qcow2 -F raw -b {secret} /vms/x.qcow2 1M"
    enter.capture(bench, ["sh", "-c", line])
    told = room.run(bench, ["/usr/bin/qemu-img", "info", "--backing-chain", "/vms/x.qcow2"])
    assert told.code == 1
    assert "No such file" in told.err
    assert room.run(bench, ["/usr/bin/qemu-img", "info", "/vms/x.qcow2"]).ok


def test_a_bench_that_is_full_is_full_alone(bench: Bench) -> None:
    done = enter.capture(
        bench, ["sh", "-c", "dd if=/dev/zero of=/vms/x bs=1M count=500; df -m /vms | tail -1"]
    )
    assert "No space left" in done.err
    used = usage.memory_mib(bench)
    assert used is not None
    assert 60 < used < 64 + 40


def test_a_strict_bench_ends_with_its_maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMBENCH_HOME", str(tmp_path / "kb"))
    reading, writing = os.pipe()
    maker = os.fork()
    if maker == 0:
        made = lifecycle.ensure("orphan", Stock(), workdir=Path("/root"), strict=STRICT)
        os.write(writing, str(made.init).encode())
        signal.pause()
    init = int(os.read(reading, 100))
    os.kill(maker, signal.SIGKILL)
    os.waitpid(maker, 0)
    deadline = time.monotonic() + 20
    while lifecycle.status("orphan") == "running":
        assert time.monotonic() < deadline, f"process {init} lives on"
        time.sleep(0.02)
    lifecycle.destroy("orphan")


@pytest.mark.skipif(
    os.geteuid() != 0, reason="whoever runs this is an ordinary user already: see the other tests"
)
def test_an_ordinary_user_grades_too() -> None:
    base = Path(f"/tmp/kvmbench-grade-{os.getpid()}")
    try:
        person = ordinary_person(base)
        made = Class(person.work / "class")
        made.home.mkdir()
        made.set_task(("netns", "bridge"), {"cell_s": 60, "notebook_s": 120})
        made.hand_in("ada", handed_in('solve("netns", "bridge")', "netns", "bridge"))
        made.hand_in("bob", handed_in("!brctl addbr br-int", "netns", "bridge"))
        made.hand_in("spy", handed_in(SPY.format(path=made.submissions), "netns", "bridge"))
        run(["chown", "-R", person.command()[1].partition("=")[2], str(made.home)]).checked()
        words = [str(made.submissions), "-o", str(made.results), "--course", str(made.course)]
        done = person.kvmbench("grade", *words, timeout_s=250)
        assert done.code == 0, done.out + done.err
        assert {name: row["points"] for name, row in made.rows().items()} == {
            "ada": "9",
            "bob": "1",
            "spy": "0",
        }
    finally:
        shutil.rmtree(base, ignore_errors=True)
        run(["userdel", ORDINARY])


def test_limits_are_not_raised_again(bench: Bench) -> None:
    code = "import resource as r; r.setrlimit(r.RLIMIT_NPROC, (10**6, 10**6))"
    started = replace(STRICT, processes=50)
    said = Started(bench, ["sh", "-c", f"python3 -c '{code}' 2>&1"], started, enter.environment(bench))
    heard = b""
    while more := said.hear(30):  # until it has closed its output
        heard += more
    said.end()
    assert b"not allowed to raise" in heard
