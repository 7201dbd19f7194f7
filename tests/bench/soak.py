"""Benches made, used and destroyed in parallel, with SIGKILLs at random: counts before and after.

    python -m tests.bench.soak MINUTES [WORKERS] [SEED]

Half of the benches are made by this very process, which so shows its own descriptors and memory; half by
`kvmbench bench create`, which may be killed while it works. All lies in a directory of its own, by which
processes and mounts are told from those of others: each process on a bench has it in its environment, as
KVMBENCH_HOME. Machine-wide counts are printed too: they move with whatever else runs there.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from kvmbench.bench import lifecycle
from kvmbench.bench.stock import Stock
from kvmbench.errors import KvmbenchError
from kvmbench.qemu import launcher

LIFE = """
brctl addbr br-int && ifconfig br-int 10.1.1.254/24 up
ip netns add router1; ip link add vethm.1 type veth peer name vethm.2; ip link set vethm.2 netns router1
iptables -t nat -A POSTROUTING -o ens33 -j MASQUERADE; sysctl -qw net.ipv4.ip_forward=1
kvmbench hosts 10 >/dev/null
dnsmasq -i br-int -F 10.1.1.11,10.1.1.100 -O 3,10.1.1.254
mkdir -p /etc; printf '#!/bin/sh\\nip link set $1 up; brctl addif br-int $1\\n' >/etc/qemu-ifup
chmod +x /etc/qemu-ifup
/usr/libexec/qemu-kvm -name c1 -m 64 -net nic,model=virtio,macaddr=52:54:00:00:00:01 \\
    -net tap,script=/etc/qemu-ifup,downscript=no -vnc none -daemonize
kvmbench look --json >/dev/null
echo alive; exec sleep 300
"""
"""what a bench in use holds; the guest has no disk and waits in its BIOS"""
_SETTLE_S = 30.0


@dataclass(frozen=True)
class Counts:
    """What there is of the soak's own, and on the whole machine."""

    processes: int
    mounts: int
    files: int
    descriptors: int
    threads: int
    resident_mib: float
    machine: dict[str, int]

    def own(self) -> tuple[int, ...]:
        return self.processes, self.mounts, self.files


def counted(home: Path) -> Counts:
    """Count now; `home` is the soak's directory."""
    return Counts(
        processes=len(processes_of(home)),
        mounts=sum(str(home) in line for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        files=sum(1 for _ in (home / "kb" / "benches").rglob("*")),
        descriptors=len(os.listdir("/proc/self/fd")),
        threads=threading.active_count(),
        resident_mib=_kib("/proc/self/status", "VmRSS") / 1024,
        machine={
            "processes": sum(entry.isdigit() for entry in os.listdir("/proc")),
            "mounts": len(Path("/proc/self/mountinfo").read_text().splitlines()),
            "links": len(os.listdir("/sys/class/net")),
            "namespaces": len(_namespaces()),
            "open files": int(Path("/proc/sys/fs/file-nr").read_text().split()[0]),
            "network namespaces in the kernel": _slab("net_namespace"),
            "memory in use, MiB": (_kib("/proc/meminfo", "MemTotal") - _kib("/proc/meminfo", "MemAvailable"))
            // 1024,
        },
    )


def processes_of(home: Path) -> dict[int, str]:
    """Every other process that carries the directory in its command line or in its environment."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            told = Path(f"/proc/{entry}/cmdline").read_bytes() + Path(f"/proc/{entry}/environ").read_bytes()
            if str(home).encode() in told and int(entry) != os.getpid():
                found[int(entry)] = told.split(b"\0", 1)[0].decode(errors="replace")
    return found


def _namespaces() -> set[str]:
    found = set()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        for kind in ("net", "mnt", "pid", "user"):
            with suppress(OSError):
                found.add(os.readlink(f"/proc/{entry}/ns/{kind}"))
    return found


def _slab(name: str) -> int:
    """How many objects of a kind the kernel holds; 0 where only root may know."""
    with suppress(OSError):
        for line in Path("/proc/slabinfo").read_text().splitlines():
            if line.startswith(f"{name} "):
                return int(line.split()[1])
    return 0


def _kib(path: str, name: str) -> int:
    lines = Path(path).read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


@dataclass
class Soak:
    """Its directory, and what happened."""

    home: Path
    stock: Stock
    until: float
    happened: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)

    def worker(self, number: int, chance: random.Random) -> None:
        name = f"soak-{number}"
        while time.monotonic() < self.until:
            try:
                self._one_life(name, chance)
            except Exception as error:  # noqa: BLE001, PERF203 (what is odd is told at the end)
                self.odd.append(f"{name}: {type(error).__name__}: {error}")
            finally:
                self._destroy(name)

    def _one_life(self, name: str, chance: random.Random) -> None:
        if chance.random() < 0.5:
            bench = lifecycle.ensure(name, self.stock, workdir=self.home)
            self.happened["made here"] += 1
        else:
            creator = self._kvmbench("bench", "create", name)
            if chance.random() < 0.3:
                time.sleep(chance.uniform(0, 0.6))
                creator.kill()
                creator.wait()
                self.happened["creator killed"] += 1
                return
            creator.wait()
            bench = lifecycle.find(name)
            self.happened["made by command"] += 1
        shell = self._kvmbench("exec", "-b", name, "--", "sh", "-c", LIFE, stdout=subprocess.PIPE)
        try:
            assert shell.stdout is not None
            if chance.random() < 0.6:
                said = shell.stdout.readline()
                self.happened["in use" if said else "ended while it was set up"] += 1
            else:
                time.sleep(chance.uniform(0, 1.0))
            victim = chance.choice(("nobody", "keeper", "init", "guest", "dnsmasq", "shell"))
            self._kill(bench, victim, shell)
            self.happened[f"{victim} killed"] += 1
        finally:
            shell.kill()
            shell.wait()
            if shell.stdout is not None:
                shell.stdout.close()

    def _kill(self, bench: lifecycle.Bench, victim: str, shell: subprocess.Popen[bytes]) -> None:
        if victim in ("keeper", "init"):
            _sigkill(bench.keeper if victim == "keeper" else bench.init, lambda: _is_ours(bench))
        elif victim == "shell":
            shell.kill()
        elif victim != "nobody":
            program = "qemu-system" if victim == "guest" else "dnsmasq"
            inside = _pid_namespace(bench.init)
            for pid in [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]:
                with suppress(OSError):
                    if _is_in(pid, inside) and program in os.readlink(f"/proc/{pid}/exe"):
                        _sigkill(pid, partial(_is_in, pid, inside))

    def _destroy(self, name: str) -> None:
        with suppress(KvmbenchError):  # a creator that was killed may have left nothing
            lifecycle.destroy(name)

    def _kvmbench(self, *arguments: str, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", "kvmbench.cli", *arguments]
        return subprocess.Popen(
            line, stdout=stdout, stderr=subprocess.DEVNULL, cwd=self.home, start_new_session=True
        )


def _pid_namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def _is_in(pid: int, namespace: str) -> bool:
    return bool(namespace) and _pid_namespace(pid) == namespace


def _is_ours(bench: lifecycle.Bench) -> bool:
    with suppress(OSError):
        return str(bench.home).encode() in Path(f"/proc/{bench.keeper}/cmdline").read_bytes()
    return False


def _sigkill(pid: int, still: Callable[[], bool]) -> None:
    """End one process, surely the one that is meant: the descriptor holds it, then it is looked at again."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            if still():
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)


