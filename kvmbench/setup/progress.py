"""Lines that show how far the set-up is, and commands whose output goes to a log."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

Tell = Callable[[str], None]

HEARTBEAT_S = 10.0
GRACE_S = 10.0


@dataclass
class Progress:
    """Prints one line a step, with the seconds since the start."""

    to: IO[str] = field(default_factory=lambda: sys.stderr)
    began_s: float = field(default_factory=time.monotonic)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began_s

    def __call__(self, line: str) -> None:
        print(f"[{self.elapsed_s:6.1f} s] {line}", file=self.to, flush=True)


@dataclass(frozen=True)
class Ran:
    """A command that ended: its exit code and all that it printed."""

    code: int
    said: str

    @property
    def ok(self) -> bool:
        return self.code == 0

    def last_lines(self, count: int = 5) -> str:
        """The last lines that say something, indented."""
        lines = [line for line in self.said.splitlines() if line.strip()]
        return "\n".join(f"    {line[:200]}" for line in lines[-count:])


class Run(Protocol):
    """Runs a command to its end and gives back what it said."""

    def __call__(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Ran: ...


@dataclass
class LoggedRun:
    """Runs commands one by one; their output goes to a log file, and a sign of life to the screen."""

    log: Path
    tell: Tell
    heartbeat_s: float = HEARTBEAT_S

    def __call__(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Ran:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8", errors="replace") as log:
            log.write(f"\n$ {' '.join(argv)}\n")
            log.flush()
            try:
                process = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env=None if env is None else dict(env),
                )
            except OSError as error:
                return Ran(127, f"{argv[0]}: {error.strerror}")
            with process:
                try:
                    said = self._follow(process, log)
                except BaseException:
                    _end(process)
                    raise
        return Ran(process.returncode, said)

    def _follow(self, process: subprocess.Popen[bytes], log: IO[str]) -> str:
        """Copy what comes to the log until the output ends; say something when nothing else does."""
        assert process.stdout is not None
        kept: list[str] = []
        spoke_s = time.monotonic()
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            while True:
                if ready.select(timeout=self.heartbeat_s):
                    chunk = os.read(process.stdout.fileno(), 65536)
                    if not chunk:
                        break
                    text = chunk.decode("utf-8", errors="replace")
                    kept.append(text)
                    log.write(text)
                    log.flush()
                if time.monotonic() - spoke_s >= self.heartbeat_s:
                    spoke_s = time.monotonic()
                    self.tell("  … " + _sign_of_life("".join(kept)))
        process.wait()
        return "".join(kept)


def _sign_of_life(said: str) -> str:
    """The last line that was said, short enough for a screen.

    >>> _sign_of_life("Collecting a\\nCollecting b>=3 (from c)\\n")
    'Collecting b>=3 (from c)'
    >>> _sign_of_life("")
    'still at it'
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:80] if lines else "still at it"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a child that is no longer wanted: politely first, since apt-get must put its lock away."""
    try:
        process.terminate()
        process.wait(timeout=GRACE_S)
    except PermissionError:  # sudo is root's; the Ctrl-C that ends us reached it too
        process.wait()
    except subprocess.TimeoutExpired:
        process.kill()
