"""Where a bench keeps what outlives its processes, and what it may be called."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import platformdirs

from kvmbench.errors import BadInput
from kvmbench.system.outside import SERVICE

DEFAULT = "default"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def checked_name(name: str) -> str:
    """The name itself.

    Raises:
        BadInput: it is not 1 to 32 lower case letters, digits and hyphens.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{name!r} cannot be the name of a bench",
            "Take 1 to 32 lower case letters, digits and hyphens, for example lab-1.",
        )
    return name


def data_directory() -> Path:
    """All that kvmbench keeps for this user: $KVMBENCH_HOME, else $XDG_DATA_HOME/kvmbench."""
    chosen = os.environ.get("KVMBENCH_HOME")
    return Path(chosen) if chosen else platformdirs.user_data_path("kvmbench")


def shared_directory() -> Path:
    """What the machine's root keeps for every user: $KVMBENCH_SHARED, else /var/lib/kvmbench."""
    return Path(os.environ.get("KVMBENCH_SHARED") or "/var/lib/kvmbench")


def benches_directory() -> Path:
    return data_directory() / "benches"


def journal_directory(name: str) -> Path:
    """What a student did on a bench, step by step: it lies beside the benches, so that a reset keeps it."""
    return data_directory() / "journals" / checked_name(name)


def meeting_directory(home: Path) -> Path:
    """Where the sockets of a bench's kernels lie, under the same path inside and outside.

    A unix socket's path ends at 107 bytes (unix(7)): a long home directory calls for a short one elsewhere.
    """
    inside_home = home / "run"
    if len(str(inside_home)) <= 80:
        return inside_home
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    return base / f"kvmbench-{os.getuid()}" / home.name


def environment_directories() -> tuple[Path, ...]:
    """What Python needs to run kvmbench: its virtual environment, its base, and this package."""
    package = Path(__file__).resolve().parent.parent
    home = Path.home().resolve()
    # Beside the package lies what Python imports too, such as a sitecustomize.py that somebody put there.
    beside = package if package.parent in (home, *home.parents) else package.parent
    wanted = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent, beside]
    kept: list[Path] = []
    for directory in wanted:
        system = Path("/usr") in (directory, *directory.parents)
        if (
            not system
            and directory != Path("/")
            and not any(k in (directory, *directory.parents) for k in kept)
        ):
            kept.append(directory)
    return tuple(kept)


def notebooks_directory() -> Path | None:
    """The course's notebooks beside the package, when it runs from a clone."""
    beside = Path(__file__).resolve().parent.parent.parent / "notebooks"
    return beside if beside.is_dir() else None


def on_bench() -> str | None:
    """The name of the bench that the calling process runs on; None on the machine itself."""
    name = os.environ.get("KVMBENCH_BENCH")
    return name if name and (SERVICE / "bench.json").exists() else None
