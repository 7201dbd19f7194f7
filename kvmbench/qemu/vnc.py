"""A VNC connection for each view of a screen: RFB bytes as they are, held back while the page is behind."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kvmbench.qemu.stream import Deliver, SocketSource, Window, connected


class VncLine:
    """One connection to a VNC display, at "host:port" or at a unix socket.

    Raises:
        OSError: nobody listens there.
    """

    def __init__(self, address: str, deliver: Deliver, ended: Callable[[], None]) -> None:
        self.window = Window()
        self._source = SocketSource(connected(address))
        self._deliver, self._tell_end = deliver, ended
        threading.Thread(target=self._run, name="kvmbench screen", daemon=True).start()

    def send(self, data: bytes) -> None:
        self._source.write(data)

    def close(self) -> None:
        """Hang up; what is read no more is not delivered."""
        self.window.close()
        self._source.close()

    def _run(self) -> None:
        while self.window.wait() and (piece := self._source.read()):
            self.window.sent(len(piece))
            self._deliver(piece)
        asked_to = self.window.closed
        self._source.close()
        if not asked_to:
            self._tell_end()
