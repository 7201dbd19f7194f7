"""What was done on this bench, step by step: a file that outlives the bench's processes, and its resets.

It is the student's own, who is root here and may write anything into it. It informs; no mark is made of it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kvmbench.model import Verdict
from kvmbench.system.outside import SERVICE

DIRECTORY = SERVICE / "journal"
"""on a bench; on the machine it lies beside the benches"""
_FILE = "journal.jsonl"
_MOST_BYTES = 4_000_000
"""what is read of it, from the end: some twenty thousand checks"""

Did = Literal["checked", "caught up", "solved", "hinted"]


@dataclass(frozen=True)
class Entry:
    """One line: a step was checked, caught up, solved by the reference solution, or hinted at."""

    time: float
    """seconds since 1970"""
    did: Did
    step: str
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    """what each check found"""
    earned: int = 0
    """points, of a step that was checked"""
    check: str = ""
    """whose hint was asked"""
    degree: int = 0
    """of that hint"""


def kept() -> bool:
    """There is a place for a journal here: not on the machine, not where a submission is graded."""
    return DIRECTORY.is_dir()


def note(
    did: Did,
    step: str,
    *,
    verdicts: Mapping[str, Verdict] | None = None,
    earned: int = 0,
    check: str = "",
    degree: int = 0,
    directory: Path = DIRECTORY,
) -> None:
    """Add a line; nothing where no journal is kept, or none can be written: the work goes on without one."""
    said = {"time": round(time.time(), 3), "did": did, "step": step, "verdicts": dict(verdicts or {})}
    line = json.dumps(said | {"earned": earned, "check": check, "degree": degree}) + "\n"
    with suppress(OSError):  # a full disk, say
        # One write at the end of the file is whole, also when two kernels write at once (write(2), O_APPEND).
        file = os.open(directory / _FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)


def entries(directory: Path = DIRECTORY) -> tuple[Entry, ...]:
    """All that was noted, oldest first; a line that was cut short or edited is passed over."""
    try:
        with (directory / _FILE).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _MOST_BYTES))
            lines = file.read(_MOST_BYTES).splitlines()
    except OSError:
        return ()
    return tuple(entry for line in lines if (entry := _entry(line)) is not None)


def _entry(line: bytes) -> Entry | None:
    import msgspec

    try:
        return msgspec.json.decode(line, type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
