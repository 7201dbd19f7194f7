"""Bytes between a guest and any number of views: one reader, a history, and a pump for each view.

A serial socket of QEMU serves one client at a time, so one reader shares it out. What a view has not
acknowledged yet is bounded, as a Jupyter comm takes whatever is put into it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

HISTORY_BYTES = 256 * 1024
"""what scrolls back: about 4,000 full lines"""
UNDER_WAY_BYTES = 512 * 1024
"""what may be on its way to a page that has not said it has it"""
PIECE_BYTES = 64 * 1024
PATIENCE_S = 60.0
"""a page that acknowledges nothing for so long was closed"""

Deliver = Callable[[bytes], None]


class Source(Protocol):
    """Where bytes come from and go to: a socket, or the master's side of a terminal."""

    def fileno(self) -> int: ...
    def read(self) -> bytes:
        """What is there now; b"" when the other side is gone. It blocks until one of them is true."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class SocketSource:
    """A connected socket as a source."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        line.settimeout(None)

    def fileno(self) -> int:
        return self._line.fileno()

    def read(self) -> bytes:
        try:
            return self._line.recv(PIECE_BYTES)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the reader tells that the other side is gone
            self._line.sendall(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # it may be gone already
            self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()


@dataclass
class Window:
    """How much is under way to one view; `wait` holds its pump back until there is room again."""

    limit: int = UNDER_WAY_BYTES
    patience_s: float = PATIENCE_S
    under_way: int = 0
    closed: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def sent(self, count: int) -> None:
        with self.changed:
            self.under_way += count

    def got(self, count: int) -> None:
        with self.changed:
            self.under_way = max(0, self.under_way - count)
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def wait(self) -> bool:
        """Whether more may be sent; False when the view is closed or was silent for too long."""
        with self.changed:
            ready = self.changed.wait_for(
                lambda: self.closed or self.under_way < self.limit, timeout=self.patience_s
            )
            self.closed = self.closed or not ready
            return not self.closed


class Stream:
    """What a source said, kept for those who come later; it ends when the source does, or is closed."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept = bytearray()
        self._forgotten = 0
        """how many bytes came before the first that is kept"""
        self._ended = False
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._wake, self._stop = socket.socketpair()
        threading.Thread(target=self._read, name="kvmbench stream", daemon=True).start()

    @property
    def ended(self) -> bool:
        return self._ended

    @property
    def length(self) -> int:
        """How many bytes came so far; the offset of the next one."""
        with self._changed:
            return self._forgotten + len(self._kept)

    def send(self, data: bytes) -> None:
        """Write to the source; where it takes no more, wait until it does."""
        with self._writing:
            if not self._ended:
                self._source.write(data)

    def since(self, offset: int, *, timeout_s: float | None, most: int = PIECE_BYTES) -> tuple[bytes, int]:
        """What came from an offset on, and the offset after it; waits for it, b"" when nothing came."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._ended or self._forgotten + len(self._kept) > offset, timeout=timeout_s
            )
            start = max(offset - self._forgotten, 0)
            piece = bytes(self._kept[start : start + most])
            return piece, self._forgotten + start + len(piece)

    def close(self) -> None:
        """Let go of the source; whoever waits for more is told that it ended."""
        self._stop.close()

    def _read(self) -> None:
        stop = self._wake.fileno()
        while True:
            ready, _, _ = select.select([self._source.fileno(), stop], [], [])
            piece = b"" if stop in ready else self._source.read()
            with self._changed:
                self._kept += piece
                surplus = len(self._kept) - HISTORY_BYTES
                if surplus > 0:
                    del self._kept[:surplus]
                    self._forgotten += surplus
                self._ended = not piece
                self._changed.notify_all()
            if not piece:
                break
        with self._writing:
            self._source.close()
        self._wake.close()


class Pump:
    """Brings a stream's bytes to one view, from the first that is kept, as fast as the view takes them."""

    def __init__(self, stream: Stream, deliver: Deliver, ended: Callable[[], None]) -> None:
        self.window = Window()
        self._stream, self._deliver, self._tell_end = stream, deliver, ended
        threading.Thread(target=self._run, name="kvmbench pump", daemon=True).start()

    def close(self) -> None:
        self.window.close()

    def _run(self) -> None:
        offset = 0
        while self.window.wait():
            piece, offset = self._stream.since(offset, timeout_s=1)
            if piece:
                self.window.sent(len(piece))
                self._deliver(piece)
            elif self._stream.ended:
                self._tell_end()
                return


def connected(address: str, *, timeout_s: float = 5) -> socket.socket:
    """A socket connected to "host:port" or to a path.

    Raises:
        OSError: nobody listens there.
    """
    if address.startswith("/"):
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(timeout_s)
        try:
            line.connect(address)
        except OSError:
            line.close()
            raise
        return line
    host, _, port = address.rpartition(":")
    return socket.create_connection((_reachable(host.strip("[]")), int(port)), timeout=timeout_s)


def _reachable(host: str) -> str:
    """Where to connect to what listens on every address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)


def deadline(timeout_s: float) -> Callable[[], float]:
    """How many seconds are left, at each call; never below 0."""
    until = time.monotonic() + timeout_s
    return lambda: max(0.0, until - time.monotonic())
