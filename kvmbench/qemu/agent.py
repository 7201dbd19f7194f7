"""Ask a guest: run a command in it through the agent that listens on its second serial port.

The protocol, in lines of text (the guest's half is `guest/sbin/agent`):

    PING <nonce>                             -> PONG <nonce> <hostname>
    RUN <nonce> <seconds> <base64 command>   -> BEGIN <nonce>, OUT/ERR <base64> …, END <nonce> <exit code>

Unknown lines are ignored on both sides. A nonce here ends in the length of the base64, so that a guest never
runs a command that lost its tail with the client that sent it; and a PING goes before every RUN, so that no
command is left behind in a guest that does not listen, to be run when nobody waits for it any more.
"""

from __future__ import annotations

import base64
import fcntl
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from kvmbench.errors import BadInput, GuestError, GuestSilent
from kvmbench.system.run import Completed

# The guest's kernel keeps 64 KiB of input that is not read yet.
_LONGEST_COMMAND_BYTES = 32 * 1024
_RETRY_S = 0.05
_PING_EVERY_S = 0.25
# An answer may come this much later than its time, and this long may pass between two pieces of it.
_SLACK_S = 5.0


def ask(socket_path: Path, command: str, *, timeout_s: float = 20) -> Completed:
    """Run a shell command in the guest as root, with no input; its exit code (124 after its time) and output.

    Each output is cut at 1 MiB. Only one command runs in a guest at a time; others wait for their turn, at
    most `timeout_s` as well.

    Raises:
        GuestSilent: the guest does not answer, or not in time.
        GuestError: there is no such guest.
        BadInput: the command is longer than 32 KiB.
    """
    encoded = _encoded(command)
    with _connection(socket_path, timeout_s) as line:
        return _asked(line, command, encoded, timeout_s)


def ask_connected(connected: socket.socket, guest: str, command: str, *, timeout_s: float = 20) -> Completed:
    """As `ask`, over a connection to the guest's agent that is there already."""
    return _asked(_Line(connected, guest), command, _encoded(command), timeout_s)


def _encoded(command: str) -> str:
    encoded = base64.b64encode(command.encode()).decode()
    if len(encoded) > _LONGEST_COMMAND_BYTES:
        raise BadInput(
            f"a command of {len(command.encode())} bytes is too long for a guest's agent",
            "Copy it into the guest as a file over ssh, and run that.",
        )
    return encoded


def _asked(line: _Line, command: str, encoded: str, timeout_s: float) -> Completed:
    line.wait_for_pong(time.monotonic() + timeout_s)
    nonce = f"{token_hex(6)}-{len(encoded)}"
    seconds = max(1, round(timeout_s))
    line.send(f"RUN {nonce} {seconds} {encoded}")
    code, out, err = line.answer(nonce, seconds + _SLACK_S)
    return Completed(("sh", "-c", command), code, out, err)


def wait_ready(socket_path: Path, timeout_s: float = 60) -> str:
    """Wait until the guest's agent answers; the guest's own host name.

    Raises:
        GuestSilent: it did not answer in time.
        GuestError: there is no such guest, nor was there one in all that time.
    """
    deadline = time.monotonic() + timeout_s
    with _connection(socket_path, timeout_s, patient=True) as line:
        return line.wait_for_pong(deadline)


class _Line:
    """A connection to an agent."""

    def __init__(self, connected: socket.socket, guest: str) -> None:
        self._socket = connected
        self._guest = guest
        self._received = b""

    def send(self, text: str) -> None:
        # The line break before it ends whatever an earlier client left unfinished.
        try:
            self._socket.sendall(f"\n{text}\n".encode())
        except OSError as error:
            raise self._gone() from error

    def wait_for_pong(self, deadline: float) -> str:
        nonce = token_hex(6)
        while (now := time.monotonic()) < deadline:
            self.send(f"PING {nonce}")
            for words in self._lines(min(now + _PING_EVERY_S, deadline)):
                if words[:2] == ["PONG", nonce]:
                    return words[2] if len(words) > 2 else ""
        raise GuestSilent(
            f"the agent of guest {self._guest} does not answer",
            "It may still be starting or busy: look at its console. An image of your own has no agent.",
        )

    def answer(self, nonce: str, timeout_s: float) -> tuple[int, str, str]:
        """Exit code, output and error output of the command with this nonce."""
        outputs: dict[str, list[bytes]] = {"OUT": [], "ERR": []}
        begun = False
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for words in self._lines(deadline):
                if words[:2] == ["BEGIN", nonce]:
                    begun = True
                elif begun and words[:2] == ["END", nonce] and len(words) == 3 and words[2].isdigit():
                    out, err = (b"".join(outputs[kind]).decode(errors="replace") for kind in ("OUT", "ERR"))
                    return int(words[2]), out, err
                elif begun and len(words) == 2 and words[0] in outputs:
                    outputs[words[0]].append(_decoded(words[1]))
                    deadline = max(deadline, time.monotonic() + _SLACK_S)
        raise GuestSilent(
            f"guest {self._guest} did not end its answer in {timeout_s:g} s",
            "Look at its console: it may have stopped, or its agent was ended by the command itself.",
        )

    def _lines(self, deadline: float) -> Iterator[list[str]]:
        """The words of each line that comes before the deadline."""
        while (left := deadline - time.monotonic()) > 0:
            while b"\n" in self._received:
                line, _, self._received = self._received.partition(b"\n")
                yield line.decode(errors="replace").split()
            if select.select([self._socket], [], [], left)[0]:
                try:
                    received = self._socket.recv(1 << 16)
                except OSError as error:
                    raise self._gone() from error
                if not received:
                    raise self._gone()
                self._received += received

    def _gone(self) -> GuestSilent:
        return GuestSilent(
            f"guest {self._guest} went away before it had answered",
            "Was it switched off? Start it again with its qemu-kvm line.",
        )


@contextmanager
def _connection(socket_path: Path, timeout_s: float, *, patient: bool = False) -> Iterator[_Line]:
    """The only connection to this agent: QEMU serves one client and lets others hang."""
    guest = socket_path.parent.name
    deadline = time.monotonic() + timeout_s
    while not socket_path.exists() and patient and time.monotonic() < deadline:
        time.sleep(_RETRY_S)
    if not socket_path.exists():
        raise _no_guest(guest)
    with socket_path.with_suffix(".lock").open("w") as lock:
        while not _try_lock(lock.fileno()):
            if time.monotonic() > deadline:
                raise GuestSilent(
                    f"guest {guest} is busy with another command since more than {timeout_s:g} s",
                    "Wait for it to end; 'ps' on the bench shows who asked.",
                )
            time.sleep(_RETRY_S)
        with socket.socket(socket.AF_UNIX) as connected:
            while True:
                try:
                    connected.connect(str(socket_path))
                    break
                except OSError as error:
                    if not patient or time.monotonic() > deadline:
                        raise _no_guest(guest) from error
                    time.sleep(_RETRY_S)
            yield _Line(connected, guest)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _no_guest(guest: str) -> GuestError:
    return GuestError(
        f"no guest {guest} is running",
        "Start it with its qemu-kvm line; 'kvmbench look' lists those that run.",
    )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # a line that was damaged on its way: better a hole than nothing
        return b""
