"""Benches come and go: create, find, list, reset, stop, destroy.

A bench is a directory (what outlives its processes) and a keeper process (everything else). No daemon knows
of it: the record in the directory names the keeper, and the kernel tells whether that one still lives.
"""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import signal
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kvmbench.bench import making, places
from kvmbench.bench.record import boot_id, how_it_ended, listener, read_record, start_time, write_record
from kvmbench.bench.stock import Stock
from kvmbench.bench.strict import Strict
from kvmbench.errors import BenchCreationFailed, BenchNotRunning, NoSuchBench


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
    doors: Mapping[str, int] = field(default_factory=dict)
    """of a strict bench: see `making.launch`"""

    def let_go(self) -> None:
        """Close the doors of a strict bench, which ends it."""
        for door in self.doors.values():
            os.close(door)


def find(name: str) -> Bench:
    """A running bench by its name.

    Raises:
        NoSuchBench: there is none of that name.
        BenchNotRunning: it ended; what it kept on disk is still there.
    """
    home = places.benches_directory() / places.checked_name(name)
    record = read_record(home)
    if record is None:
        raise NoSuchBench(f"there is no bench {name!r}", f"Make it: kvmbench bench create {name}")
    if not record.alive():
        raise BenchNotRunning(
            f"bench {name!r} is not running: {how_it_ended(record)}",
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
    record = read_record(places.benches_directory() / name)
    if record is None:
        return "half-made: its creation was cut short"
    return "running" if record.alive() else how_it_ended(record)


def ensure(
    name: str,
    stock: Stock,
    *,
    workdir: Path | None = None,
    mounts: Sequence[Path] = (),
    strict: Strict | None = None,
) -> Bench:
    """The bench, made when it is missing and started again when it has ended.

    A `strict` one shows nothing of its maker's directories, and ends with its maker.

    Raises:
        BenchCreationFailed: the kernel refused a namespace or a mount, or the disk is full.
    """
    with _locked(name):
        try:
            return find(name)
        except (NoSuchBench, BenchNotRunning) as missing:
            lost = missing.what if isinstance(missing, BenchNotRunning) else ""
            return _start(name, stock, workdir or Path.cwd(), mounts, lost, strict)


def stop(name: str) -> None:
    """End every process of the bench, and keep its files; one that is not running is left as it is.

    Raises:
        NoSuchBench: there is none of that name.
    """
    home = places.benches_directory() / places.checked_name(name)
    with _locked(name) as lock:
        if not home.exists():
            lock.unlink()
            raise _no_such(name)
        record = read_record(home)
        if record is None or record.alive():
            _end(home)
            if record is not None:
                write_record(home, replace(record, stopped=True))


def destroy(name: str, *, journal: bool = True) -> None:
    """End every process of the bench, and remove its files; the journal too, unless that is to be kept.

    Raises:
        NoSuchBench: there is none of that name.
    """
    home = places.benches_directory() / places.checked_name(name)
    with _locked(name) as lock:
        try:
            if not home.exists():
                raise _no_such(name)
            _end(home)
            _remove(home)
            if journal:
                _remove_tree(places.journal_directory(name))
        finally:
            lock.unlink()


def reset(name: str, stock: Stock, *, workdir: Path | None = None, mounts: Sequence[Path] = ()) -> Bench:
    """A fresh bench in the place of one that is there or not; its journal tells of the earlier ones too."""
    with suppress(NoSuchBench):
        destroy(name, journal=False)
    return ensure(name, stock, workdir=workdir, mounts=mounts)


def _start(
    name: str, stock: Stock, workdir: Path, mounts: Sequence[Path], lost: str, strict: Strict | None
) -> Bench:
    home = places.benches_directory() / name
    fresh = not home.exists()
    try:
        _end(home)
        record, doors = making.launch(making.plan(name, home, stock, workdir, mounts, strict), home)
        return Bench(name, home, record.keeper, record.init, record.workdir, lost, doors)
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


def _no_such(name: str) -> NoSuchBench:
    return NoSuchBench(f"there is no bench {name!r}", "See which there are: kvmbench bench list")


def _end(home: Path) -> None:
    """Kill the keeper and wait until the kernel has ended all that lived in its namespaces."""
    record = read_record(home)
    if record is None:
        keeper, started = listener(home), None
    elif record.boot == boot_id():
        keeper, started = record.keeper, record.keeper_start
    else:
        return
    if keeper is None:
        return
    try:
        handle = os.pidfd_open(keeper)
    except ProcessLookupError:
        return
    try:
        if started is not None and start_time(keeper) != started:
            return
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        if not select.select([handle], [], [], 30)[0]:
            raise BenchCreationFailed(
                f"bench {home.name!r} does not end", f"Look at what holds it: cat /proc/{keeper}/wchan"
            )
    finally:
        os.close(handle)


def _remove(home: Path) -> None:
    """Remove a bench's files."""
    for directory in (home, places.meeting_directory(home)):
        _remove_tree(directory)


def _remove_tree(directory: Path) -> None:
    """Remove a directory, whatever modes the student gave to what is in it."""

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
