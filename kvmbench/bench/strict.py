"""A bench for code that nobody has read: what it may use, and that it shows nothing of its maker's."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Strict:
    """What a bench and all that lives on it may use.

    What it writes is kept in memory (tmpfs(5)) of a fixed size, so that neither the disk nor the memory of
    the machine can be filled with files. The limits of setrlimit(2) go to every process of it.
    """

    disk_mib: int = 1024
    processes: int = 400
    """processes and threads; a guest without KVM has about ten"""
    address_space_mib: int = 8192
    """of one process: QEMU reserves far more than it uses"""
    groups: tuple[str, ...] = ()
    """directories of the control group (cgroups(7)) of all the bench, where its maker may have one"""

    def join(self) -> None:
        """Move the calling process into the control group; what it starts is in it too."""
        for directory in self.groups:
            (Path(directory) / "cgroup.procs").write_text("0")

    def confine(self) -> None:
        """Set the limits of the calling process, which it cannot raise again.

        The number of processes counts in the user namespace of the caller, not among its owner's other
        processes (user_namespaces(7), ucounts): call it once the caller is in that of the bench.
        """
        limits = {
            resource.RLIMIT_NPROC: self.processes,
            resource.RLIMIT_AS: self.address_space_mib * 2**20,
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_NOFILE: 4096,
        }
        for kind, most in limits.items():
            _, hard = resource.getrlimit(kind)
            value = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (value, value))
