"""How long something takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """Once."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median(work: Callable[[], object], times: int = 5) -> float:
    """Of a few times."""
    return statistics.median(seconds(work) for _ in range(times))


def until(condition: Callable[[], bool], *, timeout_s: float = 120.0) -> float:
    """How long until it is so; it is asked every millisecond.

    Raises:
        TimeoutError: it never was.
    """
    started = time.perf_counter()
    while not condition():
        if time.perf_counter() - started > timeout_s:
            raise TimeoutError(f"not within {timeout_s:g} s")
        time.sleep(0.001)
    return time.perf_counter() - started
