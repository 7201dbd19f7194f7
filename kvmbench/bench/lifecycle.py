"""Benches come and go: create, find, list, reset, destroy.

A bench is a directory (what outlives its processes) and a keeper process (everything else). No daemon knows
of it: the record in the directory names the keeper, and the kernel tells whether that one still lives.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kvmbench.bench import places
from kvmbench.bench.stock import Stock
from kvmbench.errors import BenchCreationFailed, BenchNotRunning, NoSuchBench

_UNPRIVILEGED_IDS = 0x6000_0000
"""ids from here on belong to nobody (systemd-nspawn takes its private users from below 0x6FFFFFFF as well)"""


@dataclass(frozen=True)
class Bench:
    """A running bench, as the machine sees it."""

    name: str
    home: Path
    """its data directory on the machine"""
    keeper: int
    """pid of the outside host's first process; when it ends, all of the bench ends"""
    init: int
    """pid of the bench's first process"""
    workdir: str
    lost: str = ""
    """what an earlier life of it lost (a reboot, a killed first process), said once, at its start"""


@dataclass(frozen=True)
class Record:
    """What the data directory remembers of the keeper."""

    name: str
    keeper: int
    keeper_start: int
    """start time in clock ticks since boot (proc(5), stat, field 22): a pid alone may come again"""
    init: int
    init_start: int
    boot: str
    """the kernel's random id of this boot"""
    workdir: str

    def alive(self) -> bool:
        return (
            self.boot == _boot()
            and _start_time(self.keeper) == self.keeper_start
            and _start_time(self.init) == self.init_start
        )


def find(name: str) -> Bench:
    """A running bench by its name.

    Raises:
        NoSuchBench: there is none of that name.
        BenchNotRunning: it ended; what it kept on disk is still there.
    """
    home = places.benches_directory() / places.checked_name(name)
    record = _read_record(home)
    if record is None:
        raise NoSuchBench(f"there is no bench {name!r}", f"Make it: kvmbench bench create {name}")
    if not record.alive():
        raise BenchNotRunning(
            f"bench {name!r} is not running: {_how_it_ended(record)}",
            f"Start it again with the files that it kept: kvmbench bench create {name}",
        )
    return Bench(name, home, record.keeper, record.init, record.workdir)


def names() -> tuple[str, ...]:
    """All benches of this user, running or not."""
    try:
        found = sorted(os.listdir(places.benches_directory()))
    except FileNotFoundError:
        return ()
    return tuple(name for name in found if not name.startswith("."))


def status(name: str) -> str:
    """`running`, or how it ended."""
    record = _read_record(places.benches_directory() / name)
    if record is None:
        return "half-made: its creation was cut short"
    return "running" if record.alive() else _how_it_ended(record)


def ensure(name: str, stock: Stock, *, workdir: Path | None = None, mounts: Sequence[Path] = ()) -> Bench:
    """The bench, made when it is missing and started again when it has ended.

    Raises:
        BenchCreationFailed: the kernel refused a namespace or a mount, or the disk is full.
    """
    with _locked(name):
        try:
            return find(name)
        except (NoSuchBench, BenchNotRunning) as missing:
            lost = missing.what if isinstance(missing, BenchNotRunning) else ""
            return _start(name, stock, workdir or Path.cwd(), mounts, lost)


def destroy(name: str) -> None:
    """End every process of the bench, and remove its files.

    Raises:
        NoSuchBench: there is none of that name.
    """
    home = places.benches_directory() / places.checked_name(name)
    with _locked(name) as lock:
        try:
            if not home.exists():
                raise NoSuchBench(f"there is no bench {name!r}", "See which there are: kvmbench bench list")
            _end(_read_record(home))
            _remove(home)
        finally:
            lock.unlink()


def reset(name: str, stock: Stock, *, workdir: Path | None = None, mounts: Sequence[Path] = ()) -> Bench:
    """A fresh bench in the place of one that is there or not."""
    with suppress(NoSuchBench):
        destroy(name)
    return ensure(name, stock, workdir=workdir, mounts=mounts)


def _start(name: str, stock: Stock, workdir: Path, mounts: Sequence[Path], lost: str) -> Bench:
    home = places.benches_directory() / name
    fresh = not home.exists()
    try:
        _end(_read_record(home))
        plan = _plan(name, home, stock, workdir, mounts)
        record = _launch(plan, home)
        return Bench(name, home, record.keeper, record.init, record.workdir, lost)
    except OSError as error:
        if fresh:
            _remove(home)
        raise BenchCreationFailed(
            f"bench {name!r} could not be made: {error.strerror or error}",
            "See what this machine lacks, and how to mend it: kvmbench doctor",
        ) from error
    except BaseException:
        if fresh:
            _remove(home)
        raise


