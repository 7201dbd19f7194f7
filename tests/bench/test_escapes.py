"""Ways out of a bench that must be closed; each is tried in a way that harms nothing when it is open."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
from pathlib import Path

import pytest

from kvmbench.system import run
from tests.bench.conftest import Person

pytestmark = pytest.mark.bench


def on(person: Person, bench: str, line: str) -> str:
    """What a shell on the bench prints."""
    ended = person.kvmbench("exec", "-b", bench, "--", "sh", "-c", line)
    return ended.out + ended.err


def python_on(person: Person, bench: str, code: str) -> str:
    ended = person.kvmbench("exec", "-b", bench, "--", "/usr/bin/python3", "-c", code)
    return ended.out + ended.err


def test_open_files_of_the_caller_stay_on_the_machine(person: Person, shared: str) -> None:
    """A directory's descriptor would be a door: everything of the machine is reached from it by `..`."""
    door = os.open("/", os.O_RDONLY)
    try:
        for where in ((), ("--outside",)):
            line = person.command("exec", "-b", shared, *where, "--", "sh", "-c", "ls /proc/$$/fd")
            ended = subprocess.run(
                line, env=person.environment, cwd=person.work, pass_fds=(door,), stdout=-1, stdin=-3
            )
            assert ended.stdout.split() == [b"0", b"1", b"2"], where
    finally:
        os.close(door)


WATCH = """
import os, time
seen = set()
end = time.monotonic() + 4
print("watching", flush=True)
while time.monotonic() < end:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = open(f"/proc/{entry}/environ", "rb").read()
                if b"geheim" in text:
                    seen.add(text)
            except OSError:
                pass
print("SEEN" if seen else "nothing")
"""


def test_a_program_on_its_way_in_shows_nothing_of_its_caller(person: Person, shared: str) -> None:
    watch = person.start("exec", "-b", shared, "--", "/usr/bin/python3", "-c", WATCH, stdout=-1)
    assert watch.stdout is not None
    assert watch.stdout.readline() == b"watching\n"
    line = person.command("exec", "-b", shared, "--", "true")
    while watch.poll() is None:
        run(line, env=person.environment | {"TOKEN": "geheim"}, cwd=person.work)
    assert watch.stdout.read() == b"nothing\n"


def test_tokens_of_jupyter_stay_with_jupyter(person: Person, shared: str) -> None:
    given = {"JUPYTER_TOKEN": "geheim", "JPY_API_TOKEN": "geheim", "JUPYTERHUB_API_TOKEN": "geheim"}
    line = person.command("exec", "-b", shared, "--", "env")
    assert "geheim" not in run(line, env=person.environment | given, cwd=person.work).checked().out


WRITES = """
import os
for place in ("/proc/sys", "/sys", "/proc/irq", "/proc/fs", "/proc/sysrq-trigger"):
    for base, directories, files in [("/proc", [], ["sysrq-trigger"])] if "rq-" in place else os.walk(place):
        if base.startswith(("/proc/sys/net", "/proc/sys/user", "/sys/class/net", "/sys/devices/virtual/net")):
            continue
        for name in files:
            path = os.path.join(base, name)
            if os.path.islink(path):
                continue
            try:
                os.close(os.open(path, os.O_WRONLY))
            except OSError:
                continue
            print(path)
"""
OWN = tuple(
    f"/proc/sys/{name}"
    for name in (
        *("kernel/domainname", "kernel/hostname"),
        *("kernel/auto_msgmni", "kernel/msg", "kernel/sem", "kernel/shm", "fs/mqueue/"),
        *("kernel/ns_last_pid", "kernel/pid_max"),
    )
)
"""of the bench's uts, ipc and pid namespaces; undivided, only real root may write"""


def test_only_what_belongs_to_the_bench_can_be_written_in_proc_and_sys(person: Person, shared: str) -> None:
    """Opened for writing, and nothing is written."""
    found = python_on(person, shared, WRITES).split()
    assert [path for path in found if not path.startswith(OWN)] == []


def test_mounts_of_the_bench_are_locked(person: Person, shared: str) -> None:
    """Neither can kvmbench be made writable, nor can be looked under a mount."""
    code = """
import os, subprocess
def can(*line):
    return subprocess.run(line, capture_output=True).returncode == 0
points = [line.split()[4] for line in open("/proc/self/mountinfo")]
for point in points:
    options = "remount,bind,rw"
    before = [l.split()[5] for l in open("/proc/self/mountinfo") if l.split()[4] == point][-1]
    if before.startswith("ro") and can("unshare", "-m", "mount", "-o", options, point):
        print("made writable", point)
    own = ("/proc", "/sys")  # the bench's root mounted these itself, on top of locked ones
    if point not in own and point != "/" and can("unshare", "-m", "umount", "-l", point):
        print("taken away", point)
"""
    assert python_on(person, shared, code) == ""


