"""A command on a terminal of its own (pty(7)), for programs that talk to a person."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import struct
import subprocess
import termios
from collections.abc import Sequence

from kvmbench.errors import BadInput

_PIECE_BYTES = 65536


class Terminal:
    """A running command and the master's side of its terminal. Its end is the end of the bytes.

    Raises:
        BadInput: there is no such program.
    """

    def __init__(self, argv: Sequence[str], *, columns: int = 80, rows: int = 24) -> None:
        self._master, slave = os.openpty()
        self.resize(columns, rows)
        try:
            self._process = subprocess.Popen(
                [*_CONTROLLING, *argv],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=os.environ | {"TERM": "xterm-256color"},
            )
        except FileNotFoundError:
            os.close(self._master)
            raise BadInput(
                f"there is no program {argv[0]}", "Look at how it is spelt, as in a shell."
            ) from None
        finally:
            os.close(slave)

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        return self._master

    def read(self) -> bytes:
        """What it prints; b"" when it ended."""
        try:
            return os.read(self._master, _PIECE_BYTES)
        except OSError as error:
            if error.errno != errno.EIO:  # that is how Linux says that nobody holds the slave any more
                raise
            return b""

    def write(self, data: bytes) -> None:
        """Type."""
        with contextlib.suppress(OSError):  # it ended meanwhile, which `read` tells
            while data:
                data = data[os.write(self._master, data) :]

    def resize(self, columns: int, rows: int) -> None:
        """Tell the program how large its terminal is (TIOCSWINSZ)."""
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self) -> None:
        """Hang up, as a closed terminal does; a program that does not mind the signal is killed."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGHUP)
        os.close(self._master)
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()


# setsid(1): a session of its own, with the terminal as the controlling one, so that Ctrl-c typed there is a
# signal, and an interrupt of the notebook is none. (It would fork if the process led a group already.)
# A server that was started with nohup, or in the background by a script, ignores hanging up or interrupts,
# and hands that on: on a terminal they are heard.
_CONTROLLING = ("env", "--default-signal=HUP,INT,QUIT", "setsid", "--ctty")