@contextmanager
def own_directory() -> Iterator[tuple[Path, Stock]]:
    """A data directory for the soak's benches alone; their stock has no guest's image."""
    home = Path(tempfile.mkdtemp(prefix="kvmbench-soak-"))
    before = os.environ.get("KVMBENCH_HOME")
    os.environ["KVMBENCH_HOME"] = str(home / "kb")
    (home / "kb" / "benches").mkdir(parents=True)
    stock = Stock(launcher=launcher.source(), engine='{"engine": "tcg", "reason": "a soak"}')
    from kvmbench.bench import stock as stocks

    stocks.save(stock)
    try:
        yield home, stock
    finally:
        shutil.rmtree(home, ignore_errors=True)
        if before is None:
            del os.environ["KVMBENCH_HOME"]
        else:
            os.environ["KVMBENCH_HOME"] = before


def soak(seconds: float, workers: int, seed: int) -> tuple[Counts, Counts, Soak]:
    """Let that many workers each lead one bench's life after the other; counts before and after."""
    with own_directory() as (home, stock):
        first = lifecycle.ensure("warm", stock, workdir=home)  # what is imported and cached once is no leak
        lifecycle.destroy(first.name)
        before = counted(home)
        running = Soak(home, stock, time.monotonic() + seconds)
        threads = [
            threading.Thread(target=running.worker, args=(number, random.Random(seed + number)))
            for number in range(workers)
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:  # each ends its bench first
            running.until = 0
            for thread in threads:
                thread.join()
        until = time.monotonic() + _SETTLE_S
        while counted(home).own() != before.own() and time.monotonic() < until:
            time.sleep(0.1)
        return before, counted(home), running


def main(minutes: float, workers: int = 20, seed: int = 1) -> int:
    before, after, running = soak(minutes * 60, workers, seed)
    print(f"{workers} benches at a time for {minutes:g} minutes (seed {seed}):")
    print(", ".join(f"{count} {what}" for what, count in sorted(running.happened.items())))
    print(f"{'':36}{'before':>10}{'after':>10}")
    for name in ("processes", "mounts", "files", "descriptors", "threads", "resident_mib"):
        print(f"{name:36}{getattr(before, name):10.0f}{getattr(after, name):10.0f}")
    for name, count in before.machine.items():
        print(f"machine: {name:27}{count:10}{after.machine[name]:10}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"this process at its largest: {peak:.0f} MiB")
    print(*running.odd[:20], sep="\n")
    leaked = before.own() != after.own() or before.descriptors != after.descriptors
    print("something was left" if leaked else "nothing was left")
    return int(leaked or bool(running.odd))


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(float(given[0]), *(int(each) for each in given[1:])))
