"""What a bench's directory remembers of its processes, and whether they still live."""

from __future__ import annotations

import json
import os
import socket
import struct
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from kvmbench.errors import BenchCreationFailed


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
    stopped: bool = False
    """somebody ended it on purpose"""

    def alive(self) -> bool:
        """Both first processes are the very ones that were remembered."""
        return (
            self.boot == boot_id()
            and start_time(self.keeper) == self.keeper_start
            and start_time(self.init) == self.init_start
        )


def read_record(home: Path) -> Record | None:
    """The record of a bench; None where there is none, or none that can be read."""
    try:
        known = {"stopped": False} | json.loads((home / "bench.json").read_text())
        return Record(**{field.name: _checked(known, field.name) for field in fields(Record)})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _checked(known: Any, name: str) -> Any:
    """A field's value, of the field's type: a file that was cut short or edited may hold anything.

    Raises:
        TypeError, KeyError: it does.
    """
    wanted = str if name in ("name", "boot", "workdir") else bool if name == "stopped" else int
    if not isinstance(known[name], wanted):
        raise TypeError(name)
    return known[name]


def listener(home: Path) -> int | None:
    """The keeper that answers on the bench's socket, by the kernel's word (unix(7), SO_PEERCRED).

    It is found so when the record is lost, which must not leave it behind.
    """
    path = home / "service" / "outside.sock"
    try:
        directory = os.open(path.parent, os.O_PATH)
    except OSError:
        return None
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.settimeout(5)
            client.connect(f"/proc/self/fd/{directory}/{path.name}")  # its own path may be over 107 bytes
            size = struct.calcsize("3i")
            pid, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
            return int(pid) or None
    except OSError:
        return None
    finally:
        os.close(directory)


def write_record(home: Path, record: Record) -> None:
    """Remember it, whole or not at all."""
    fresh = home / "bench.json.new"
    fresh.write_text(json.dumps(asdict(record)))
    fresh.replace(home / "bench.json")


def how_it_ended(record: Record) -> str:
    """What was lost with the processes of a bench that is no longer alive."""
    if record.boot != boot_id():
        return "the machine was restarted, so its processes, links and rules are gone; its files are kept"
    if record.stopped:
        return "it was stopped, so its processes, links and rules are gone; its files are kept"
    return "its first process was ended, so its processes, links and rules are gone; its files are kept"


def init_of(keeper: int) -> int:
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


def start_time(pid: int) -> int | None:
    """When a process was started, in clock ticks since boot; None when it has ended."""
    try:
        fields = _stat_fields(pid)
    except (OSError, IndexError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def boot_id() -> str:
    """The kernel's random id of this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
