"""Disk images (qemu-img(1))."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable

from kvmbench.act.action import Action
from kvmbench.errors import BadInput, ImageError, KvmbenchError
from kvmbench.qemu.options import size_bytes
from kvmbench.system import Completed, Machine

FORMATS = ("qcow2", "raw")


def create(path: str, size: str, *, format: str = "qcow2", preallocation: str = "off") -> Action:
    """Make an empty disk image; what is there already under that name is overwritten.

    Raises:
        BadInput: a size that does not parse, or a format or preallocation that is not of this course.
    """
    wanted = size_bytes(size)
    if format not in FORMATS:
        raise BadInput(f"{format!r} is no format of this course", f"Take one of {', '.join(FORMATS)}.")
    if preallocation not in ("off", "metadata"):
        raise BadInput(f"{preallocation!r} is no preallocation of this course", "Take metadata or off.")
    if format == "raw" and preallocation == "metadata":
        raise BadInput(
            "a raw image has no metadata to preallocate", "Take the format qcow2, or preallocation off."
        )
    options = f"size={size}" if preallocation == "off" else f"preallocation={preallocation},size={size}"

    def done(machine: Machine) -> bool:
        found = _info(machine, path)
        return (
            found.get("format") == format
            and found.get("virtual-size") == wanted
            and "backing-filename" not in found
            and _preallocated(machine, path) is (preallocation == "metadata")
        )

    return Action(
        says=f"make the disk image {path} of {size}",
        today=(f"qemu-img create -f {format} -o {options} {shlex.quote(path)}",),
        done=done,
        undo=(f"rm -f {shlex.quote(path)}",),
        absent=lambda machine: not _exists(machine, path),
        explain=_explain(path),
    )


def overlay(path: str, backing: str, *, backing_format: str = "qcow2") -> Action:
    """Make an image that keeps only what differs from its backing file."""

    def hindered(machine: Machine) -> ImageError | None:
        if _exists(machine, backing):
            return None
        return ImageError(
            f"there is no image {backing} to build upon", "Make it first; see which there are: ls -l /vms/*"
        )

    return Action(
        says=f"make {path}, an overlay of {backing}",
        today=(
            f"qemu-img create -f qcow2 -b {shlex.quote(backing)} -F {backing_format} {shlex.quote(path)}",
        ),
        done=lambda machine: _info(machine, path).get("full-backing-filename") == backing,
        hindered=hindered,
        undo=(f"rm -f {shlex.quote(path)}",),
        absent=lambda machine: not _exists(machine, path),
        explain=_explain(path),
    )


def _exists(machine: Machine, path: str) -> bool:
    return machine.run(f"test -e {shlex.quote(path)}").ok


def _info(machine: Machine, path: str) -> dict[str, object]:
    # -U reads it although a running guest holds its lock
    return _json(machine.run(f"qemu-img info -U --output=json {shlex.quote(path)}"))


def _preallocated(machine: Machine, path: str) -> bool:
    checked = _json(machine.run(f"qemu-img check -U --output=json {shlex.quote(path)}"))
    return bool(checked) and checked.get("allocated-clusters", 0) == checked.get("total-clusters")


def _json(ended: Completed) -> dict[str, object]:
    try:
        found = json.loads(ended.out)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _explain(path: str) -> Callable[[Completed], KvmbenchError | None]:
    def explain(ended: Completed) -> KvmbenchError | None:
        if "lock" in ended.err:
            return ImageError(
                f"{path} is locked: a running guest writes to it",
                "Power that guest off first, or take another name.",
            )
        if "No such file or directory" in ended.err:
            directory = path.rpartition("/")[0] or "."
            return ImageError(f"there is no directory {directory}", f"Make it first: mkdir -p {directory}")
        return None

    return explain
