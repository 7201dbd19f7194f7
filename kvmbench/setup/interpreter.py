"""Which python makes the environment."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from kvmbench.setup.trouble import SetupFailed

OLDEST = (3, 10)
SYSTEM_PYTHON = Path("/usr/bin/python3")


@dataclass(frozen=True)
class Interpreter:
    """A python program outside any virtual environment, by its real path."""

    path: Path
    version: tuple[int, int]

    @property
    def spoken(self) -> str:
        return f"{self.path} ({self.version[0]}.{self.version[1]})"


def choose(*, uid: int, system: Path = SYSTEM_PYTHON) -> Interpreter:
    """The python that is running now; for root, one that others can read too.

    A bench's root is not the machine's root: a python below /root would be out of its reach.

    Raises:
        SetupFailed: root runs a python that nobody else can read, and the system's is missing or too old.
    """
    running = Interpreter(_base_executable(), (sys.version_info[0], sys.version_info[1]))
    if uid != 0 or readable_by_all(running):
        return running
    version = version_of(system)
    if version is not None and version >= OLDEST:
        return Interpreter(system.resolve(), version)
    raise SetupFailed(
        f"{running.path} lies where only root can read, and {system} is missing or older than 3.10",
        "Install the system's Python, 3.10 or newer: apt-get install python3",
    )


def _base_executable() -> Path:
    """The program behind this process, also where it runs in a virtual environment."""
    return Path(getattr(sys, "_base_executable", sys.executable) or sys.executable).resolve()


def readable_by_all(interpreter: Interpreter) -> bool:
    """Whether everybody may run this python and read its standard library."""
    library = (
        interpreter.path.parent.parent / "lib" / f"python{interpreter.version[0]}.{interpreter.version[1]}"
    )
    return _open_to_all(interpreter.path) and (not library.exists() or _open_to_all(library))


def _open_to_all(path: Path) -> bool:
    """Whether the last of the permission digits lets everybody in, here and in each directory above."""
    try:
        return all(part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents))
    except OSError:
        return False


def version_of(path: Path) -> tuple[int, int] | None:
    """The version of a python, by its real name where that tells it; None where it does not run."""
    named = re.fullmatch(r"python(\d+)\.(\d+)", path.resolve().name)
    if named and os.access(path, os.X_OK):
        return int(named[1]), int(named[2])
    asked = _ask(path, "import sys; print(*sys.version_info[:2])")
    if asked is None:
        return None
    major, minor = asked.split()
    return int(major), int(minor)


def can_make_environments(interpreter: Interpreter) -> bool:
    """Whether its venv module can put pip in place; Debian and Ubuntu ship that apart."""
    return _ask(interpreter.path, "import venv, ensurepip; print('yes')") == "yes"


def venv_package(interpreter: Interpreter, system: Path = SYSTEM_PYTHON) -> str | None:
    """The Debian package that completes this python's venv module; None for a python from elsewhere."""
    if interpreter.path.parent != system.parent:
        return None
    if system.exists() and system.resolve() == interpreter.path:
        return "python3-venv"
    return f"python{interpreter.version[0]}.{interpreter.version[1]}-venv"


def _ask(path: Path, program: str) -> str | None:
    """What a short program prints under this python; None where it fails."""
    try:
        asked = subprocess.run(
            [str(path), "-I", "-c", program], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() if asked.returncode == 0 else None
