"""What may be typed at a monitor, as this QEMU itself says, and a picture of its guest's screen."""

from __future__ import annotations

import json
import re
import tempfile
from itertools import takewhile
from pathlib import Path
from typing import Any

from kvmbench.errors import BadInput, GuestError
from kvmbench.observe import qmp

_COMMAND = re.compile(r"^([a-z_][\w|-]*)(?: .*)? -- ", re.MULTILINE)
_TOPIC = re.compile(r"^info ([a-z][\w-]*)", re.MULTILINE)


def vnc(socket_path: str) -> str | None:
    """Where the screen is served: "host:port", a socket's path, or None; asked of QEMU."""
    answers = qmp.ask(socket_path, timeout_s=5)
    return None if answers is None else qmp.vnc(answers)


def say(socket_path: str, line: str, *, timeout_s: float = 10) -> str:
    """A line at the monitor; one that begins with { is QMP. What QEMU answers, ending with a newline.

    Raises:
        BadInput: it begins like QMP and is none.
        GuestError: no QEMU answers.
    """
    line = line.strip()
    if line.startswith("{"):
        try:
            order = json.loads(line)
            command, arguments = order["execute"], order.get("arguments")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadInput(f"{line} is no QMP command", 'Write {"execute": "query-status"}.') from None
        return json.dumps(_command(socket_path, command, arguments, timeout_s), indent=2) + "\n"
    said = qmp.monitor(socket_path, line, timeout_s=timeout_s) if line else ""
    if said is None:
        raise _nobody()
    return said.replace("\r\n", "\n")


def completed(socket_path: str, line: str) -> tuple[str, tuple[str, ...]]:
    """A line with its last word completed as far as it is clear, and the words that may be meant."""
    head, space, last = line.rpartition(" ")
    known = _words(socket_path, head.strip()) if head.strip() in ("", "info", "help") else ()
    fitting = tuple(word for word in known if word.startswith(last))
    common = _common_start(fitting) if fitting else last
    after = " " if len(fitting) == 1 else ""
    return head + space + common + after, fitting if len(fitting) > 1 else ()


def _common_start(words: tuple[str, ...]) -> str:
    """What all of them begin with.

    >>> _common_start(("block", "blockstats", "bloom"))
    'blo'
    """
    first, last = min(words), max(words)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(letter for letter, _ in same)


def _words(socket_path: str, before: str) -> tuple[str, ...]:
    said = say(socket_path, "help info" if before == "info" else "help")
    found = (_TOPIC if before == "info" else _COMMAND).findall(said)
    return tuple(sorted({word for names in found for word in names.split("|")}))


def screenshot(socket_path: str, *, timeout_s: float = 10) -> bytes:
    """The screen as a PNG (QMP, screendump).

    Raises:
        GuestError: no QEMU answers, or it has no screen.
    """
    with tempfile.TemporaryDirectory(prefix="kvmbench-") as directory:
        path = Path(directory) / "screen.png"
        reply = _command(socket_path, "screendump", {"filename": str(path), "format": "png"}, timeout_s)
        if "error" in reply or not path.is_file():
            said = reply.get("error", {}).get("desc", "it wrote nothing")
            raise GuestError(f"QEMU could not take the picture: {said}", "Has the guest a screen (-vga)?")
        return path.read_bytes()


def _command(
    socket_path: str, command: str, arguments: dict[str, object] | None, timeout_s: float
) -> dict[str, Any]:
    reply = qmp.command(socket_path, command, arguments, timeout_s=timeout_s)
    if reply is None:
        raise _nobody()
    return {key: value for key, value in reply.items() if key != "id"}


def _nobody() -> GuestError:
    return GuestError("no QEMU answers", "Does the guest run? look().guests lists those that do.")