def _plan(name: str, home: Path, stock: Stock, workdir: Path, mounts: Sequence[Path]) -> dict[str, Any]:
    """Make the bench's directories, and write down what goes where."""
    meeting = places.meeting_directory(home)
    for directory in (home / "root", home / "vms", home / "home", home / "service", meeting):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    owner = _UNPRIVILEGED_IDS + zlib.crc32(name.encode()) % 0x0FFF_0000 if os.geteuid() == 0 else None
    _stock_home(home, stock)
    _stock_images(home, stock)
    if owner is not None:
        home.chmod(0o711)  # its overlay layers are reached through it by the bench's root, an id of its own
        for top in (home / "vms", home / "home", home / "service", meeting):
            for path in (top, *top.rglob("*")):
                os.chown(path, owner, owner, follow_symlinks=False)
    return {
        "name": name,
        "home": str(home),
        "meeting": str(meeting),
        "unprivileged_id": owner,
        "read_only": [str(path) for path in places.environment_directories()],
        "writable": [str(path) for path in _writable(workdir, mounts)],
        "workdir": str(workdir),
        "files": [
            *(
                [str(Path(__file__).with_name(name)), f"/usr/local/sbin/{name}"]
                for name in ("tcpdump", "dnsmasq")
            ),
            *([[str(stock.launcher), "/usr/libexec/qemu-kvm"]] if stock.launcher else []),
        ],
        "shown": [[str(stock.image), "/vms/base/guest.qcow2"]] if stock.image else [],
        "engine": stock.engine,
    }


def _writable(workdir: Path, mounts: Sequence[Path]) -> list[Path]:
    """The working directory and the course's notebooks; never a whole home, never the system's own."""
    system = [
        Path(name)
        for name in ("/usr", "/etc", "/dev", "/proc", "/sys", "/run", "/var", "/boot", "/bin", "/lib")
    ]
    wanted = [directory for directory in (workdir, places.notebooks_directory()) if directory is not None]
    kept: list[Path] = []
    for directory in (path.resolve() for path in wanted):
        too_much = (
            directory in (Path.home().resolve(), *Path.home().resolve().parents) or len(directory.parts) < 3
        )
        if not too_much and not any(top in (directory, *directory.parents) for top in (*system, *kept)):
            kept.append(directory)
    return kept + [path.resolve() for path in mounts]


def _stock_home(home: Path, stock: Stock) -> None:
    keys = home / "home" / ".ssh"
    if stock.key is not None and not keys.exists():
        keys.mkdir(mode=0o700)
        shutil.copy(stock.key, keys / "id_ed25519")
        shutil.copy(f"{stock.key}.pub", keys / "id_ed25519.pub")
        (keys / "id_ed25519").chmod(0o600)


