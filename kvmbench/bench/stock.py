"""What kvmbench puts on a new bench: found once, and remembered, so that a kernel starts quickly."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from kvmbench.bench import places
from kvmbench.errors import BenchCreationFailed


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
    engine: str = "{}"
    """JSON: kvm or tcg, and why"""


def save(stock: Stock) -> None:
    """Remember it for every bench that is made from now on.

    Raises:
        BenchCreationFailed: the data directory cannot be written to.
    """
    paths = {"image": stock.image, "launcher": stock.launcher, "key": stock.key}
    text = json.dumps(
        {name: str(path) for name, path in paths.items() if path}
        | {"image_size_bytes": stock.image_size_bytes, "engine": stock.engine}
    )
    target = places.data_directory() / "stock.json"
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
    """What was remembered; None when there is nothing, or when a file of it is gone."""
    try:
        known = json.loads((places.data_directory() / "stock.json").read_text())
        stock = Stock(
            image=Path(known["image"]),
            image_size_bytes=int(known["image_size_bytes"]),
            launcher=Path(known["launcher"]),
            key=Path(known["key"]),
            engine=str(known["engine"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stock if all(path and path.exists() for path in (stock.image, stock.launcher, stock.key)) else None


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
