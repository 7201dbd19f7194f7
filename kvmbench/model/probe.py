"""Questions that only a packet can answer, and what came back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Probe:
    """A question asked on the wire, from one named place.

    A place is `bench`, `outside`, `netns:NAME` or `guest:NAME`.
    """

    kind: str
    """ping, tcp, http, ssh, host-key, dns or dhcp"""
    source: str
    target: str = ""
    """an address, or `guest:NAME` for whatever address that guest has on its first NIC"""
    port: int = 0
    question: str = ""
    """the name that a name server is asked for"""

    @staticmethod
    def ping(source: str, target: str) -> Probe:
        """An ICMP echo is answered."""
        return Probe("ping", source, target)

    @staticmethod
    def http(source: str, target: str, port: int = 80) -> Probe:
        """A web page comes; `said` is its body (the outside server answers with the client's address)."""
        return Probe("http", source, target, port)

    @staticmethod
    def ssh(source: str, target: str, port: int = 22) -> Probe:
        """A shell opens with the bench's key; `said` is the host name behind it."""
        return Probe("ssh", source, target, port)

    @staticmethod
    def tcp(source: str, target: str, port: int) -> Probe:
        """A connection opens; `said` is the first line that the service sends of itself, if any."""
        return Probe("tcp", source, target, port)

    @staticmethod
    def host_key(source: str, target: str, port: int = 22) -> Probe:
        """An sshd shows its key; `said` is the fingerprint, as `ssh-keygen -l` prints it: SHA256:…"""
        return Probe("host-key", source, target, port)

    @staticmethod
    def dns(source: str, server: str, name: str, port: int = 53) -> Probe:
        """A name server knows an address of a name; `said` is the first one."""
        return Probe("dns", source, server, port, name)

    @staticmethod
    def dhcp(source: str) -> Probe:
        """A DHCP server offers an address; `said` is `address=… router=… server=… mask=…`."""
        return Probe("dhcp", source)


@dataclass(frozen=True)
class ProbeResult:
    """What came back."""

    probe: Probe
    ok: bool | None
    """None: it could not be asked (the source is missing or silent)"""
    said: str = ""
    why: str = ""
    """the words of the program that asked, when ok is not True"""
    took_ms: float = 0.0
