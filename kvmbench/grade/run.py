"""The run of a notebook on its bench, within its limits of time and memory."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kvmbench.bench import enter, usage
from kvmbench.bench.lifecycle import Bench
from kvmbench.bench.started import Started
from kvmbench.bench.strict import Strict
from kvmbench.grade import player
from kvmbench.grade.task import Limits
from kvmbench.system import course_place

COURSE = ".course"
"""below the home of the bench's root, a copy of the instructor's own steps: for the notebook's own checks"""
_TICK_S = 0.2
_LONGEST_LINE = 1 << 16
_MOST_LINES = 5000


class Stopped(Exception):
    """The run came to an end before the notebook's."""

    def __init__(self, why: str, *, bench_gone: bool) -> None:
        super().__init__(why)
        self.why = why
        self.bench_gone = bench_gone


class Player:
    """A notebook that is being run. What it says is the submission's word."""

    def __init__(self, bench: Bench, path: str, limits: Limits, strict: Strict, marks: list[str]) -> None:
        self.bench, self.limits = bench, limits
        self.until = time.monotonic() + limits.notebook_s
        self.late = ""
        """why time ran out, of which the machine may be guilty as well as the submission"""
        program = str(Path(player.__file__).resolve())
        argv = [sys.executable, "-I", program, path, str(limits.cell_s), *marks]
        _, environment = enter.own_command(bench)
        if course_place.VARIABLE in environment:
            environment[course_place.VARIABLE] = f"/root/{COURSE}"
        self.started = Started(bench, argv, strict, environment)

    def lines(self) -> Iterator[dict[str, Any]]:
        """What the player says, until its notebook has ended.

        Raises:
            Stopped: the time is over, it took too much memory, or its bench is gone.
        """
        text = b""
        heard = 0
        since = time.monotonic()
        while True:
            part = self.started.hear(_TICK_S)
            self._watch()
            if part == b"":
                time.sleep(_TICK_S)  # what ended it may have ended all of the bench
                self._watch()
                raise Stopped("the notebook's process ended before its last cell", bench_gone=False)
            text += part or b""
            *whole, text = text.split(b"\n")
            if len(text) > _LONGEST_LINE:
                text = b""
            for line in whole:
                said = _read(line)
                heard += 1
                if heard > _MOST_LINES:
                    raise Stopped("the run said more than any notebook has cells", bench_gone=False)
                if "ended" in said:
                    raise Stopped(str(said["ended"])[:500], bench_gone=False)
                if "cell" in said and time.monotonic() - since > self.limits.cell_s:
                    self.late = f"a cell took longer than {self.limits.cell_s} s"
                if said:
                    yield said
                    since = time.monotonic()
                if said.get("mark") == "":
                    return

    def go_on(self, paused_s: float) -> None:
        """After a look, which does not count against the notebook's time."""
        self.until += paused_s
        self.started.say("go\n")

    def end(self) -> None:
        self.started.end()

    def _watch(self) -> None:
        used = usage.memory_mib(self.bench)
        if used is None:
            raise Stopped("the bench ended: its own root ended it, or it ran out of memory", bench_gone=True)
        if used > self.limits.memory_mib:
            usage.end(self.bench)
            raise Stopped(
                f"it used more than {self.limits.memory_mib} MiB of memory and was stopped", bench_gone=True
            )
        if time.monotonic() > self.until:
            self.late = f"it was not done after {self.limits.notebook_s} s"
            raise Stopped(self.late, bench_gone=False)


def _read(line: bytes) -> dict[str, Any]:
    """One line of the player's; nothing for one that it cannot have said."""
    try:
        said = json.loads(line[:_LONGEST_LINE])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(said, dict):
        return {}
    known = {name: said[name] for name in ("cell", "mark", "error", "ended") if name in said}
    return {name: value if value is None else str(value)[:300] for name, value in known.items()}
