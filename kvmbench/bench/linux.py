"""The few system calls that Python 3.11 does not offer, such as unshare(2), mount(2) and pivot_root(2)."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000
ROOM = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET
"""everything of a host of one's own, apart from the user namespace"""

MS_NOSUID = 0x2
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x4_0000
MNT_DETACH = 0x2

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_SYS_PIVOT_ROOT = 155
_SYS_OPEN_TREE = 428
_SYS_MOVE_MOUNT = 429
_SYS_MOUNT_SETATTR = 442
_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 0x4
_MOUNT_ATTR_RDONLY = 0x1
_MOUNT_ATTR_IDMAP = 0x10_0000

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttr(ctypes.Structure):
    """struct mount_attr of mount_setattr(2)."""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def call(number: int, *arguments: Any) -> int:
    """A system call that the C library has no function for (syscall(2)).

    Raises:
        OSError: it failed.
    """
    return _check(int(_libc.syscall(ctypes.c_long(number), *arguments)), f"system call {number}")


def unshare(flags: int) -> None:
    """New namespaces for the calling process; a pid namespace only for its children to come."""
    _check(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int = 0) -> None:
    """Enter the namespace behind an open /proc/PID/ns file."""
    _check(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str | Path, fstype: str = "", flags: int = 0, data: str = "") -> None:
    target = str(target)
    _check(
        _libc.mount(source.encode(), target.encode(), fstype.encode(), ctypes.c_ulong(flags), data.encode()),
        f"mount {fstype or source} on {target}",
    )


def umount(target: str | Path) -> None:
    """Take a mount out of the tree at once; what still uses it goes on until it is closed."""
    _check(_libc.umount2(str(target).encode(), MNT_DETACH), f"umount {target}")


def bind(source: str | Path, target: str | Path, *, read_only: bool = False) -> None:
    """Show a file or a directory, with all that is mounted below it, in a second place."""
    mount(str(source), target, flags=MS_BIND | MS_REC)
    if read_only:
        _set_attributes(target, _MountAttr(attr_set=_MOUNT_ATTR_RDONLY))


def bind_mapped(source: str | Path, target: str | Path, userns: int) -> None:
    """Show a directory with its owners translated by a user namespace (mount_setattr(2), MOUNT_ATTR_IDMAP).

    Only real root may. What belongs to id 0 on disk then belongs to the namespace's id 0, and the reverse.
    """
    tree = _check(
        _libc.syscall(_SYS_OPEN_TREE, _AT_FDCWD, str(source).encode(), _OPEN_TREE_CLONE | os.O_CLOEXEC),
        str(source),
    )
    try:
        attributes = _MountAttr(attr_set=_MOUNT_ATTR_IDMAP, userns_fd=userns)
        _check(
            _libc.syscall(
                _SYS_MOUNT_SETATTR,
                tree,
                b"",
                _AT_EMPTY_PATH,
                ctypes.byref(attributes),
                ctypes.sizeof(attributes),
            ),
            f"map the owners of {source}",
        )
        _check(
            _libc.syscall(
                _SYS_MOVE_MOUNT, tree, b"", _AT_FDCWD, str(target).encode(), _MOVE_MOUNT_F_EMPTY_PATH
            ),
            f"mount {source} on {target}",
        )
    finally:
        os.close(tree)


def _set_attributes(target: str | Path, attributes: _MountAttr) -> None:
    _check(
        _libc.syscall(
            _SYS_MOUNT_SETATTR,
            _AT_FDCWD,
            str(target).encode(),
            _AT_RECURSIVE,
            ctypes.byref(attributes),
            ctypes.sizeof(attributes),
        ),
        f"set the attributes of {target}",
    )


def pivot_root(new_root: str | Path) -> None:
    """Make a mount the root directory, and let go of the old one (pivot_root(2), NOTES)."""
    os.chdir(new_root)
    _check(_libc.syscall(_SYS_PIVOT_ROOT, b".", b"."), f"pivot_root {new_root}")
    umount(".")  # the old root lies on top of the new one now
    os.chdir("/")


def prctl(option: int, *values: int) -> None:
    """Change something of the calling process itself (prctl(2))."""
    words = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    _check(_libc.prctl(option, *words), f"prctl {option}")


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this signal when the thread that forked the caller ends; call it before exec."""
    prctl(_PR_SET_PDEATHSIG, signal_number)


def hide_from_peers() -> None:
    """Others with the same user id can no longer look into this process (prctl(2), PR_SET_DUMPABLE)."""
    prctl(_PR_SET_DUMPABLE, 0)


def show_to_peers() -> None:
    """Take `hide_from_peers` back: /proc/self belongs to the caller again."""
    prctl(_PR_SET_DUMPABLE, 1)


def map_self_to_root(uid: int, gid: int) -> None:
    """Right after unshare(CLONE_NEWUSER): the caller's one id becomes 0 in it (user_namespaces(7))."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
