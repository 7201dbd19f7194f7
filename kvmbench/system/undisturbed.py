"""Work that Ctrl-C must not cut in two."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold back an interrupt until the work is done (signal(7), SIGINT); what it starts does not.

    Raises:
        KeyboardInterrupt: at the end, when one came.
    """
    if threading.current_thread() is not threading.main_thread():  # no interrupt is raised in another one
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)
        if came:
            raise KeyboardInterrupt
