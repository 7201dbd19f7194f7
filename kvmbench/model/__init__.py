"""Frozen nouns without I/O: what a look at a bench can hold."""

from kvmbench.model.fact import Fact
from kvmbench.model.guest import Drive, Guest, Inside, Nic
from kvmbench.model.host import FileSeen, HostFacts, Image
from kvmbench.model.network import (
    BridgePort,
    BridgeState,
    FdbEntry,
    Flow,
    Link,
    Neighbour,
    Netns,
    Route,
    Rule,
)
from kvmbench.model.outcome import Check, Outcome, Verdict, blocked, failed, passed
from kvmbench.model.probe import Probe, ProbeResult
from kvmbench.model.services import DhcpServer, Lease
from kvmbench.model.snapshot import Snapshot
from kvmbench.model.wanted import Wanted

__all__ = [
    "BridgePort",
    "BridgeState",
    "Check",
    "DhcpServer",
    "Drive",
    "Fact",
    "FdbEntry",
    "FileSeen",
    "Flow",
    "Guest",
    "HostFacts",
    "Image",
    "Inside",
    "Lease",
    "Link",
    "Neighbour",
    "Netns",
    "Nic",
    "Outcome",
    "Probe",
    "ProbeResult",
    "Route",
    "Rule",
    "Snapshot",
    "Verdict",
    "Wanted",
    "blocked",
    "failed",
    "passed",
]
