"""Real guests for tests: a QEMU with a directory of its own, ended by its process id whatever happens."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kvmbench.qemu.agent import ask
from kvmbench.system.run import run

BOOT_S = 90
"""how long a guest may take to answer on a machine where everybody else is busy as well"""


class Guest:
    """A QEMU with the sockets that the bench's launcher gives it."""

    def __init__(self, directory: Path, image: Path, *more: str, disk: str = "virtio") -> None:
        self.agent, self.console, self.qmp = (
            directory / f"{name}.sock" for name in ("agent", "console", "qmp")
        )
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [
                "qemu-system-x86_64", "-name", "c1", "-accel", "tcg", "-m", "256", "-smp", "2",
                "-display", "none",
                "-smbios", "type=3,asset=c1", "-qmp", f"unix:{self.qmp},server=on,wait=off",
                "-serial", f"unix:{self.console},server=on,wait=off",
                "-serial", f"unix:{self.agent},server=on,wait=off",
                "-drive", f"file={image},media=disk,if={disk},format=qcow2", *more,
            ],
            cwd=directory,
        )  # fmt: skip

    def says(self, command: str) -> str:
        return ask(self.agent, command).checked().out

    def await_(self, what: str, command: str, *, timeout_s: float = 60) -> str:
        """Wait until a command succeeds in the guest."""
        deadline = time.monotonic() + timeout_s
        while not (done := ask(self.agent, command)).ok:
            assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}: {done}"
        return done.out


@contextmanager
def running(image: Path, *more: str, disk: str = "virtio", keep: Path | None = None) -> Iterator[Guest]:
    """A guest on an overlay of the image."""
    # Not under tmp_path: the path of a socket ends at 107 bytes.
    above = Path(tempfile.mkdtemp(prefix="kvmbench-"))
    directory = above / "c1"
    directory.mkdir()
    overlay = keep or directory / "disk.qcow2"
    try:
        if not overlay.exists():
            line = ["qemu-img", "create", "-f", "qcow2", "-F", "qcow2", "-b", str(image), str(overlay)]
            run(line).checked()
        guest = Guest(directory, overlay, *more, disk=disk)
        try:
            yield guest
        finally:
            guest.process.kill()
            guest.process.wait()
    finally:
        shutil.rmtree(above)


def eventually(what: str, true: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"waited {timeout_s} s for: {what}"
        time.sleep(0.05)


def qmp(guest: Guest, command: str, **arguments: str) -> None:
    with socket.socket(socket.AF_UNIX) as line, line.makefile("rw") as text:
        line.connect(str(guest.qmp))
        text.readline()
        for execute, given in (("qmp_capabilities", {}), (command, arguments)):
            text.write(json.dumps({"execute": execute, "arguments": given}) + "\n")
            text.flush()
            while "return" not in (answer := json.loads(text.readline())):
                assert "error" not in answer, answer
