"""Submissions that want points for nothing, or want to hurt the run: each is graded on a real bench.

The task is a bridge and a namespace with a cable. An attack earns what the honest state of its bench earns,
and the honest students beside it get what is theirs.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmbench.system import Completed
from tests.grade.classes import START, Class, handed_in, notebook

pytestmark = pytest.mark.bench

TASK = ("bridge", "netns")
HONEST = 2 + 7
BRIDGE = "!ip link add br-int type bridge\n!ip link set br-int up"
"""two points, honestly"""

FAKE_IP = """
import os, subprocess
says = "5: br-int: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master x state UP\\\\n"
fake = "#!/bin/sh\\nprintf '" + says + "'\\nexit 0\\n"
for name in "ip bridge brctl nft iptables iptables-save ping qemu-system-x86_64 dnsmasq".split():
    for place in ("/usr/local/sbin/", "/usr/local/bin/"):
        open(place + name, "w").write(fake)
        os.chmod(place + name, 0o755)
    for place in ("/usr/bin/", "/usr/sbin/"):
        if os.path.exists(place + name):
            subprocess.run(["mount", "--bind", "/usr/local/sbin/" + name, place + name])
open("/etc/ld.so.preload", "w").write("/tmp/evil.so\\n")
os.environ["PATH"] = "/usr/local/sbin:" + os.environ["PATH"]
"""

READ_SECRETS = """
import os, glob, subprocess
leaks = []
for path in {paths!r}:
    try:
        leaks.append(open(path, "rb").read(1) if os.path.isfile(path) else os.listdir(path))
    except OSError:
        pass
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if not os.path.samefile(f"/proc/{{pid}}/root", "/"):
            leaks.append(os.listdir(f"/proc/{{pid}}/root/root"))
    except OSError:
        pass
if leaks:
    subprocess.run("ip link add br-int type bridge; ip link set br-int up", shell=True)
"""

LEFT_BEHIND = """
import os, subprocess
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:  # there for an instant now and then, as often as not when somebody looks
            subprocess.run("ip link add br-int type bridge; ip link del br-int", shell=True, stderr=-3)
    os._exit(0)
"""

SPEAK_FOR_THE_PLAYER = """
import os
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if b"player.py" in open(f"/proc/{pid}/cmdline", "rb").read():
            with open(f"/proc/{pid}/fd/1", "w") as out:
                out.write('{"verdict": "passed"}\\n{"mark": "check-it"}\\n{"mark": ""}\\n' + "x" * 200000)
    except OSError:
        pass
