"""Who lives on a bench, as the machine sees it, and how to have them stand still while somebody looks."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kvmbench.bench import linux
from kvmbench.bench.lifecycle import Bench
from kvmbench.bench.record import start_time
from kvmbench.errors import LookFailed

_NS_GET_PARENT = 0xB702
_DEADLINE_S = 5.0
_REAP_S = 1.0
_DEEPEST = 40
_SURE = 5
"""so many times in a row nobody was found running: who forks and ends may be missed by one list"""


def members(bench: Bench) -> dict[int, int]:
    """Every process on the bench: pid on this machine → when it was started; its first process too.

    A process belongs to the bench when its pid namespace is the bench's or lies below it, whoever started it.
    """
    home = _inode(f"/proc/{bench.init}/ns/pid")
    inside: dict[int, bool] = {home: True} if home else {}
    found: dict[int, int] = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        path = f"/proc/{entry}/ns/pid"
        number = _inode(path)
        if number is None:
            continue
        if number not in inside:
            inside[number] = _lies_below(path, home)
        if inside[number] and (started := start_time(int(entry))) is not None:
            found[int(entry)] = started
    return found


def _inode(path: str) -> int | None:
    """None where it may not be read, or where the process has ended: its namespaces are gone then."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


def _lies_below(path: str, home: int | None) -> bool:
    try:
        here = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        for _ in range(_DEEPEST):
            above = fcntl.ioctl(here, _NS_GET_PARENT)
            os.close(here)
            here = above
            if os.fstat(here).st_ino == home:
                return True
    except OSError:  # the topmost one that may be seen
        return False
    finally:
        os.close(here)
    return False


@contextmanager
def standing_still(bench: Bench, spared: Collection[int]) -> Iterator[None]:
    """Nothing on the bench runs, apart from those that are spared: its guests and what serves them.

    A process that would change things between two looks, or answer in the place of a guest, cannot.

    Raises:
        LookFailed: somebody keeps starting processes.
    """
    stopped: dict[int, int] = {}
    try:
        deadline = time.monotonic() + _DEADLINE_S
        quiet = 0
        _stop_all_at_once(bench, spared)
        while quiet < _SURE:
            fresh = _running(bench, stopped, spared)
            quiet = 0 if fresh else quiet + 1
            if time.monotonic() > deadline:
                raise LookFailed(
                    "processes on the bench could not be made to stand still",
                    "The submission keeps starting processes: read what it does.",
                )
            for pid, started in fresh.items():
                stopped[pid] = started
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            time.sleep(0.002)  # a signal takes effect when its process next returns from the kernel
        yield
    finally:
        for pid, started in stopped.items():
            with suppress(ProcessLookupError):
                if start_time(pid) == started:
                    os.kill(pid, signal.SIGCONT)


def _stop_all_at_once(bench: Bench, spared: Collection[int]) -> None:
    """Stop whoever forks and ends quicker than processes are listed.

    A signal to -1 goes to all of a pid namespace in one piece, and a fork that is under way starts anew after
    the signal (kill(2); kernel/fork.c). It comes from a process in that namespace, which is gone at once.
    """
    sender = os.fork()
    if sender == 0:
        try:
            linux.hide_from_peers()  # the bench's root sees it for an instant, and it has the caller's files
            if os.geteuid() != 0:
                linux.setns(os.open(f"/proc/{bench.init}/ns/user", os.O_RDONLY), linux.CLONE_NEWUSER)
            linux.setns(os.open(f"/proc/{bench.init}/ns/pid", os.O_RDONLY), linux.CLONE_NEWPID)
            inside = os.fork()
            if inside == 0:
                os.kill(-1, signal.SIGSTOP)
                os._exit(0)
            _reap(inside)
        finally:
            os._exit(0)
    _reap(sender)
    for pid in spared:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _reap(child: int) -> None:
    """Wait for a child that may have been stopped or held by those whom it was to stop."""
    deadline = time.monotonic() + _REAP_S
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return
        time.sleep(0.001)


def _running(bench: Bench, stopped: dict[int, int], spared: Collection[int]) -> dict[int, int]:
    """Those that are neither spared nor stopped; one that the submission stopped itself is left as it is."""
    return {
        pid: started
        for pid, started in members(bench).items()
        if pid not in spared and (pid not in stopped or _state(pid) not in "TtDZX")
    }


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "X"
