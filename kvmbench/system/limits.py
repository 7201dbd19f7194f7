"""Limits that hold for all that a process starts: memory, processors and processes of one control group.

A bench, its kernels and its guests stay in the group of whoever made the bench, also when their parents are
gone: what leaves a process tree does not leave a control group (cgroups(7)). Only the machine's root can make
groups where no system manager delegates any.
"""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kvmbench.errors import BadInput, BenchError, TimedOut

CGROUPS = Path("/sys/fs/cgroup")
PARENT = "kvmbench"
"""the group that holds all of kvmbench's, so that nobody else's is touched"""
_CONTROLLERS = ("memory", "pids", "cpu")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
_PERIOD_US = 100_000
_END_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Limits:
    """What a group may use; None is without a limit."""

    memory_mib: int | None = None
    cpus: float | None = None
    """processors' worth of time: 1.5 is one and a half"""
    processes: int | None = None
    """processes and threads"""


@dataclass(frozen=True)
class Group:
    """A control group: one directory (cgroup v2), or one for each controller (v1)."""

    directories: tuple[Path, ...]

    def join(self) -> None:
        """Move the calling process into it; what it starts from now on is in it too."""
        for directory in self.directories:
            (directory / "cgroup.procs").write_text("0")

    def members(self) -> tuple[int, ...]:
        """The processes in it."""
        found: set[int] = set()
        for directory in self.directories:
            with suppress(FileNotFoundError):
                found |= {int(pid) for pid in (directory / "cgroup.procs").read_text().split()}
        return tuple(sorted(found))

    def memory_mib(self) -> float:
        """What its processes use now, page cache included."""
        for directory in self.directories:
            for name in ("memory.current", "memory.usage_in_bytes"):
                with suppress(FileNotFoundError):
                    return int((directory / name).read_text()) / 2**20
        return 0.0

    def remove(self) -> None:
        """End whatever is still in it, and take it away.

        Raises:
            TimedOut: a process in it does not end.
        """
        deadline = time.monotonic() + _END_TIMEOUT_S
        while members := self.members():
            if time.monotonic() > deadline:
                raise TimedOut(
                    f"the end of processes {', '.join(map(str, members))}",
                    _END_TIMEOUT_S,
                    f"Look at what holds them: cat /proc/{members[0]}/wchan",
                )
            for pid in members:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        for directory in self.directories:
            with suppress(FileNotFoundError):
                directory.rmdir()


def group(name: str, limits: Limits, *, root: Path = CGROUPS) -> Group:
    """The group of that name, made when it is missing, with these limits.

    Raises:
        BadInput: that is no name for a group.
        BenchError: this machine or this user has no groups to make.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot be the name of a group", "Take letters, digits, '_', '-' and '.'.")
    try:
        unified = (root / "cgroup.controllers").exists()
        made = _unified(root, name) if unified else _one_each(root, name)
        for directory in made:
            _limit(directory, limits)
        return Group(made)
    except OSError as error:
        raise BenchError(
            f"no control group could be made in {root}: {error.strerror}",
            "Limits are for the machine's root to set; in a container they are set from outside.",
        ) from error


def _unified(root: Path, name: str) -> tuple[Path, ...]:
    """cgroup v2: a controller is switched on from the top downwards (cgroups(7), cgroup.subtree_control)."""
    parent = root / PARENT
    parent.mkdir(exist_ok=True)
    for directory in (root, parent):
        (directory / "cgroup.subtree_control").write_text(" ".join(f"+{each}" for each in _CONTROLLERS))
    (parent / name).mkdir(exist_ok=True)
    return (parent / name,)


def _one_each(root: Path, name: str) -> tuple[Path, ...]:
    """cgroup v1: a tree for each controller."""
    found = []
    for controller in _CONTROLLERS:
        directory = root / controller / PARENT / name
        if not (root / controller / "cgroup.procs").exists():
            raise OSError(0, f"there is no controller {controller}")
        directory.mkdir(parents=True, exist_ok=True)
        found.append(directory)
    return tuple(found)


def _limit(directory: Path, limits: Limits) -> None:
    memory = "max" if limits.memory_mib is None else str(limits.memory_mib * 2**20)
    quota = None if limits.cpus is None else round(limits.cpus * _PERIOD_US)
    values = {
        "memory.max": memory,
        "memory.limit_in_bytes": "-1" if memory == "max" else memory,
        "pids.max": "max" if limits.processes is None else str(limits.processes),
        "cpu.max": f"{'max' if quota is None else quota} {_PERIOD_US}",
        "cpu.cfs_quota_us": "-1" if quota is None else str(quota),
    }
    for name, value in values.items():
        if (directory / name).exists():
            (directory / name).write_text(value)
