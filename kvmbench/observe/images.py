"""Disk images, as qemu-img(1) tells them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from kvmbench.model import Image
from kvmbench.observe.together import together
from kvmbench.system import Completed, Machine, RealMachine

STORE = "/vms"
"""where the tutorial keeps its images, a directory for each kind of guest"""
MOST = 40
"""of the images in the store that nobody asked for by name"""
_ENDINGS = (".img", ".qcow2")
_DEADLINE_S = 5.0
_SETTLED_NS = 100_000_000
"""the clock of a file's times is coarse: what was written this shortly ago may change within the same tick"""


def paths(asked: Sequence[str], used: Sequence[str], machine: Machine) -> tuple[str, ...]:
    """The images to look at: those asked for, those that guests use, and those in the store."""
    stored = [
        f"{STORE}/{kind}/{name}"
        for kind in machine.listdir(STORE)
        for name in machine.listdir(f"{STORE}/{kind}")
        if name.endswith(_ENDINGS)
    ]
    return tuple(dict.fromkeys([*asked, *used, *stored[:MOST]]))


def images(wanted: Sequence[str], machine: Machine) -> tuple[Image, ...]:
    """Look at several at once; one that is not there is left out."""
    found = together([partial(image, path, machine) for path in wanted])
    return tuple(each for each in found if each)


def image(path: str, machine: Machine) -> Image | None:
    """Look at one image, also while a guest writes to it (-U).

    What qemu-img said is remembered until the file, or one of those that it leans on, is another one.
    """
    if not isinstance(machine, RealMachine):
        return _asked(path, machine)
    known = _remembered.get(path)
    if known and all(_identity(each) == was for each, was in known.files.items()):
        return known.image
    before = _identity(path)
    if not before and path.startswith("/") and not os.path.exists(path):
        return None  # as qemu-img would say
    found = _asked(path, machine)
    if found and before and not found.trouble:
        files = {path: before} | _behind(found, machine)
        if (
            all(files.values())
            and max(max(each[:2]) for each in files.values()) < time.time_ns() - _SETTLED_NS
        ):
            _remembered[path] = _Remembered(found, files)
    return found


def _behind(found: Image, machine: Machine) -> dict[str, tuple[int, ...]]:
    """The files that an image leans on, each with its identity; () for what is no file."""
    if found.backing is None:
        return {}
    identity = _identity(found.backing)
    base = image(found.backing, machine) if identity else None
    return {found.backing: identity} | (_behind(base, machine) if base else {})


def _identity(path: str) -> tuple[int, ...]:
    """What changes when a file does: its times (ns) first; () where there is none."""
    try:
        seen = os.stat(path)
    except OSError:
        return ()
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_blocks, seen.st_ino, seen.st_dev


@dataclass(frozen=True)
class _Remembered:
    image: Image
    files: dict[str, tuple[int, ...]]


_remembered: dict[str, _Remembered] = {}


def _asked(path: str, machine: Machine) -> Image | None:
    told = machine.run(["qemu-img", "info", "-U", "--output=json", path], timeout_s=_DEADLINE_S)
    if not told.ok and "No such file or directory" in told.err and f"'{path}'" in told.err:
        return None
    if not told.ok:
        return Image(path, "", 0, 0, trouble=_words(told))
    try:
        said = json.loads(told.out)
    except ValueError as error:
        return Image(path, "", 0, 0, trouble=f"what qemu-img says was not understood: {error}")
    mapped = _map(path, machine) if said["format"] == "qcow2" else None
    return Image(
        path=path,
        format=said["format"],
        virtual_size_bytes=said["virtual-size"],
        actual_size_bytes=said.get("actual-size", 0),
        backing=said.get("full-backing-filename", said.get("backing-filename")),
        backing_format=said.get("backing-filename-format"),
        preallocated=preallocated(mapped.out) if mapped and mapped.ok else None,
        trouble=_words(mapped) if mapped and not mapped.ok else None,
    )


def _map(path: str, machine: Machine) -> Completed:
    """`info` alone does not open the backing file; `map` does, and says when it cannot."""
    return machine.run(["qemu-img", "map", "-U", "--output=json", path], timeout_s=_DEADLINE_S)


def preallocated(text: str) -> bool | None:
    """Whether the metadata was written when the image was made, out of what `qemu-img map` printed.

    Nothing in the file says with which options it was made. What preallocation leaves behind is that every
    part of the disk, written by the guest or not, has its place in this very file: `map` prints it as data at
    depth 0, also where it reads as zeros. Without it a part that was never written is not present. (An image
    of which the guest has written each and every part looks the same, and rightly so: nothing is left to
    prepare.)
    """
    try:
        parts = json.loads(text)
        return bool(parts) and all(part["data"] and part["depth"] == 0 for part in parts)
    except (ValueError, KeyError, TypeError):
        return None


def _words(done: Completed) -> str:
    """In qemu-img's own words."""
    said = (done.err or done.out).strip().splitlines()
    return said[0].removeprefix("qemu-img: ") if said else f"qemu-img ended with code {done.code}"
