"""What a QEMU tells without being asked (QEMU manual, QMP Reference, events): paused, resumed, off."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from pathlib import Path

EVENTS_SOCKET = "events.sock"
"""beside qmp.sock, which serves one client at a time and is for questions"""
_HELLO = json.dumps({"execute": "qmp_capabilities"}).encode() + b"\n"
_SILENT = {"RTC_CHANGE", "VSERPORT_CHANGE", "NIC_RX_FILTER_CHANGED"}
"""they change nothing that is shown"""


class QmpEvents:
    """A connection that only listens."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._received = b""

    @staticmethod
    def connect(socket_path: Path) -> QmpEvents | None:
        """None when no QEMU listens there, or not yet."""
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            line.connect(str(socket_path))
            line.send(_HELLO)  # it may be said before the greeting has come
        except OSError:
            line.close()
            return None
        return QmpEvents(line)

    def fileno(self) -> int:
        return self._line.fileno()

    def close(self) -> None:
        self._line.close()

    def read(self) -> tuple[bool, bool]:
        """Whether something was told, and whether QEMU is still there; never waits."""
        told = False
        while True:
            try:
                piece = self._line.recv(1 << 16)
            except BlockingIOError:
                return told, True
            except OSError:
                return told, False
            if not piece:
                return told, False
            *whole, self._received = (self._received + piece).split(b"\n")
            told = any(map(_is_news, whole)) or told


def _is_news(line: bytes) -> bool:
    with suppress(ValueError, AttributeError):
        event = json.loads(line).get("event")
        return event is not None and event not in _SILENT
    return False
