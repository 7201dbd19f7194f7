"""Several looks at once, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
AT_ONCE = 8


def together(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """What each returns, in the order of the tasks.

    Raises:
        Exception: what the first of them raised that raised.
    """
    if len(tasks) < 2:
        return [task() for task in tasks]
    with ThreadPoolExecutor(min(AT_ONCE, len(tasks)), thread_name_prefix="look") as pool:
        return [future.result() for future in [pool.submit(task) for task in tasks]]
