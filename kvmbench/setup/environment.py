"""The virtual environment: whether it is whole and up to date, making it, installing into it."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from kvmbench.setup.interpreter import Interpreter, readable_by_all, version_of
from kvmbench.setup.progress import Run, Tell
from kvmbench.setup.trouble import SetupFailed, from_os_error, hint_for

STAMP = ".kvmbench-stamp.json"
# What decides whether an installed environment is still the right one. The kernelspec is copied into it, and
# so is what the front end's sources are bundled into.
INPUTS = ("pyproject.toml", "kvmbench/bench/kernelspec/kernel.json")
_FRONTEND = "kvmbench/widgets/frontend"
# What an environment with all extras takes, and some room for pip to unpack in.
SIZE_MIB = 1000
# These would send pip, or what it installs, elsewhere.
_STRAY_VARIABLES = (
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_USER",
    "PIP_ROOT",
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
)


class State(Enum):
    """What an environment is good for."""

    CURRENT = "whole and up to date"
    STALE = "whole, but something is to be installed into it"
    BROKEN = "to be made anew"


@dataclass(frozen=True)
class Environment:
    """A virtual environment by its directory."""

    root: Path

    @property
    def python(self) -> Path:
        return self.root / "bin" / "python"

    @property
    def is_running(self) -> bool:
        """Whether this very process runs in it."""
        return self.root.exists() and Path(sys.prefix).resolve() == self.root.resolve()


@dataclass(frozen=True)
class Stamp:
    """What an environment was made from; written last, so that a half-made one has none."""

    clone: str
    inputs: str
    extras: tuple[str, ...]
    interpreter: str
    version: tuple[int, int]


def inputs_of(clone: Path) -> str:
    """One hash over the files that decide what is installed."""
    total = hashlib.sha256()
    frontend = clone / _FRONTEND
    sources = (*frontend.glob("*.py"), *frontend.glob("*.json"), *frontend.glob("src/**/*"))
    for name in (*INPUTS, *sorted(str(path.relative_to(clone)) for path in sources)):
        path = clone / name
        total.update(name.encode() + b"\0" + (path.read_bytes() if path.is_file() else b"") + b"\0")
    return total.hexdigest()


def read_stamp(environment: Environment) -> Stamp | None:
    """The stamp of an environment; None where it is missing or was not written to its end."""
    try:
        kept = json.loads((environment.root / STAMP).read_text(encoding="utf-8"))
        return Stamp(
            clone=str(kept["clone"]),
            inputs=str(kept["inputs"]),
            extras=tuple(str(extra) for extra in kept["extras"]),
            interpreter=str(kept["interpreter"]),
            version=(int(kept["version"][0]), int(kept["version"][1])),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def write_stamp(environment: Environment, stamp: Stamp) -> None:
    """Write the stamp in one move, so that it is there whole or not at all."""
    draft = environment.root / f"{STAMP}.{os.getpid()}"
    draft.write_text(json.dumps(stamp.__dict__), encoding="utf-8")
    draft.replace(environment.root / STAMP)


def state_of(environment: Environment, clone: Path, extras: Iterable[str], *, uid: int) -> State:
    """What this environment is good for, for these extras and this user."""
    stamp = read_stamp(environment)
    if stamp is None or stamp.clone != str(clone) or not _python_is_there(environment, stamp, uid):
        return State.BROKEN
    if first_gap(environment, stamp.version) is not None:
        return State.BROKEN
    if stamp.inputs != inputs_of(clone) or not set(extras) <= set(stamp.extras):
        return State.STALE
    return State.CURRENT


def runs(environment: Environment, clone: Path) -> bool:
    """Whether commands can be handed over to it: a quick look, without reading every package."""
    stamp = read_stamp(environment)
    return stamp is not None and stamp.clone == str(clone) and os.access(environment.python, os.X_OK)


def _python_is_there(environment: Environment, stamp: Stamp, uid: int) -> bool:
    """Whether its python still is the one that made it (an upgrade of the system replaces that)."""
    if not os.access(environment.python, os.X_OK):
        return False
    real = environment.python.resolve()
    if str(real) != stamp.interpreter or version_of(real) != stamp.version:
        return False
    return uid != 0 or readable_by_all(Interpreter(real, stamp.version))


def site_packages(environment: Environment, version: tuple[int, int]) -> Path:
    return environment.root / "lib" / f"python{version[0]}.{version[1]}" / "site-packages"


def first_gap(environment: Environment, version: tuple[int, int]) -> str | None:
    """The first installed file that is missing, or empty where it must not be; None when all are there.

    It reads what each package's RECORD lists (18,000 files take 0.1 s); compiled files may come and go.
    """
    packages = site_packages(environment, version)
    described = sorted(packages.glob("*.dist-info"))
    if not any(directory.name.startswith("kvmbench-") for directory in described):
        return "kvmbench"
    return next((gap for directory in described if (gap := _gap_of(packages, directory / "RECORD"))), None)


def _gap_of(packages: Path, record: Path) -> str | None:
    """The first gap of one package, by its RECORD (a list of path, hash, size)."""
    try:
        with record.open(encoding="utf-8", newline="") as listed:
            for name, _, size in csv.reader(listed):
                if not name.endswith(".pyc") and not _whole(f"{packages}/{name}", size):
                    return name
    except (OSError, ValueError, csv.Error):
        return str(record)
    return None


def _whole(path: str, size: str) -> bool:
    try:
        return os.stat(path).st_size > 0 or size in ("", "0")
    except OSError:
        return False


def make(environment: Environment, interpreter: Interpreter, *, run: Run, tell: Tell) -> None:
    """Make an empty environment, in place of whatever is there.

    Raises:
        SetupFailed: there is no room for it, or python could not make it.
    """
    remove(environment)
    environment.root.parent.mkdir(parents=True, exist_ok=True)
    free_mib = shutil.disk_usage(environment.root.parent).free >> 20
    if free_mib < SIZE_MIB:
        full = OSError(
            errno.ENOSPC, f"{free_mib} MiB are free and {SIZE_MIB} are wanted", str(environment.root)
        )
        raise from_os_error(full)
    tell(f"environment: making {environment.root} with {interpreter.spoken}")
    made = run([str(interpreter.path), "-I", "-m", "venv", str(environment.root)], env=clean_environ())
    if not made.ok:
        tell(f"environment: python said\n{made.last_lines()}")
        otherwise = f"See what it says: {interpreter.path} -m venv /tmp/try"
        raise SetupFailed(
            f"{interpreter.path} could not make {environment.root}", hint_for(made.said, otherwise)
        )


def remove(environment: Environment) -> None:
    """Remove an environment; where it is a link, the link alone."""
    if environment.root.is_symlink() or environment.root.is_file():
        environment.root.unlink()
    elif environment.root.exists():
        (environment.root / STAMP).unlink(missing_ok=True)  # cut off half-way, it must not look whole
        shutil.rmtree(environment.root)


def install(
    environment: Environment, clone: Path, extras: Iterable[str], *, run: Run, tell: Tell, log: Path
) -> None:
    """Install the clone, editable, with what it needs; write the stamp when all of it is there.

    Raises:
        SetupFailed: pip failed; its last lines and its log are named.
    """
    wanted = sorted({*extras, *_extras_of(environment)})
    _unsettle(environment)
    tell(f"environment: installing kvmbench and what it needs ({log})")
    inputs = inputs_of(clone)
    target = f"{clone}[{','.join(wanted)}]" if wanted else str(clone)
    argv = [str(environment.python), "-I", "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    done = run([*argv, "--disable-pip-version-check", "--editable", target], env=clean_environ())
    if not done.ok:
        tell(f"environment: pip said\n{done.last_lines()}")
        otherwise = f"Read {log}; then type the same line again: it goes on where it stopped."
        raise SetupFailed(f"pip could not install kvmbench (log: {log})", hint_for(done.said, otherwise))
    real = environment.python.resolve()
    version = version_of(real)
    assert version is not None
    write_stamp(environment, Stamp(str(clone), inputs, tuple(wanted), str(real), version))
    tell("environment: ready")


def _unsettle(environment: Environment) -> None:
    """Let an installation that is cut off count as out of date, whatever the clone looks like then.

    The stamp stays, since what was installed before goes on working when there is no network.
    """
    stamp = read_stamp(environment)
    if stamp is not None:
        write_stamp(environment, replace(stamp, inputs=""))


def _extras_of(environment: Environment) -> tuple[str, ...]:
    """What was installed before stays installed."""
    stamp = read_stamp(environment)
    return stamp.extras if stamp else ()


def clean_environ(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables without those that would lead an installation astray."""
    given = os.environ if environ is None else environ
    return {name: value for name, value in given.items() if name not in _STRAY_VARIABLES}
