"""A guest's screen, serial console and monitor in a notebook, and a terminal of the bench."""

from __future__ import annotations

import re
from typing import Any

from kvmbench.errors import GuestError, KvmbenchError
from kvmbench.observe import monitor as qemu_monitor
from kvmbench.qemu import launcher, serial
from kvmbench.qemu.stream import Pump, Stream
from kvmbench.qemu.terminal import Sitting
from kvmbench.qemu.vnc import VncLine
from kvmbench.shown import Said
from kvmbench.widgets.view import View

_CURSOR_IS_AT = re.compile(rb"\x1b\[\d+;\d+R")
"""a terminal's answer to the question where its cursor stands"""


def as_typed(data: bytes) -> bytes:
    """What somebody typed, without what the terminal in the page answered by itself."""
    return _CURSOR_IS_AT.sub(b"", data)


def _qmp(name: str) -> str:
    return f"{launcher.place(name)}/qmp.sock"


class Screen(View, view="screen"):
    """A guest's screen by VNC: click into it and type. A display with a password asks for it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lines: dict[str, VncLine] = {}
        super().__init__(title=f"{name}: screen")
        self._address()  # a guest that is not there is told now, and not in the page

    def _address(self) -> str:
        address = qemu_monitor.vnc(_qmp(self.name))
        if address is None:
            raise GuestError(
                f"guest {self.name} shows no screen by VNC",
                "Start it with -vnc :N; look().guests tells who runs.",
            )
        return address

    def received(self, kind: str, content: dict[str, Any], data: bytes) -> None:
        view = str(content.get("view"))
        line = self._lines.get(view)
        if kind == "open":
            self._open(view)
        elif kind in ("close", "hang-up"):
            self._lines.pop(view, None)
            if line is not None:
                line.close()
        elif line is not None and kind == "send":
            line.send(data)
        elif line is not None and kind == "got":
            line.window.got(int(content["bytes"]))

    def _open(self, view: str) -> None:
        if (old := self._lines.pop(view, None)) is not None:
            old.close()

        def ended() -> None:
            self.tell({"kind": "ended", "view": view, "why": f"{self.name} is gone"})

        try:
            self.tell({"kind": "opened", "view": view})
            self._lines[view] = VncLine(
                self._address(), lambda data: self.tell({"kind": "data", "view": view}, data), ended
            )
        except (KvmbenchError, OSError):
            ended()

    def screenshot(self) -> bytes:
        """The screen now, as a PNG.

        Raises:
            GuestError: its QEMU does not answer.
        """
        return qemu_monitor.screenshot(_qmp(self.name))

    def as_text(self) -> str:
        return f"the screen of {self.name}"

    def as_picture(self) -> bytes | None:
        try:
            return self.screenshot()
        except GuestError:
            return None


class _Lettered(View):
    """What shows a stream of letters in a terminal; each view has a pump of its own."""

    invites = "click or Tab into it to type"

    def __init__(self, **traits: Any) -> None:
        self._pumps: dict[str, Pump] = {}
        super().__init__(**traits)

    def _stream(self) -> Stream:
        raise NotImplementedError

    def _ended(self) -> str:
        """What to tell when the stream ended."""
        raise NotImplementedError

    def received(self, kind: str, content: dict[str, Any], data: bytes) -> None:
        view = str(content.get("view"))
        if kind == "open":
            self._open(view)
        elif kind == "send":
            self._type(view, data)
        elif kind == "got" and view in self._pumps:
            self._pumps[view].window.got(int(content["bytes"]))
        elif kind == "close" and view in self._pumps:
            self._pumps.pop(view).close()

    def _open(self, view: str) -> None:
        def ended() -> None:
            self._pumps.pop(view, None)
            self._tell(view, self._ended(), bad=True)

        try:
            stream = self._stream()
        except KvmbenchError as error:
            self._tell(view, error.what, bad=True)
            return
        self._tell(view, self.invites)
        self._pumps[view] = Pump(stream, lambda data: self.tell({"kind": "data", "view": view}, data), ended)

    def _type(self, view: str, data: bytes) -> None:
        if view not in self._pumps:  # it ended: a key looks whether it is back
            self._open(view)
        if view in self._pumps:
            self._stream().send(data)

    def _tell(self, view: str, words: str, *, bad: bool = False) -> None:
        self.tell({"kind": "told", "view": view, "words": words, "bad": bad})

    def as_text(self) -> str:
        try:
            stream = self._stream()
        except KvmbenchError as error:
            return str(error)
        said, _ = stream.since(0, timeout_s=0, most=1 << 20)
        shown = serial.plain(said).rstrip().splitlines()[-24:]
        return "\n".join((self.title, *shown))


class Console(_Lettered, view="terminal"):
    """A guest's serial console: click into it and type, or `.run("ip route")`."""

    invites = "click or Tab into it, and press Enter"
    """what the line said before is gone, and a guest that waits for a login says nothing more by itself"""

    def __init__(self, name: str) -> None:
        self.name = name
        self._serial = serial.of(name)
        super().__init__(title=f"{name}: serial console")
        self._stream()

    def _stream(self) -> Stream:
        return self._serial.stream

    def _type(self, view: str, data: bytes) -> None:
        # The guest's shell asks at each prompt, those of `run` too, and would read the answer as typed.
        if typed := as_typed(data):
            super()._type(view, typed)

    def _ended(self) -> str:
        return f"{self.name} is gone; a key tries again"

    def run(self, command: str, *, password: str = "kvmbench", timeout_s: float = 60) -> Said:
        """Run a command as root in the guest, over the serial line: it needs no network and no agent there.

        Raises:
            GuestError: no such guest runs, or it refuses the password.
            GuestSilent: nobody answers at its serial port.
            TimedOut: the command did not end in time.
        """
        return Said(self._serial.run(command, password=password, timeout_s=timeout_s))

    def close(self) -> None:
        """Let go of the serial socket, which serves one visitor at a time."""
        self._serial.close()
        super().close()