def test_devices_are_those_of_the_bench(person: Person, shared: str) -> None:
    found = on(person, shared, "find /dev -type b -o -type c | sort").split()
    assert set(found) <= {
        *(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "kvm", "net/tun")),
        *(f"/dev/pts/{name}" for name in ("ptmx", *map(str, range(9)))),
    }
    for line in ("mknod /tmp/d b 254 0", "mount -t devtmpfs none /mnt", "mount -t debugfs none /mnt"):
        assert not person.kvmbench("exec", "-b", shared, "--", "sh", "-c", line).ok, line


KEYS = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
join, add, request = (250, 0, -3, 0), (248, b"user", b"x", b"x", 1, -3), (249, b"user", b"x", None, -3)
for number, *arguments in (join, add, request):
    print(libc.syscall(number, *arguments) < 0)
"""


def test_keyrings_of_the_machine_are_out_of_reach(person: Person, shared: str) -> None:
    """A session's keyring comes along with a process into any namespace (keyrings(7))."""
    assert python_on(person, shared, KEYS).split() == ["True"] * 3


def test_the_callers_terminal_cannot_be_typed_on(person: Person, shared: str) -> None:
    """TIOCSTI would type into the caller's shell, which lives on when the bench's program has ended."""
    code = "import fcntl; fcntl.ioctl(0, 0x5412, b'')"
    line = shlex.join(person.command("exec", "-b", shared, "--", "/usr/bin/python3", "-c", code))
    ended = run(["script", "-qec", line, "/dev/null"], env=person.environment, cwd=person.work)
    assert "Operation not permitted" in ended.out


def test_sockets_that_no_network_namespace_separates_are_refused(person: Person, shared: str) -> None:
    code = "import socket; socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)"
    assert "Address family not supported" in python_on(person, shared, code)


def test_abstract_sockets_of_the_machine_are_out_of_reach(person: Person, shared: str) -> None:
    name = f"kvmbench-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{name}")
        listening.listen()
        code = f"import socket; s = socket.socket(socket.AF_UNIX); print(s.connect_ex('\\0{name}'))"
        assert python_on(person, shared, code) == "111\n"


def test_cgroups_of_the_machine_are_out_of_reach(person: Person, shared: str) -> None:
    """With one, a bench could freeze or kill the terminal that it was started from."""
    line = "unshare -C sh -c 'mount -t cgroup2 none /mnt; find /mnt -writable'; mount -t cgroup2 none /media"
    said = on(person, shared, line)
    assert "cgroup.procs" not in said
    if person.prefix:
        assert "unshare failed" in said


def test_no_other_user_of_the_machine_reads_a_benchs_files(person: Person, shared: str) -> None:
    home = person.home / "kb" / "benches" / shared
    assert home.stat().st_mode & 0o044 == 0


def test_the_creators_environment_stays_outside(person: Person) -> None:
    line = person.command("bench", "create", "bare")
    run(line, env=person.environment | {"TOKEN": "geheim"}, cwd=person.work).checked()
    try:
        look = "cat /proc/*/environ 2>&- | tr '\\0' '\\n' | grep -a geheim"
        assert on(person, "bare", look) == ""
        assert person.kvmbench("exec", "-b", "bare", "--outside", "--", "sh", "-c", look).out == ""
        if person.prefix:  # the first process of a bench that root started cannot be looked into at all
            assert on(person, "bare", "ls -l /proc/1/fd").count("/dev/null") == 3
    finally:
        person.kvmbench("bench", "destroy", "bare").checked()


def test_modules_in_the_working_directory_are_never_run_on_the_machine(
    person: Person, tmp_path: Path
) -> None:
    """Python looks for modules first where it starts, and a bench writes there."""
    marker = person.home / "ran"
    planted = [person.work / name for name in ("json.py", "socket.py", "select.py", "shutil.py", "zlib.py")]
    for path in planted:
        path.write_text(f"import os; os.close(os.open({str(marker)!r}, os.O_CREAT))")
    try:
        kvmbench = "import sys; del sys.path[0]; from kvmbench.cli import main; main()"
        line = [*person.prefix, person.python, "-c", kvmbench, "bench", "create", "planted"]
        ended = run(line, env=person.environment, cwd=person.work)
        assert not marker.exists()
        ended.checked()
    finally:
        for path in planted:
            path.unlink()
        person.kvmbench("bench", "destroy", "planted")
