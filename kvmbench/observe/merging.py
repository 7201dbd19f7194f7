"""Equal pages in the memory that processes offer: how many there are, and what merging them spares.

Sources: Linux kernel documentation, admin-guide/mm/ksm and admin-guide/mm/pagemap; proc(5).
"""

from __future__ import annotations

import os
import re
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmbench.errors import GuestError
from kvmbench.qemu import launcher

KSM = Path("/sys/kernel/mm/ksm")
MYSELF = "this notebook"
"""how the caller's own process is called"""
SWITCH = "sudo kvmbench ksm on"
OFF_S = 3.0
"""how long merging that is off is watched, which takes no longer to see"""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PRESENT, _OF_A_FILE = 1 << 63, 1 << 61
_PIECE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) ")


@dataclass(frozen=True)
class Row:
    """What each process takes at one moment: a page that n processes share counts for an n-th (PSS)."""

    seconds: float
    mib: dict[str, float]
    on: bool
    """the kernel is merging"""


@dataclass(frozen=True)
class Equal:
    """How many pages there are, and how many different ones."""

    pages: int
    different: int

    @property
    def spare_mib(self) -> float:
        return (self.pages - self.different) * _PAGE / 2**20

    def __repr__(self) -> str:
        return f"{self.pages} pages, {self.different} different: {self.spare_mib:.0f} MiB could be spared"


def watch(*guests: str, seconds: float = 30, every_s: float = 0.5, ksm: Path = KSM) -> Iterator[Row]:
    """Rows as time passes, of these guests and of the caller's own process.

    It ends after `seconds`; where merging is off, when `OFF_S` seconds of that are over.

    Raises:
        GuestError: no such guest runs here.
    """
    pids = _pids(guests)
    began = time.monotonic()
    while True:
        on = _switched_on(ksm)
        passed = time.monotonic() - began
        yield Row(passed, {name: _proportional_mib(name, pid) for name, pid in pids.items()}, on)
        if passed > (seconds if on else min(seconds, OFF_S)):
            return
        time.sleep(every_s)


def told(rows: Sequence[Row]) -> str:
    """What came of it, in words."""
    first, last = rows[0], rows[-1]
    changes = (f"{name}: {first.mib[name]:.0f} → {last.mib[name]:.0f} MiB" for name in first.mib)
    seen = f"in {last.seconds:.0f} s, {', '.join(changes)}"
    if last.on:
        return f"merging is on; {seen}"
    return f"merging is off on this machine; {seen}\nIts root switches it on, for everybody: {SWITCH}"


def equal_pages(*guests: str) -> Equal:
    """Pages of the memory that these guests and the caller offer for merging, compared byte by byte.

    Counted are those that KSM would look at: offered, in memory, and of no file.

    Raises:
        GuestError: no such guest runs here.
    """
    found = [each for name, pid in _pids(guests).items() for each in _prints(name, pid)]
    return Equal(len(found), len(set(found)))


def _prints(name: str, pid: int) -> list[int]:
    """A number for each page, the same for the same bytes (64 bits: no two others meet by chance)."""
    found: list[int] = []
    process = Path("/proc") / str(pid)
    try:
        offered = list(_offered((process / "smaps").read_text()))
        with (process / "pagemap").open("rb") as pagemap, (process / "mem").open("rb", 0) as memory:
            for start, end in offered:
                pagemap.seek(start // _PAGE * 8)
                entries = struct.iter_unpack("<Q", pagemap.read((end - start) // _PAGE * 8))
                for number, (entry,) in enumerate(entries):
                    if entry & _PRESENT and not entry & _OF_A_FILE:
                        memory.seek(start + number * _PAGE)
                        found.append(hash(memory.read(_PAGE)))
    except (FileNotFoundError, ProcessLookupError):
        raise _gone(name) from None
    return found


def _offered(smaps: str) -> Iterator[tuple[int, int]]:
    """The pieces of memory with the flag `mg`, from and up to which address.

    >>> list(_offered("1000-3000 rw-p 0 0:0 0\\nVmFlags: rd mg\\n5000-6000 rw-p 0 0:0 0\\nVmFlags: rd"))
    [(4096, 12288)]
    """
    piece = (0, 0)
    for line in smaps.splitlines():
        begins = _PIECE.match(line)
        if begins:
            piece = int(begins[1], 16), int(begins[2], 16)
        elif line.startswith("VmFlags:") and "mg" in line.split():
            yield piece


def _proportional_mib(name: str, pid: int) -> float:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        raise _gone(name) from None
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _pids(guests: Sequence[str]) -> dict[str, int]:
    return {name: _pid(name) for name in guests} | {MYSELF: os.getpid()}


def _pid(guest: str) -> int:
    try:
        return int(Path(launcher.place(guest) / "pid").read_text())
    except FileNotFoundError:
        raise _gone(guest) from None


def _gone(name: str) -> GuestError:
    return GuestError(f"no guest {name} is running", "look().guests lists those that do.")


def _switched_on(ksm: Path) -> bool:
    try:
        return (ksm / "run").read_text().strip() == "1"
    except FileNotFoundError:  # a kernel without merging
        return False
