"""QEMU guests: the process, its hardware, and what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface


@dataclass(frozen=True)
class Drive:
    """A disk or a CD of a guest."""

    file: str
    format: str
    """qcow2, raw, …; "" when the command line leaves it to be probed"""
    interface: str
    """virtio, ide, scsi, floppy, …"""
    media: str = "disk"
    cache: str = "writeback"


@dataclass(frozen=True)
class Nic:
    """A guest's network card and the tap it is plugged into."""

    model: str
    """virtio, e1000, rtl8139, ne2k_pci, pcnet, i82551, …"""
    mac: str
    tap: str | None = None


@dataclass(frozen=True)
class Inside:
    """What a guest's own system says, asked through its agent."""

    hostname: str
    addresses: dict[str, tuple[IPv4Interface, ...]]
    """interface → its addresses"""
    gateway: IPv4Address | None
    drivers: dict[str, str]
    """interface → kernel driver (virtio_net, e1000, …)"""


@dataclass(frozen=True)
class Guest:
    """A running QEMU process."""

    name: str
    pid: int
    argv: tuple[str, ...]
    status: str
    """running, paused, … as QMP query-status says; "unknown" when QEMU could not be asked"""
    engine: str
    """kvm or tcg"""
    memory_mib: int
    vcpus: int
    machine: str = ""
    cpu: str = ""
    drives: tuple[Drive, ...] = ()
    nics: tuple[Nic, ...] = ()
    vnc: str | None = None
    """where its screen is served: "host:port" or a socket's path"""
    console: str | None = None
    """unix socket of its first serial port"""
    agent: str | None = None
    """unix socket of its agent"""
    qmp: str | None = None
    """unix socket of its QEMU monitor protocol"""
    executable: str = ""
    resident_mib: float = 0.0
    inside: Inside | None = None
    """None when the guest did not answer"""
