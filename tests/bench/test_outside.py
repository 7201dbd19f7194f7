"""The outside host goes on, whatever a bench sends it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmbench.system import run
from tests.bench.conftest import Person

pytestmark = pytest.mark.bench

ASK = """
import json, os, socket, time
def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect("/run/kvmbench/service/outside.sock")
    return s
def ask(s, *argv, streams=(0, 1, 2)):
    socket.send_fds(s, [json.dumps({"argv": argv, "env": {"PATH": "/usr/bin"}}).encode()], list(streams))
"""
NONSENSE = {
    "descriptors with nonsense": """
for number in range(100):
    s = connect()
    socket.send_fds(s, [b"{"], [0, 1, 2])
    s.close()
""",
    "two questions on one line": """
s = connect()
ask(s, "sleep", "0.1"); ask(s, "sleep", "0.3")
time.sleep(0.6)
""",
    "hanging up at once": """
for number in range(40):
    s = connect()
    ask(s, "true")
    s.close()
""",
    "more callers than descriptors": """
held = []
try:
    for number in range(200):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.setblocking(False)
        for again in range(100):
            try:
                s.connect("/run/kvmbench/service/outside.sock")
                break
            except BlockingIOError:
                time.sleep(0.01)
        held.append(s)
except OSError:
    pass
for s in held:
    s.close()
""",
    "only two descriptors": 's = connect(); ask(s, "true", streams=(0, 1)); print(s.recv(10))',
    "a word with a zero": 's = connect(); ask(s, "a\\0b"); print(s.recv(10))',
    "a variable with a sign": """
s = connect()
socket.send_fds(s, [b'{"argv": ["true"], "env": {"a=b": "", "": ""}}'], [0, 1, 2])
print(s.recv(10))
""",
}


@pytest.fixture(scope="module")
def tight(person: Person) -> Iterator[str]:
    """A running bench whose keeper may open no more than 100 files."""
    line = ["prlimit", "--nofile=100", "--", *person.command("bench", "create", "tight")]
    run(line, env=person.environment, cwd=person.work).checked()
    yield "tight"
    person.kvmbench("bench", "destroy", "tight")


@pytest.mark.parametrize("code", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_does_not_end_the_outside_host(person: Person, tight: str, code: str) -> None:
    bench = tight
    keeper = json.loads((person.home / "kb" / "benches" / bench / "bench.json").read_text())["keeper"]
    before = len(list(Path(f"/proc/{keeper}/fd").iterdir()))
    ended = person.kvmbench("exec", "-b", bench, "--", "/usr/bin/python3", "-c", ASK + code)
    assert "Traceback" not in ended.err
    again = person.kvmbench("exec", "-b", bench, "--outside", "--", "hostname")
    assert (again.code, again.out, again.err) == (0, "outside\n", "")
    assert person.kvmbench("exec", "-b", bench, "--", "curl", "-s", "-m5", "http://172.16.0.1/").ok
    assert len(list(Path(f"/proc/{keeper}/fd").iterdir())) <= before + 1


def test_descriptors_of_the_keeper_stay_few_and_its_dead_are_collected(person: Person, shared: str) -> None:
    keeper = json.loads((person.home / "kb" / "benches" / shared / "bench.json").read_text())["keeper"]
    before = len(list(Path(f"/proc/{keeper}/fd").iterdir()))
    code = (
        "for number in range(200):\n    s = connect(); ask(s, 'true'); assert s.recv(9) == b'0'; s.close()\n"
    )
    person.kvmbench("exec", "-b", shared, "--", "/usr/bin/python3", "-c", ASK + code).checked()
    assert len(list(Path(f"/proc/{keeper}/fd").iterdir())) <= before + 1
    children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
    assert len(children) == 2, "the web server and the bench's first process"


def test_a_thousand_short_processes_and_a_fork_bomb_leave_no_dead(person: Person, bench: str) -> None:
    """The bomb is limited for the bench's user; the keeper, which is the same user, lives through it."""
    bomb = """
import os, resource, time
resource.setrlimit(resource.RLIMIT_NPROC, (60, 60))
for number in range(12):
    try:
        os.fork()
    except OSError:
        pass
time.sleep(0.5)
"""
    lines = (
        "for n in $(seq 1000); do (true &) ; done",
        f"/usr/bin/python3 -c '{bomb}'; true",
    )
    for line in lines:
        person.kvmbench("exec", "-b", bench, "--", "sh", "-c", line)
    deadline = time.monotonic() + 10
    while (left := person.kvmbench("exec", "-b", bench, "--", "ps", "-eo", "stat,args").out).count("\n") > 3:
        assert time.monotonic() < deadline, left
    assert "Z" not in left
    assert person.kvmbench("exec", "-b", bench, "--outside", "--", "true").err == ""
