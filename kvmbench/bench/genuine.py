"""Whether a process on a bench is the machine's own program, and not something that bears its name.

A name, a path and a command line are what somebody wrote. What is compared here is what the kernel executes:
the program's bytes, and where every other piece of code in the process was mapped from.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from kvmbench.bench import linux

_LIBRARIES = ("/usr/lib/", "/usr/lib64/", "/lib/", "/lib64/")
_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ (\S{4}) \S+ (\S+) (\d+)\s*(.*)")
_PIDFD_GETFD = 438
_TUNGETDEVNETNS = 0x54E3


def stranger(pid: int, program: str) -> str | None:
    """Why a process is not this program of the machine's; None when it is.

    `program` is a path on the machine. Code that was brought in by LD_PRELOAD or by another loader is noticed
    as well, and so is a debugger.
    """
    try:
        if _digest(f"/proc/{pid}/exe") != _known(program, os.stat(program).st_mtime_ns):
            return f"what it executes is not this machine's {program}"
        for path, device, inode in _code(pid, program):
            if (device, inode) != _on_machine(path):
                return f"code in it comes from {path}, which is not this machine's"
        if _traced(pid):
            return "another process has it in its hands (ptrace)"
    except OSError as error:
        return f"it could not be looked at: {error.strerror}"
    return None


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return (
            hashlib.file_digest(file, "sha256").hexdigest()
            if hasattr(hashlib, "file_digest")
            else (hashlib.sha256(file.read()).hexdigest())
        )


@lru_cache(maxsize=32)
def _known(program: str, modified_ns: int) -> str:
    """The digest of a program of the machine's; it is asked for again when the file was changed."""
    return _digest(program)


def _code(pid: int, program: str) -> set[tuple[str, str, int]]:
    """What is mapped as code apart from the program itself: path, device, inode (proc(5), maps)."""
    found: set[tuple[str, str, int]] = set()
    own = os.readlink(f"/proc/{pid}/exe")
    for line in Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
        mapping = _MAPPING.fullmatch(line)
        if mapping is None or "x" not in mapping[1]:
            continue
        path, inode = mapping[4], int(mapping[3])
        made_by_itself = inode == 0 or path.startswith("/memfd:tcg-jit")
        if not made_by_itself and path not in (own, program):
            found.add((path, mapping[2], inode))
    return found


def _on_machine(path: str) -> tuple[str, int] | None:
    """Device and inode of a library of the machine's, as a process that maps it sees them."""
    if not path.startswith(_LIBRARIES) or ".." in path.split("/"):
        return None
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 1, mmap.MAP_PRIVATE, mmap.PROT_READ):
            lines = Path("/proc/self/maps").read_text().splitlines()
            real = os.path.realpath(path)
            for mapping in filter(None, map(_MAPPING.fullmatch, lines)):
                if mapping[4] == real:
                    return mapping[2], int(mapping[3])
    except (OSError, ValueError):
        return None
    return None


def _traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return re.search(r"^TracerPid:\s+0$", status, re.MULTILINE) is None


def tap_namespaces(pid: int) -> dict[str, int]:
    """The taps that a process holds, by name, and the inode of the network namespace that each lives in.

    The descriptor is borrowed from the process (pidfd_getfd(2)), and the tap itself is asked.
    """
    found: dict[str, int] = {}
    handle = os.pidfd_open(pid)
    try:
        for number in filter(str.isdigit, os.listdir(f"/proc/{pid}/fd")):
            with suppress(OSError):
                info = Path(f"/proc/{pid}/fdinfo/{number}").read_text()
                name = re.search(r"^iff:\s*(\S+)", info, re.MULTILINE)
                if name is not None:
                    found[name[1]] = _namespace_of(handle, int(number))
    finally:
        os.close(handle)
    return found


def _namespace_of(handle: int, number: int) -> int:
    tap = linux.call(_PIDFD_GETFD, handle, number, 0)
    try:
        namespace = fcntl.ioctl(tap, _TUNGETDEVNETNS)
        try:
            return os.fstat(namespace).st_ino
        finally:
            os.close(namespace)
    finally:
        os.close(tap)
