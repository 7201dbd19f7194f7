"""What kvmbench puts on a new bench: found once, and remembered, so that a kernel starts quickly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

from kvmbench.bench import places
from kvmbench.errors import BadInput, BenchCreationFailed

_FILE = "stock.json"


@dataclass(frozen=True)
class Stock:
    """Files of the machine that a bench gets."""

    image: Path | None = None
    """the course's guest image, qcow2"""
    image_size_bytes: int = 0
    """its virtual size"""
    launcher: Path | None = None
    """becomes /usr/libexec/qemu-kvm"""
    key: Path | None = None
    """ssh private key that the guests accept; its public half lies beside it"""
    templates: Path | None = None
    """what `instant` starts guests from; None where none could be made"""
    engine: str = "{}"
    """JSON: kvm or tcg, and why"""
    made_with: tuple[int, ...] = ()
    """what `made_with` said when it was remembered"""


def save(stock: Stock, directory: Path | None = None) -> None:
    """Remember it for every bench that is made from now on; the shared one for those of all users.

    Raises:
        BenchCreationFailed: the directory cannot be written to.
    """
    paths = {name: getattr(stock, name) for name in ("image", "launcher", "key", "templates")}
    text = json.dumps(
        {name: str(path) for name, path in paths.items() if path}
        | {"image_size_bytes": stock.image_size_bytes, "engine": stock.engine, "made_with": made_with()}
    )
    target = (directory or places.data_directory()) / _FILE
    fresh = target.with_suffix(".new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text)
        fresh.replace(target)
    except OSError as error:
        raise BenchCreationFailed(
            f"kvmbench cannot keep its files in {target.parent}: {error.strerror}",
            "Make room or set KVMBENCH_HOME to another directory, then type it again.",
        ) from error


def load() -> Stock | None:
    """This user's own, or else what root shares with everybody; None when there is neither.

    None too when this user's own has templates of another QEMU: `kvmbench image build` makes them anew.
    """
    own = _read(places.data_directory())
    if own is None:
        return shared()
    return own if own.made_with == made_with() else None


def shared() -> Stock | None:
    """What root shares with every user of this machine; nothing that anybody else could have put there."""
    directory = places.shared_directory()
    try:
        trusted = all(path.stat().st_uid == 0 for path in (directory, directory / _FILE))
    except OSError:
        return None
    return _read(directory) if trusted else None


def make_shared_directory() -> Path:
    """Where root builds what every user gets.

    Raises:
        BadInput: this is not root.
    """
    if os.geteuid() != 0:
        raise BadInput("only root can build for every user of this machine", "Put sudo before the line.")
    directory = places.shared_directory()
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    return directory


def _read(directory: Path) -> Stock | None:
    """What one directory remembers; None when a file of it is gone."""
    try:
        known = json.loads((directory / _FILE).read_text())
        stock = Stock(
            image=Path(known["image"]),
            image_size_bytes=int(known["image_size_bytes"]),
            launcher=Path(known["launcher"]),
            key=Path(known["key"]),
            templates=Path(known["templates"]) if "templates" in known else None,
            engine=str(known["engine"]),
            made_with=tuple(known.get("made_with", ())),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    needed = (stock.image, stock.launcher, stock.key, stock.templates or stock.image)
    return stock if all(path and path.exists() for path in needed) else None


def made_with() -> tuple[int, ...]:
    """What tells one QEMU, and one way to make templates, from another."""
    scripts = [Path(__file__).parent.parent / "qemu" / name for name in ("asleep", "instant")]
    try:
        seen = Path("/usr/bin/qemu-system-x86_64").stat()
    except OSError:
        return ()
    return (seen.st_size, seen.st_mtime_ns, *(zlib.crc32(script.read_bytes()) for script in scripts))


def load_or_make() -> Stock:
    """What was remembered, or else what `kvmbench image build` finds and remembers now.

    Raises:
        BenchCreationFailed: the guest image could not be built.
    """
    known = load()
    if known is None:
        made = subprocess.run(
            [sys.executable, "-m", "kvmbench.cli", "image", "build"],
            stdout=sys.stderr,
            stdin=subprocess.DEVNULL,
            cwd="/",  # Python looks for modules where it starts: not in a directory that a bench writes to
        )
        known = load()
        if made.returncode or known is None:
            raise BenchCreationFailed(
                "there is no guest image to put on a bench", "Build it and see why not: kvmbench image build"
            )
    return known
