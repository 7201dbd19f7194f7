"""Benches for tests, made by whoever runs them and by an ordinary user; their stock holds no guest."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from kvmbench.bench.stock import made_with
from kvmbench.system import Completed, run

ORDINARY = f"kvmbench-{os.getpid()}"
PACKAGE = Path(__file__).resolve().parents[2] / "kvmbench"


@dataclass(frozen=True)
class Person:
    """Somebody who types `kvmbench`: a home, a python that they can read, a directory to work in."""

    name: str
    home: Path
    python: str
    prefix: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return kept | {
            "HOME": str(self.home),
            "KVMBENCH_HOME": str(self.home / "kb"),
            "PYTHONPATH": self.path,
        }

    @property
    def path(self) -> str:
        return str(self.home / "site") if self.prefix else str(PACKAGE.parent)

    @property
    def work(self) -> Path:
        return self.home / "work"

    def command(self, *arguments: str) -> list[str]:
        return [*self.prefix, self.python, "-m", "kvmbench.cli", *arguments]

    def kvmbench(self, *arguments: str, timeout_s: float = 60, cwd: Path | None = None) -> Completed:
        return run(self.command(*arguments), timeout_s=timeout_s, cwd=cwd or self.work, env=self.environment)

    def python_line(self, code: str, timeout_s: float = 60) -> Completed:
        line = [*self.prefix, self.python, "-c", code]
        return run(line, timeout_s=timeout_s, cwd=self.work, env=self.environment)

    def start(self, *arguments: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
        """Start `kvmbench ARGUMENTS` in a session of its own."""
        line = self.command(*arguments)
        return subprocess.Popen(
            line, cwd=self.work, env=self.environment, stdout=stdout, start_new_session=True
        )


def make_person(name: str, home: Path, prefix: tuple[str, ...] = (), python: str = sys.executable) -> Person:
    person = Person(name, home, python, prefix)
    person.work.mkdir(parents=True)
    (home / "kb").mkdir()
    stock = home / "stock"
    stock.mkdir()
    for line in (
        ["qemu-img", "create", "-q", "-f", "qcow2", str(stock / "guest.qcow2"), "64M"],
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stock / "key")],
    ):
        run(line).checked()
    launcher = stock / "qemu-kvm"
    for program in (launcher, stock / "instant"):
        shutil.copy(PACKAGE / "qemu" / program.name, program)
    (home / "kb" / "stock.json").write_text(
        json.dumps(
            {
                "image": str(stock / "guest.qcow2"),
                "image_size_bytes": 64 * 2**20,
                "launcher": str(launcher),
                "key": str(stock / "key"),
                "made_with": made_with(),
                "engine": json.dumps({"engine": "tcg", "reason": "a test"}),
            }
        )
    )
    return person


def ordinary_person(home: Path) -> Person:
    """Somebody without rights, with a copy of kvmbench and of its environment where root's cannot be read."""
    try:
        account = pwd.getpwnam(ORDINARY)
    except KeyError:
        run(["useradd", "--no-create-home", "--home-dir", str(home), ORDINARY]).checked()
        account = pwd.getpwnam(ORDINARY)
    prefix = ("setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--")
    home.mkdir(mode=0o755)
    python = sys.executable
    if not run([*prefix, python, "-c", "import typer, kvmbench"], env={"HOME": str(home)}).ok:
        shutil.copytree(sys.prefix, home / "venv", symlinks=True)
        python = str(home / "venv" / "bin" / "python")
        if not run([*prefix, python, "-c", "import typer"], env={"HOME": str(home)}).ok:
            pytest.fail(
                f"an ordinary user cannot use {Path(sys.executable).resolve()}: take /usr/bin/python3"
            )
    shutil.copytree(PACKAGE, home / "site" / "kvmbench", ignore=shutil.ignore_patterns("__pycache__"))
    person = make_person("ordinary", home, prefix, python)
    run(["chown", "-R", f"{account.pw_uid}:{account.pw_gid}", str(home)]).checked()
    return person


@pytest.fixture(scope="session", params=["self", "ordinary"] if os.geteuid() == 0 else ["self"])
def person(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Whoever runs the tests, and when that is root an ordinary user too."""
    base = Path(f"/tmp/kvmbench-test-{os.getpid()}-{request.param}")
    try:
        yield make_person("self", base) if request.param == "self" else ordinary_person(base)
    finally:
        known = run(["ls", str(base / "kb" / "benches")]).out.split()
        left = Person(request.param, base, sys.executable)
        for name in known:
            destroy_by_root(left, name)
        shutil.rmtree(base, ignore_errors=True)
        if request.param == "ordinary":
            run(["userdel", ORDINARY])


def destroy_by_root(person: Person, name: str) -> None:
    person.kvmbench("bench", "destroy", name)


@pytest.fixture(scope="session")
def shared(person: Person) -> Iterator[str]:
    """One running bench of this person for all tests that leave a bench as it is."""
    person.kvmbench("bench", "create", "shared").checked()
    yield "shared"
    person.kvmbench("bench", "destroy", "shared")


@pytest.fixture
def bench(person: Person, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a fresh running bench of this person, gone afterwards."""
    name = "t" + str(abs(hash(request.node.nodeid)) % 10**8)
    person.kvmbench("bench", "create", name).checked()
    yield name
    person.kvmbench("bench", "destroy", name)


def processes() -> dict[int, str]:
    """Every process of the machine with its command line, apart from the kernel's."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue
            if line:
                found[int(entry.name)] = line
    return found


def traces(lines: Sequence[str] = ()) -> dict[str, str]:
    """What a bench must never change on the machine: links, addresses, routes, rules, sysctls, mounts."""
    looks = {
        "links": "ip -o link",
        "addresses": "ip -o addr",
        "routes": "ip route show table all",
        "rules": "nft list ruleset 2>/dev/null || true",
        "namespaces": "ip netns list",
        "forwarding": "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ping_group_range",
        "mounts": "cat /proc/self/mountinfo",
        "samepage merging": "cat /sys/kernel/mm/ksm/run || true",
        "hostname": "hostname",
        "tun": "stat -c %a%U /dev/net/tun",
    }
    return {name: run(line).out for name, line in looks.items()}
