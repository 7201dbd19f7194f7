"""Everything that one look saw; goes to JSON and back."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

import msgspec

from kvmbench.model.guest import Guest
from kvmbench.model.host import FileSeen, HostFacts, Image
from kvmbench.model.network import BENCH, Link, Netns
from kvmbench.model.probe import Probe, ProbeResult
from kvmbench.model.services import DhcpServer, Lease

UPLINK = "ens33"


@dataclass(frozen=True)
class Snapshot:
    """One look at a bench."""

    bench: str
    taken_at: float
    """seconds since 1970"""
    namespaces: tuple[Netns, ...]
    """the bench's own network namespace first, under the name "" """
    guests: tuple[Guest, ...] = ()
    images: tuple[Image, ...] = ()
    files: tuple[FileSeen, ...] = ()
    dhcp_servers: tuple[DhcpServer, ...] = ()
    leases: tuple[Lease, ...] = ()
    host: HostFacts | None = None
    probes: tuple[ProbeResult, ...] = ()
    troubles: tuple[str, ...] = ()
    """what could not be looked at, and why"""

    def netns(self, name: str) -> Netns | None:
        return next((netns for netns in self.namespaces if netns.name == name), None)

    def link(self, name: str, netns: str = BENCH) -> Link | None:
        """An interface by its name, in the bench's own namespace or a named one."""
        room = self.netns(netns)
        return room.link(name) if room else None

    def guest(self, name: str) -> Guest | None:
        return next((guest for guest in self.guests if guest.name == name), None)

    def image(self, path: str) -> Image | None:
        return next((image for image in self.images if image.path == path), None)

    def file(self, path: str) -> FileSeen | None:
        return next((file for file in self.files if file.path == path), None)

    def probe(self, probe: Probe) -> ProbeResult | None:
        """What came back for this question; None when nobody asked it."""
        return next((result for result in self.probes if result.probe == probe), None)

    def to_json(self) -> str:
        return msgspec.json.encode(self, enc_hook=str).decode()

    @staticmethod
    def from_json(text: str | bytes) -> Snapshot:
        """Back from `to_json`.

        Raises:
            msgspec.ValidationError: the text is not a Snapshot.
        """
        return msgspec.json.decode(text, type=Snapshot, dec_hook=_decode)


def _decode(wanted: type, value: Any) -> Any:
    """msgspec knows no ipaddress types; their text is their JSON."""
    if wanted.__module__ == ipaddress.__name__:
        return wanted(value)
    raise NotImplementedError(f"no way back from JSON for {wanted}")
