"""Running processes of one program, as /proc tells them (proc(5)): what they are, not what they claim."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_DELETED = " (deleted)"
_TUN = "/dev/net/tun"
_TAP = re.compile(r"^iff:\s*(\S+)", re.MULTILINE)
_KVM_MACHINE = "anon_inode:kvm-vm"


@dataclass(frozen=True)
class OpenFiles:
    """What a process's descriptors give away."""

    taps: tuple[str, ...]
    """tap devices, in the order of their descriptors"""
    kvm: bool
    """a virtual machine of KVM's is among them"""
    files: tuple[str, ...]
    """their paths"""


@dataclass(frozen=True)
class Process:
    """One process."""

    pid: int
    parent: int
    executable: str
    argv: tuple[str, ...]
    directory: str = "/"
    """where its relative paths begin"""
    started: int = 0
    """clock ticks since boot"""
    resident_mib: float = 0.0
    netns: int = 0
    """inode of its network namespace, 0 where it may not be read"""
    open: OpenFiles | None = None
    """None where they may not be read"""

    @property
    def program(self) -> str:
        """The file name of what it executes."""
        return self.executable.rpartition("/")[2]


def processes(runs: Callable[[str], bool], proc: Path = PROC) -> tuple[Process, ...]:
    """The processes whose executable's file name this says yes to, oldest first.

    One that ends while it is being read is left out.
    """
    found = [process for entry in _numbered(proc) if (process := _process(entry, runs))]
    return tuple(sorted(found, key=lambda process: (process.started, process.pid)))


def _numbered(directory: Path) -> Iterator[Path]:
    try:
        entries = [entry for entry in directory.iterdir() if entry.name.isdigit()]
    except OSError:
        return
    yield from sorted(entries, key=lambda entry: int(entry.name))


def _process(entry: Path, runs: Callable[[str], bool]) -> Process | None:
    executable = _link(entry / "exe").removesuffix(_DELETED)
    if not runs(executable.rpartition("/")[2]):
        return None
    try:
        argv = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
        stat = (entry / "stat").read_text().rpartition(")")[2].split()
        status = (entry / "status").read_text()
    except OSError:
        return None
    if not argv or stat[0] == "Z":
        return None
    return Process(
        pid=int(entry.name),
        parent=int(stat[1]),
        executable=executable,
        argv=tuple(argv),
        directory=_link(entry / "cwd") or "/",
        started=int(stat[19]),
        resident_mib=_number(r"VmRSS:\s+(\d+) kB", status) / 1024,
        netns=_number(r"net:\[(\d+)\]", _link(entry / "ns" / "net")),
        open=_open_files(entry),
    )


def _open_files(entry: Path) -> OpenFiles | None:
    """The targets of its descriptors; what the kernel knows of a tap is written in fdinfo."""
    try:
        next((entry / "fd").iterdir(), None)
    except OSError:
        return None
    targets = {number.name: _link(number) for number in _numbered(entry / "fd")}
    infos = [_text(entry / "fdinfo" / number) for number, target in targets.items() if target == _TUN]
    taps = [found.group(1) for info in infos if (found := _TAP.search(info))]
    return OpenFiles(
        taps=tuple(dict.fromkeys(taps)),  # a tap with several queues has a descriptor for each
        kvm=_KVM_MACHINE in targets.values(),
        files=tuple(target for target in targets.values() if target.startswith("/")),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found.group(1)) if found else 0
