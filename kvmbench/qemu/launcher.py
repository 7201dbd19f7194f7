"""The bench's own `qemu-kvm`: where it is kept, and where on a bench it goes."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

INSTALLED_AS = "/usr/libexec/qemu-kvm"
"""where Red Hat's systems keep it, and so the tutorial"""
GUESTS = PurePosixPath("/run/kvmbench/guests")
"""on a bench: a directory for each guest that the launcher ever started there"""


def source() -> Path:
    """The launcher's file: a script for /usr/bin/python3 that needs nothing else of kvmbench."""
    return Path(__file__).with_name("qemu-kvm")


def text() -> str:
    return source().read_text()


def place(guest: str) -> PurePosixPath:
    """The directory of a guest's sockets (qmp.sock, events.sock, console.sock, agent.sock) and its `pid`."""
    return GUESTS / guest
