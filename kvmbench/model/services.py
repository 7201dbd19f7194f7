"""dnsmasq as a DHCP server, and the leases that it gave."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DhcpServer:
    """A running dnsmasq, read from its command line (dnsmasq(8)) and its sockets."""

    pid: int
    argv: tuple[str, ...]
    netns: str
    interfaces: tuple[str, ...]
    ranges: tuple[tuple[str, str], ...]
    """first and last address of each -F"""
    options: dict[int, str]
    """-O number → value; 3 is the router"""
    lease_file: str = "/var/lib/misc/dnsmasq.leases"


@dataclass(frozen=True)
class Lease:
    """An address on loan."""

    address: str
    mac: str
    hostname: str | None
    expires: int
    """seconds since 1970, 0 for never"""