class TerminalView(_Lettered, view="terminal"):
    """A command line on a terminal of the bench; `qemu-kvm … -nographic` has its Ctrl-a keys there."""

    def __init__(self, line: str) -> None:
        self.sitting = Sitting(line)
        super().__init__(title=line if len(line) <= 100 else f"{line[:99]}…")

    def _stream(self) -> Stream:
        return self.sitting.stream

    def _type(self, view: str, data: bytes) -> None:
        if not self.sitting.stream.ended:
            self.sitting.stream.send(data)

    def _ended(self) -> str:
        return "it ended"

    def received(self, kind: str, content: dict[str, Any], data: bytes) -> None:
        if kind == "resize":
            self.sitting.resize(int(content["columns"]), int(content["rows"]))
        else:
            super().received(kind, content, data)

    def close(self) -> None:
        """Hang up: the command ends."""
        self.sitting.close()
        super().close()


class Monitor(View, view="monitor"):
    """The monitor of a guest's QEMU, as -monitor stdio shows it; lines with { are QMP."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(title=f"{name}: monitor")
        qemu_monitor.say(_qmp(name), "info version")

    def received(self, kind: str, content: dict[str, Any], data: bytes) -> None:
        line, view = str(content.get("line", "")), content.get("view")
        try:
            if kind == "line":
                self.tell({"kind": "said", "view": view, "text": qemu_monitor.say(_qmp(self.name), line)})
            elif kind == "complete":
                becomes, words = qemu_monitor.completed(_qmp(self.name), line)
                self.tell(
                    {"kind": "completed", "view": view, "line": line, "becomes": becomes, "words": words}
                )
        except KvmbenchError as error:
            self.tell({"kind": "said", "view": view, "text": f"{error}\n"})

    def as_text(self) -> str:
        return f"the monitor of {self.name}"
