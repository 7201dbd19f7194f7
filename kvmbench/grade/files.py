"""A bench's files and disk images, and the machine's own programs to read them with."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass

from kvmbench.bench import beneath, room
from kvmbench.bench.lifecycle import Bench
from kvmbench.model import FileSeen, Image
from kvmbench.observe import host, images
from kvmbench.observe.files import MOST_CHARACTERS
from kvmbench.system import Completed, RealMachine, run
from kvmbench.system.run import PATH

ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C.UTF-8"}


@dataclass
class Machine:
    """What a look may ask: the machine's own programs, and the bench's files by way of its root."""

    init: int
    engine: str

    def run(self, argv: Sequence[str] | str, *, timeout_s: float = 30.0, input: str = "") -> Completed:
        return run(argv, timeout_s=timeout_s, input=input, env=ENVIRONMENT)

    def read(self, path: str) -> str | None:
        if path == host.ENGINE:
            return self.engine  # the bench's copy is the student's to write
        if path.startswith(("/proc/", "/sys/")):
            return RealMachine().read(path)
        found = beneath.read(self.init, path)
        return None if found is None else found.decode(errors="replace")

    def listdir(self, path: str) -> tuple[str, ...]:
        if path.startswith(("/proc/", "/sys/")):
            return RealMachine().listdir(path)
        return beneath.names_in(self.init, path)


def disks(bench: Bench, paths: Sequence[str]) -> tuple[Image, ...]:
    """Read by the machine's qemu-img in a room where nothing is but the bench's disks."""

    class Room(Machine):
        def run(self, argv: Sequence[str] | str, *, timeout_s: float = 30.0, input: str = "") -> Completed:
            return room.run(bench, [f"/usr/bin/{argv[0]}", *argv[1:]], timeout_s=timeout_s)

    machine = Room(bench.init, "")
    found = [images.image(path, machine) for path in dict.fromkeys(paths)]
    return tuple(image for image in found if image)


def file(init: int, path: str) -> FileSeen:
    """Look at one path of the bench; no link on it leads out."""
    try:
        place = beneath.open_path(init, path, os.O_NOFOLLOW)
    except OSError:
        return FileSeen(path, "missing", resolves=False)
    try:
        mode = os.fstat(place).st_mode
        target = os.readlink("", dir_fd=place) if stat.S_ISLNK(mode) else None
    finally:
        os.close(place)
    kind = "link" if target is not None else "directory" if stat.S_ISDIR(mode) else "file"
    try:
        behind = beneath.open_path(init, path)
    except OSError:  # a link to nowhere, or in a circle
        return FileSeen(path, kind, target=target, resolves=False)
    try:
        mode = os.fstat(behind).st_mode
    finally:
        os.close(behind)
    regular = stat.S_ISREG(mode)
    start = beneath.read(init, path, 4 * MOST_CHARACTERS) or b"" if regular else b""
    text = "" if b"\0" in start else start.decode(errors="replace")[:MOST_CHARACTERS]
    return FileSeen(path, kind, executable=regular and bool(mode & 0o111), target=target, text=text)
