"""What a guest's own system says: one question to its agent, and its answer read."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Protocol

from kvmbench.errors import KvmbenchError
from kvmbench.model import Inside
from kvmbench.system import Completed

DEADLINE_S = 2.0
QUESTION = """read -r name </proc/sys/kernel/hostname
echo host $name
echo links /sys/class/net/*
ls -l /sys/class/net/*/device/driver
ip -o addr
ip route"""
"""for busybox and its sh, with three processes only: without KVM each costs a guest tens of milliseconds"""

_ADDRESS = re.compile(r"^\d+:\s+(\S+)\s+inet (\S+?)(?: peer \S+?(/\d+))? ")
_DRIVER = re.compile(r"/sys/class/net/([^/ ]+)/device/driver -> (\S+)")
_GATEWAY = re.compile(r"^default via (\d+\.\d+\.\d+\.\d+)")


class Ask(Protocol):
    """How a guest's agent is asked (kvmbench.qemu.agent)."""

    def __call__(self, socket_path: Path, command: str, *, timeout_s: float = ...) -> Completed: ...


def inside(socket_path: str | None, ask: Ask) -> Inside | None:
    """Ask a guest about itself; None when it is silent, because it still boots or has no agent."""
    if socket_path is None:
        return None
    try:
        done = ask(Path(socket_path), QUESTION, timeout_s=DEADLINE_S)
    except (KvmbenchError, OSError):
        return None
    return read(done.out)


def read(text: str) -> Inside | None:
    """Read what the question made a guest print; None when that is not what it is."""
    hostname: str | None = None
    gateway: IPv4Address | None = None
    addresses: dict[str, list[IPv4Interface]] = {}
    drivers: dict[str, str] = {}
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["host"] and hostname is None:
            hostname = " ".join(words[1:])
        elif words[:1] == ["links"]:
            addresses.update({path.rpartition("/")[2]: [] for path in words[1:] if "*" not in path})
        elif found := _DRIVER.search(line):
            drivers[found[1]] = found[2].rpartition("/")[2]
        elif found := _ADDRESS.match(line):
            address = found[2] if "/" in found[2] else found[2] + (found[3] or "/32")
            addresses.setdefault(found[1], []).append(IPv4Interface(address))
        elif gateway is None and (found := _GATEWAY.match(line)):
            gateway = IPv4Address(found[1])
    if hostname is None:
        return None
    return Inside(hostname, {name: tuple(each) for name, each in addresses.items()}, gateway, drivers)


def agent() -> Ask:
    """The agent's client, imported where it is used."""
    from kvmbench.qemu.agent import ask

    return ask
