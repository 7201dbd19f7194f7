"""What a bench uses, seen from outside, and its end."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from pathlib import Path

from kvmbench.bench import beneath, frozen
from kvmbench.bench.lifecycle import Bench
from kvmbench.bench.record import start_time

_OWN_MEMORY = re.compile(r"^(?:RssAnon|RssShmem):\s+(\d+) kB", re.MULTILINE)


def memory_mib(bench: Bench) -> float | None:
    """Memory of the bench's processes, and of the files that it keeps in memory; None when it has ended."""
    if start_time(bench.init) is None:
        return None
    kib = 0
    for pid in frozen.members(bench):
        with suppress(OSError):
            kib += sum(map(int, _OWN_MEMORY.findall(Path(f"/proc/{pid}/status").read_text())))
    return kib / 1024 + _files_mib(bench)


def _files_mib(bench: Bench) -> float:
    """What lies in its file systems in memory (tmpfs(5)), those that its root mounted among them."""
    used: dict[str, float] = {}
    with suppress(OSError):
        for line in Path(f"/proc/{bench.init}/mountinfo").read_text(errors="replace").splitlines():
            words = line.split()
            if words[words.index("-") + 1] != "tmpfs" or words[2] in used:
                continue
            place = words[4].encode().decode("unicode_escape")
            with suppress(OSError):
                used[words[2]] = _used_mib(bench.init, place)
    return sum(used.values())


def _used_mib(init: int, place: str) -> float:
    opened = beneath.open_path(init, place)
    try:
        told = os.statvfs(f"/proc/self/fd/{opened}")
    finally:
        os.close(opened)
    return (told.f_blocks - told.f_bfree) * told.f_frsize / 2**20


def end(bench: Bench) -> None:
    """End all that lives on it, at once."""
    with suppress(ProcessLookupError):
        os.kill(bench.keeper, signal.SIGKILL)
