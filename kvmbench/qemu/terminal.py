"""A command line on a terminal that many can look at: `qemu-kvm … -nographic` with its Ctrl-a keys."""

from __future__ import annotations

from kvmbench.qemu.stream import Stream
from kvmbench.system.terminal import Terminal


class Sitting:
    """A command that runs on a terminal of its own, its stream, and how it ended."""

    def __init__(self, line: str) -> None:
        self.line = line
        self._terminal = Terminal(["sh", "-c", line])
        self.stream = Stream(self._terminal)

    def resize(self, columns: int, rows: int) -> None:
        if not self.stream.ended:
            self._terminal.resize(columns, rows)

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._terminal.code

    def close(self) -> None:
        """Hang up."""
        self.stream.close()
