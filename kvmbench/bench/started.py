"""A program on a strict bench, with a pipe each way, that its starter can end and never waits for in vain."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Sequence
from contextlib import suppress

from kvmbench.bench import enter, linux
from kvmbench.bench.lifecycle import Bench
from kvmbench.bench.strict import Strict
from kvmbench.errors import KvmbenchError


class Started:
    """A running program."""

    def __init__(self, bench: Bench, argv: Sequence[str], strict: Strict, env: dict[str, str]) -> None:
        there, self.writing = os.pipe()
        self.reading, here = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _become(bench, argv, strict, env, there, here)
        os.close(there)
        os.close(here)

    def say(self, text: str) -> None:
        """One that has gone does not hear it."""
        with suppress(BrokenPipeError):
            os.write(self.writing, text.encode())

    def hear(self, timeout_s: float) -> bytes | None:
        """Some of what it printed; nothing when it has closed its output, None when nothing came in time."""
        if not select.select([self.reading], [], [], timeout_s)[0]:
            return None
        return os.read(self.reading, 1 << 16)

    def end(self) -> None:
        """End it, if it has not ended."""
        for pipe in (self.reading, self.writing):
            os.close(pipe)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _become(
    bench: Bench, argv: Sequence[str], strict: Strict, env: dict[str, str], there: int, here: int
) -> None:
    code = 1
    try:
        linux.die_with_parent(signal.SIGKILL)
        strict.join()
        null = os.open(os.devnull, os.O_WRONLY)
        for number, descriptor in enumerate((there, here, null)):
            os.dup2(descriptor, number)
        os.closerange(3, 2**16)
        code = enter.run(bench, argv, env=env, new_session=True, prepare=strict.confine)
    except KvmbenchError:
        code = 125
    finally:
        os._exit(code)
