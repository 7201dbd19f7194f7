"""Where the environment, its log and its lock are, for this user and this clone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

VENV_NAME = ".venv"


@dataclass(frozen=True)
class Places:
    """The directories and files of one user and one clone."""

    clone: Path
    in_clone: Path
    """The environment in the clone, made by whom the clone belongs to."""
    in_home: Path
    """The environment of a user to whom the clone does not belong."""
    log: Path
    lock: Path


def clone_root() -> Path | None:
    """The clone that this code lies in, or None where the package was installed without one."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "pyproject.toml").is_file() else None


def places_of(clone: Path, environ: Mapping[str, str]) -> Places:
    """The places for a clone; two clones of one user have different ones."""
    name = hashlib.sha256(os.fsencode(clone)).hexdigest()[:8]
    state = _base(environ, "XDG_STATE_HOME", ".local/state")
    return Places(
        clone=clone,
        in_clone=clone / VENV_NAME,
        in_home=_base(environ, "XDG_DATA_HOME", ".local/share") / f"venv-{name}",
        log=state / f"setup-{name}.log",
        lock=state / f"setup-{name}.lock",
    )


def _base(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    """A directory of the XDG Base Directory specification; a relative value is to be ignored."""
    chosen = environ.get(variable, "")
    if Path(chosen).is_absolute():
        return Path(chosen) / "kvmbench"
    home = environ.get("HOME") or os.path.expanduser("~")  # the record in /etc/passwd
    return Path(home) / below_home / "kvmbench"


def own_environment(places: Places, uid: int) -> Path:
    """Where this user makes an environment: in the clone if it is theirs, else below their home.

    Someone else's environment is never changed, and no file of another owner is left in a user's clone,
    as `sudo python3 -m kvmbench up` would.
    """
    holder = places.in_clone if os.path.lexists(places.in_clone) else places.clone
    mine = holder.lstat().st_uid == uid
    return places.in_clone if mine and os.access(places.clone, os.W_OK) else places.in_home


def readable_environments(places: Places, uid: int) -> tuple[Path, ...]:
    """The environments that this user may run, the own one first.

    One that root or the owner of the clone made is as much to be trusted as the clone itself.
    """
    own = own_environment(places, uid)
    found = [own]
    trusted = {0, uid, places.clone.stat().st_uid}
    if own != places.in_clone and places.in_clone.is_dir() and places.in_clone.stat().st_uid in trusted:
        found.append(places.in_clone)
    if places.in_home not in found:
        found.append(places.in_home)
    return tuple(found)