"""

ATTACKS: dict[str, str] = {
    "patches-showtraceback": handed_in(
        "get_ipython().showtraceback = lambda *a, **k: None\nimport sys; sys.excepthook = print", *TASK
    ),
    "hooks-the-input-transformers": handed_in(
        "get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])", *TASK
    ),
    "always-equal": handed_in(
        "class Always:\n    def __eq__(self, other): return True\n"
        "    def __getattr__(self, name): return self\n"
        "    def __bool__(self): return True\n    def __call__(self, *a, **k): return self\n"
        "check = Always()\nimport builtins; builtins.check = check",
        *TASK,
    ),
    "patches-kvmbench": handed_in(
        "import kvmbench.model.outcome as o, kvmbench.check.outcomes as c, kvmbench.course.run as r\n"
        "import kvmbench.observe.look as l\n"
        "o.failed = c.failed = lambda *a, **k: o.Outcome('passed', 'yes')\n"
        "r.judge = lambda *a: ()\nl.look = None",
        *TASK,
    ),
    "edits-the-check": notebook(("start", START), ("work", ""), ("check-it", "print('9 of 9 points')")),
    "deletes-the-check": notebook(("start", START), ("work", "")),
    "hands-in-no-cell": notebook(),
    "fake-programs": handed_in(FAKE_IP, *TASK),
    "speaks-for-the-player": handed_in(SPEAK_FOR_THE_PLAYER, *TASK),
    "forges-results": handed_in(
        "import os, json\nos.makedirs('evidence', exist_ok=True)\n"
        "for name in ('grades.csv', 'results.json', 'evidence/forges-results.evidence', 'manifest.json'):\n"
        "    open(name, 'w').write(json.dumps({'student': 'forges-results', 'earned': 9, 'points': 9}))",
        *TASK,
    ),
    "left-behind": handed_in(LEFT_BEHIND, *TASK),
    "changes-the-clock": handed_in(
        "!date -s '2001-01-01'\nimport time\nfor clock in range(12):\n    try: time.clock_settime(clock, 1)\n"
        "    except Exception: pass",
        *TASK,
    ),
    "kills-everybody": handed_in("import os, signal\nos.kill(-1, signal.SIGKILL)", *TASK),
    "names-its-own-namespace": handed_in(
        "!ip netns add x; umount /run/netns/x; mount --bind /proc/self/ns/net /run/netns/x; "
        "mv /run/netns/x /run/netns/router1; touch /run/netns/router1; "
        "mount --bind /proc/self/ns/net /run/netns/router1; ip link set lo up",
        *TASK,
    ),
}
BOMBS: dict[str, str] = {
    "fork-bomb": handed_in("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", *TASK),
    "memory-bomb": handed_in("held = []\nwhile True: held.append(bytearray(b'x') * (64 << 20))", *TASK),
    "tmpfs-bomb": handed_in(
        "!mount -t tmpfs -o size=64g x /mnt; dd if=/dev/zero of=/mnt/x bs=1M count=60000", *TASK
    ),
    "disk-bomb": handed_in(
        "!for d in /root /vms /etc /tmp /dev/shm /var; do dd if=/dev/zero of=$d/x bs=1M count=60000; done",
        *TASK,
    ),
    "endless-loop": handed_in(
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass", *TASK
    ),
    "prints-for-ever": handed_in("while True: print('x' * 10000)", *TASK),
}
SHADOWS = {
    "kvmbench/__init__.py": "def check(*a): return 'passed'\nsolve = catch_up = check\n",
    "nbclient.py": "raise SystemExit('mine')\n",
    "nbformat/__init__.py": "raise SystemExit('mine')\n",
    "json.py": "raise SystemExit('mine')\n",
    "sitecustomize.py": "raise SystemExit('mine')\n",
    "ipykernel_launcher.py": "print('mine')\n",
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Class, Completed]:
    """All of them in one class, two at a time."""
    room = Class(Path(tmp_path_factory.mktemp("attacks")))
    room.set_task(
        TASK, {"cell_s": 10, "notebook_s": 40, "memory_mib": 1024, "disk_mib": 256, "processes": 150}
    )
    for student, text in (ATTACKS | BOMBS).items():
        room.hand_in(student, text)
    room.hand_in("shadows-modules", handed_in("", *TASK), SHADOWS)
    room.hand_in("zz-honest", handed_in('solve("bridge", "netns")', *TASK))
    room.hand_in("a-half-honest", notebook(("start", START), ("work", BRIDGE)))
    wanted = [room.submissions, room.results, room.course, Path("/root/.bashrc")]
    wanted += [room.home / "kb" / "course.key", room.submissions / "zz-honest.ipynb", Path("/etc/shadow")]
    room.hand_in("reads-secrets", handed_in(READ_SECRETS.format(paths=[str(each) for each in wanted]), *TASK))
    return room, room.kvmbench("grade", "--jobs", "2")


def test_the_run_comes_to_its_end_and_the_honest_get_what_is_theirs(graded: tuple[Class, Completed]) -> None:
    room, done = graded
    assert done.code in (0, 2), done.err
    assert room.rows()["zz-honest"]["points"] == str(HONEST)
    assert room.rows()["a-half-honest"]["points"] == "2"
    assert len(room.rows()) == len(ATTACKS) + len(BOMBS) + 4


@pytest.mark.parametrize("student", [*ATTACKS, *BOMBS, "shadows-modules", "reads-secrets"])
def test_an_attack_earns_nothing(graded: tuple[Class, Completed], student: str) -> None:
    room, _ = graded
    assert room.rows()[student]["points"] == "0", room.records(student)[1]


def test_what_comes_and_goes_by_itself_is_left_to_a_person(graded: tuple[Class, Completed]) -> None:
    room, _ = graded
    looks = [record for record in room.records("left-behind") if record["kind"] == "look"]
    assert looks
    for look in looks:
        assert "kept changing while no cell ran: links" in look["trouble"]
        assert "left a process behind" in look["hint"]
    assert room.rows()["left-behind"]["for a person"] != "0"


SEEN = [student for student in (*ATTACKS, "disk-bomb", "shadows-modules") if student != "left-behind"]


@pytest.mark.parametrize("student", SEEN)
def test_the_state_of_an_attackers_bench_was_seen_all_the_same(
    graded: tuple[Class, Completed], student: str
) -> None:
    room, _ = graded
    looks = [record for record in room.records(student) if record["kind"] == "look"]
    assert looks
    assert any("snapshot" in look for look in looks), looks
    assert room.rows()[student]["for a person"] == "0", room.rows()[student]


@pytest.mark.parametrize("student", ["memory-bomb", "tmpfs-bomb"])
def test_what_takes_too_much_memory_is_stopped_and_left_to_a_person(
    graded: tuple[Class, Completed], student: str
) -> None:
    room, _ = graded
    row = room.rows()[student]
    assert int(row["for a person"]) > 0
    assert "memory" in row["why a person"]


def test_time_in_the_evidence_is_the_machines(graded: tuple[Class, Completed]) -> None:
    room, _ = graded
    times = [record["at"] for record in room.records("changes-the-clock") if "at" in record]
    assert times == sorted(times)
    assert times[-1] - times[0] < 120
    assert times[0] > room.course.stat().st_mtime


def test_evidence_of_another_one_is_refused(graded: tuple[Class, Completed], tmp_path: Path) -> None:
    room, _ = graded
    kept = room.results / "evidence" / "edits-the-check.evidence"
    before = kept.read_bytes()
    try:
        kept.write_bytes((room.results / "evidence" / "zz-honest.evidence").read_bytes())
        assert "evidence of zz-honest" in room.kvmbench("regrade").err
        said = room.kvmbench("verify")
        assert said.code == 1
        assert "edits-the-check.evidence was changed" in said.out
    finally:
        kept.write_bytes(before)
    assert room.kvmbench("verify").code == 0


def test_nothing_of_it_is_left(graded: tuple[Class, Completed]) -> None:
    room, _ = graded
    left = [path.name for path in (room.home / "kb" / "grading").iterdir()]
    assert left == [".lock"]
