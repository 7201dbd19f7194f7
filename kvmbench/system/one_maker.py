"""Directories in which things are made that take long: one process at a time, and nothing half-made stays."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kvmbench.errors import KvmbenchError

SCRATCH = "making-"
"""what is not finished has a name that begins so"""


@contextmanager
def one_maker(
    place: Path, what: str, failed: type[KvmbenchError], report: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Hold a directory, made when it is missing; what an earlier maker left when it was killed is swept away.

    Raises:
        failed: it cannot be made or written.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = (place / "lock").open("w")
    except OSError as error:
        raise failed(
            f"no {what} can be kept in {place}: {error.strerror}",
            "Make that directory writable for you, or name another cache in XDG_CACHE_HOME.",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"another kvmbench makes the {what}: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in place.glob(f"{SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
