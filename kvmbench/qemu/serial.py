"""A guest's serial console: one connection shared by all who look at it, and commands with exit codes.

It needs no network and no agent in the guest, only a getty or a shell on its first serial port.
"""

from __future__ import annotations

import re
import secrets
import shlex
import threading
from collections.abc import Callable
from pathlib import Path

from kvmbench.errors import BadInput, GuestError, GuestSilent, TimedOut
from kvmbench.qemu import launcher
from kvmbench.qemu.stream import SocketSource, Stream, connected, deadline
from kvmbench.system import Completed

LONGEST_LINE = 900
"""busybox's line editor takes 1,023 letters"""
_ASKS_NAME = re.compile(rb"login: ?$")
_ASKS_PASSWORD = re.compile(rb"[Pp]assword: ?$")
_PROMPT = re.compile(rb"[#$] ?$")
_REFUSED = re.compile(rb"Login incorrect")
_COLOURS = re.compile(rb"\x1b(?:\[[0-9;?]*[A-Za-z]|[78=>])")


class Serial:
    """The console of one guest; connects when it is first used, and again when the guest was started anew."""

    def __init__(self, name: str, socket_path: str | None = None) -> None:
        self.name = name
        self.path = socket_path or f"{launcher.place(name)}/console.sock"
        self._stream: Stream | None = None
        self._opening = threading.Lock()
        self._running = threading.Lock()

    @property
    def stream(self) -> Stream:
        """What the guest's serial port says.

        Raises:
            GuestError: no guest of that name has a console socket, or somebody else holds it.
        """
        with self._opening:
            if self._stream is None or self._stream.ended:
                try:
                    line = connected(self.path)
                except OSError as error:
                    raise self._nobody(error) from None
                self._stream = Stream(SocketSource(line))
            return self._stream

    def _nobody(self, error: OSError) -> GuestError:
        if Path(self.path).parent.is_dir() and not Path(self.path).exists():
            return GuestError(
                f"guest {self.name} has its serial port elsewhere: its line names -serial or -nographic",
                "Look at it where that line says, or leave the option out.",
            )
        what = "runs" if isinstance(error, FileNotFoundError | ConnectionRefusedError) else "answers"
        return GuestError(
            f"no guest named {self.name} {what} here", "look().guests lists those that do; start it first."
        )

    def close(self) -> None:
        """Let go of the socket, so that another program can have it."""
        with self._opening:
            if self._stream is not None:
                self._stream.close()
                self._stream = None

    def run(
        self, command: str, *, user: str = "root", password: str = "kvmbench", timeout_s: float = 60
    ) -> Completed:
        """Run a command in the guest's shell, logging in when it is asked to, and give back what it printed.

        Standard output and error come mixed, as on any terminal. A command that takes too long gets a Ctrl-c.

        Raises:
            BadInput: the command is longer than the guest's line editor takes.
            GuestError: no such guest runs here, or it does not take the password.
            GuestSilent: nobody answers at its serial port.
            TimedOut: the command did not end in time.
        """
        token = secrets.token_hex(4)
        # The marks are put together by printf, so that the echo of this very line is not taken for them.
        line = f"printf '<%s>' {token}; sh -c {shlex.quote(command)}; printf '<%s:%d>' {token} $?\r"
        if len(line.encode()) > LONGEST_LINE or "\n" in command:
            raise BadInput(
                f"the command is too long for one line at a serial console ({len(command)} letters)",
                f"Stay on one line, below {LONGEST_LINE - 80} letters, or write a file in pieces.",
            )
        left = deadline(timeout_s)
        with self._running:
            stream = self.stream
            self._to_a_prompt(stream, user, password, left)
            start = stream.length
            stream.send(line.encode())
            begin, end = f"<{token}>".encode(), re.compile(rf"<{token}:(\d+)>".encode())
            said = b""
            while not (found := end.search(said)):
                piece, start = stream.since(start, timeout_s=left())
                if not piece:
                    raise self._cut_short(stream, command, timeout_s)
                said += piece
        printed = said[: found.start()].partition(begin)[2]
        return Completed((command,), int(found[1]), plain(printed), "")

    def _cut_short(self, stream: Stream, command: str, timeout_s: float) -> GuestError | TimedOut:
        if stream.ended:
            return GuestError(f"guest {self.name} ended during {command!r}", "Start it again.")
        stream.send(b"\x03")
        return TimedOut(
            f"{command!r} on the console of {self.name}", timeout_s, "Give it more: run(…, timeout_s=120)."
        )

    def _to_a_prompt(self, stream: Stream, user: str, password: str, left: Callable[[], float]) -> None:
        """Log in where the guest asks for it; a Return shows where it stands."""
        start = stream.length
        stream.send(b"\x03\r" if self._stands_at_prompt(stream) else b"\r")
        said, tried = b"", False
        while True:
            piece, start = stream.since(start, timeout_s=min(left(), 3))
            said += piece
            last = _COLOURS.sub(b"", said).rpartition(b"\n")[2]
            if stream.ended:
                raise GuestError(f"guest {self.name} ended", "Start it again: see step guests.")
            if tried and _REFUSED.search(said):
                raise GuestError(
                    f"guest {self.name} did not let {user} in", 'Give what it wants: run(…, password="…").'
                )
            if _ASKS_NAME.search(last):
                stream.send(user.encode() + b"\r")
                said = b""
            elif _ASKS_PASSWORD.search(last):
                stream.send((password if last else "").encode() + b"\r")
                said, tried = b"", True
            elif _PROMPT.search(last):
                return
            elif left() <= 0:
                raise GuestSilent(
                    f"nobody answers at the serial console of {self.name}",
                    "Has it booted, and does a program hold its terminal? Look at console(…).",
                )
            elif not piece:
                stream.send(b"\r")

    @staticmethod
    def _stands_at_prompt(stream: Stream) -> bool:
        """Whether a shell waits, perhaps with half a line that somebody typed: that is thrown away."""
        said, _ = stream.since(max(0, stream.length - 400), timeout_s=0, most=400)
        last = _COLOURS.sub(b"", said).rpartition(b"\n")[2]
        return bool(re.search(rb"[#$] ", last))


def plain(said: bytes) -> str:
    """What a terminal would show, without colours and cursor movements."""
    return _COLOURS.sub(b"", said).decode(errors="replace").replace("\r\n", "\n").replace("\r", "")


_consoles: dict[str, Serial] = {}
_guard = threading.Lock()


def of(name: str) -> Serial:
    """The console of a guest, the same one for everybody in this process."""
    with _guard:
        return _consoles.setdefault(name, Serial(name))
