"""A room with nothing in it but the machine's programs and a bench's disks, to read what nobody vouches for.

A disk image may name any file as its backing or data file; a program of the machine that opens it here finds
only what the bench's own root could find, and none of the programs and settings that lie on the bench.
"""

from __future__ import annotations

import os
import select
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from kvmbench.bench import linux, seal
from kvmbench.bench.lifecycle import Bench
from kvmbench.system.run import PATH, Completed

_SHOWN = ("vms", "root")
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


def run(bench: Bench, argv: Sequence[str], *, timeout_s: float = 10) -> Completed:
    """Run a program of the machine's (its whole path) to its end; code 124 when its time ran out."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _become(bench, argv, out.fileno(), err.fileno())
        handle = os.pidfd_open(child)
        in_time = bool(select.select([handle], [], [], timeout_s)[0])
        if not in_time:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(handle)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read(16 * 2**20).decode(errors="replace"))
    return Completed(tuple(argv), (128 - code if code < 0 else code) if in_time else 124, *texts)


def _become(bench: Bench, argv: Sequence[str], out: int, err: int) -> NoReturn:
    try:
        linux.die_with_parent(signal.SIGKILL)
        null = os.open(os.devnull, os.O_RDONLY)
        for number, descriptor in enumerate((null, out, err)):
            os.dup2(descriptor, number)
        _furnish(bench)
        seal.close_files()
        os.execve(argv[0], list(argv), {"PATH": PATH, "LC_ALL": "C.UTF-8"})
    except OSError as error:
        os.write(2, f"{argv[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def _furnish(bench: Bench) -> None:
    """Build it out of what the keeper sees: the mounts that the bench's root made are not among these."""
    mine = os.geteuid() == 0
    owner = os.stat(f"/proc/{bench.init}").st_uid
    if not mine:
        linux.setns(bench.doors["user"], linux.CLONE_NEWUSER)
    linux.setns(bench.doors["mnt"], linux.CLONE_NEWNS)
    linux.unshare(linux.ROOM & ~linux.CLONE_NEWPID)  # whoever has left its process ids can start no threads
    linux.mount("", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    room = Path("/sys")  # a place that is a mount already, which nobody on the bench can have replaced
    linux.mount("tmpfs", room, "tmpfs", linux.MS_NOSUID, "mode=755,size=1m")
    (room / "usr").mkdir()
    # Not what lies upon it: a bench has layers of its own over /usr/bin and others.
    linux.mount("/usr", room / "usr", flags=linux.MS_BIND)
    for name in _LINKS:
        (room / name).symlink_to(f"usr/{name}")
    for name in _SHOWN:
        (room / name).mkdir()
        linux.bind(Path("/", name), room / name, read_only=True)
    (room / "dev").mkdir()
    (room / "dev" / "null").touch()
    linux.bind("/dev/null", room / "dev" / "null")
    linux.pivot_root(room)
    seal.refuse_what_leads_out()
    if mine:
        os.setgroups([])
        os.setresgid(owner, owner, owner)
        os.setresuid(owner, owner, owner)