def _stock_images(home: Path, stock: Stock) -> None:
    """The disks that the tutorial's guests start from, each an overlay of the course's image."""
    disks = home / "vms" / "cirros"
    if stock.image is None or disks.exists():
        return
    (home / "vms" / "centos").mkdir(exist_ok=True)
    disks.mkdir()
    for number in (1, 2):
        line = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "/vms/base/guest.qcow2", "-F", "qcow2", "-u"]
        made = subprocess.run(
            [*line, str(disks / f"cirros{number}.img"), str(stock.image_size_bytes)],
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise BenchCreationFailed(
                f"the guests' disks could not be made: {made.stderr.strip()}",
                "Look whether the disk is full (df -h), then type it again.",
            )


def _launch(plan: dict[str, Any], home: Path) -> Record:
    """Start the keeper; it lives on only once its record is written and it was told to go."""
    status_reading, status_writing = os.pipe()
    go_reading, go_writing = os.pipe()
    with open(home / "keeper.log", "wb") as log:
        launcher = subprocess.Popen(
            [
                *(sys.executable, "-m", "kvmbench.bench.keeper"),
                str(status_writing),
                str(go_reading),
                str(home),
            ],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=(status_writing, go_reading),
            start_new_session=True,
        )
    os.close(status_writing)
    os.close(go_reading)
    assert launcher.stdin is not None
    try:
        launcher.stdin.write(json.dumps(plan).encode())
        launcher.stdin.close()
        said = _listen(status_reading, timeout_s=60)
        launcher.wait()
        if "ready" not in said:
            raise BenchCreationFailed(
                f"bench {plan['name']!r} could not be made: {said.get('failed', 'its first process ended')}",
                f"See what this machine lacks: kvmbench doctor. The log is {home / 'keeper.log'}.",
            )
        keeper = int(said["keeper"])
        init = _init_of(keeper)
        record = Record(
            plan["name"],
            keeper,
            _start_time(keeper) or 0,
            init,
            _start_time(init) or 0,
            _boot(),
            plan["workdir"],
        )
        _write_record(home, record)
        os.write(go_writing, b"g")
        return record
    finally:
        os.close(status_reading)
        os.close(go_writing)  # a keeper that was not told to go ends here


def _listen(pipe: int, *, timeout_s: float) -> dict[str, Any]:
    """All that the launcher and the keeper say until one is ready, one fails, or both are gone."""
    said: dict[str, Any] = {}
    text = b""
    deadline = time.monotonic() + timeout_s
    while not {"ready", "failed"} & said.keys():
        if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return said | {"failed": f"it was not ready after {timeout_s:g} s"}
        more = os.read(pipe, 4096)
        if not more:
            return said
        text += more
        *lines, text = text.split(b"\n")
        for line in lines:
            said |= json.loads(line)
    return said


def _init_of(keeper: int) -> int:
    """The child of the keeper that lives in a pid namespace of its own (proc(5), status, NSpid)."""
    depth = len(_status_field(keeper, "NSpid"))
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError, IndexError):
            if _parent(int(entry)) == keeper and len(_status_field(int(entry), "NSpid")) > depth:
                return int(entry)
    raise BenchCreationFailed(
        "the bench's first process is gone", "Type it again; if it stays: kvmbench doctor"
    )


def _status_field(pid: int, name: str) -> list[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((line.split()[1:] for line in lines if line.startswith(f"{name}:")), [])


def _stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name (proc(5)): state, parent, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _parent(pid: int) -> int:
    return int(_stat_fields(pid)[1])


def _start_time(pid: int) -> int | None:
    try:
        fields = _stat_fields(pid)
    except (OSError, IndexError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _how_it_ended(record: Record) -> str:
    if record.boot != _boot():
        return "the machine was restarted, so its processes, links and rules are gone; its files are kept"
    return "its first process was ended, so its processes, links and rules are gone; its files are kept"


def _end(record: Record | None) -> None:
    """Kill the keeper and wait until the kernel has ended all that lived in its namespaces."""
    if record is None or record.boot != _boot() or _start_time(record.keeper) != record.keeper_start:
        return
    try:
        handle = os.pidfd_open(record.keeper)
    except ProcessLookupError:
        return
    try:
        if _start_time(record.keeper) == record.keeper_start:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        if not select.select([handle], [], [], 30)[0]:
            raise BenchCreationFailed(
                f"bench {record.name!r} does not end",
                f"Look at what holds it: cat /proc/{record.keeper}/wchan",
            )
    finally:
        os.close(handle)


def _remove(home: Path) -> None:
    """Remove a bench's files, whatever modes the student gave them."""

    def open_up(function: Any, path: str, error: Any) -> None:
        parent = os.path.dirname(path)
        for locked in (parent, path):
            with suppress(OSError):
                if stat.S_ISDIR(os.lstat(locked).st_mode):
                    os.chmod(locked, 0o700)
        with suppress(FileNotFoundError):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)

    meeting = places.meeting_directory(home)
    for directory in (home, meeting):
        if directory.exists():
            shutil.rmtree(directory, onerror=open_up)


@contextmanager
def _locked(name: str) -> Iterator[Path]:
    """One at a time makes or ends a bench of this name; the kernel lets go of the lock with the process.

    Its holder may remove the lock's file: whoever waited for it finds that the file is no longer the one
    of that name, and takes a new one.
    """
    path = places.benches_directory() / f".{places.checked_name(name)}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            with path.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(lock.fileno()), path.stat()):
                        yield path
                        return
    except OSError as error:
        raise BenchCreationFailed(
            f"kvmbench cannot keep its files in {path.parent}: {error.strerror}",
            "Make room or set KVMBENCH_HOME to another directory, then type it again.",
        ) from error


def _read_record(home: Path) -> Record | None:
    try:
        return Record(**json.loads((home / "bench.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _write_record(home: Path, record: Record) -> None:
    fresh = home / "bench.json.new"
    fresh.write_text(json.dumps(asdict(record)))
    fresh.replace(home / "bench.json")
