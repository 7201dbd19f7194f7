"""Files that the tutorial makes: links, scripts, settings."""

from __future__ import annotations

import stat
from pathlib import Path

from kvmbench.model import FileSeen

MOST_CHARACTERS = 4096


def file(path: str) -> FileSeen:
    """Look at one path; a pipe or a device is not read, as that could wait for ever."""
    place = Path(path)
    try:
        itself = place.lstat()
    except OSError:
        return FileSeen(path, "missing", resolves=False)
    target = _target(place) if stat.S_ISLNK(itself.st_mode) else None
    kind = "link" if target is not None else "directory" if stat.S_ISDIR(itself.st_mode) else "file"
    try:
        behind = place.stat()
    except OSError:  # a link to nowhere, or in a circle
        return FileSeen(path, kind, target=target, resolves=False)
    regular = stat.S_ISREG(behind.st_mode)
    return FileSeen(
        path=path,
        kind=kind,
        executable=regular and bool(behind.st_mode & 0o111),
        target=target,
        text=_text(place) if regular else "",
    )


def _target(place: Path) -> str | None:
    try:
        return str(place.readlink())
    except OSError:
        return None


def _text(place: Path) -> str:
    """Nothing of what is no text."""
    try:
        with place.open("rb") as opened:
            start = opened.read(4 * MOST_CHARACTERS)
    except OSError:
        return ""
    return "" if b"\0" in start else start.decode(errors="replace")[:MOST_CHARACTERS]
