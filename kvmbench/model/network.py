"""Links, addresses, routes, bridges and packet filter rules of one network namespace."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface

BENCH = ""
"""The name under which a Snapshot holds the bench's own network namespace."""


@dataclass(frozen=True)
class BridgePort:
    """What a bridge says of one of its ports (bridge(8))."""

    state: str
    """disabled, listening, learning, forwarding or blocking"""
    cost: int = 0
    learning: bool = True


@dataclass(frozen=True)
class BridgeState:
    """What a bridge says of itself (ip-link(8), TYPE bridge)."""

    stp: bool
    ageing_s: float
    forward_delay_s: float
    root: bool | None = None
    """whether it is the root of its spanning tree"""


@dataclass(frozen=True)
class Link:
    """A network interface (rtnetlink(7), RTM_NEWLINK)."""

    name: str
    index: int
    kind: str
    """veth, bridge, tun, loopback, … as `ip -d link` names it; "" for a plain device"""
    mac: str
    up: bool
    """set up by somebody (IFF_UP)"""
    carrier: bool
    """something is plugged in at the other end (IFF_LOWER_UP)"""
    mtu: int = 1500
    master: str | None = None
    peer: str | None = None
    """the other end of a veth pair, by its name there"""
    peer_netns: str | None = None
    """the network namespace of that end; None when it is none of the named ones"""
    inet: tuple[IPv4Interface, ...] = ()
    inet6: tuple[IPv6Interface, ...] = ()
    port: BridgePort | None = None
    bridge: BridgeState | None = None


@dataclass(frozen=True)
class Route:
    """A line of the main routing table; `gateway` None means directly attached."""

    destination: IPv4Network
    gateway: IPv4Address | None
    link: str | None
    source: IPv4Address | None = None
    metric: int = 0


@dataclass(frozen=True)
class Neighbour:
    """What a host knows of another one on the same wire (ip-neighbour(8))."""

    address: str
    link: str
    mac: str | None
    state: str


@dataclass(frozen=True)
class FdbEntry:
    """A line of a bridge's forwarding table: behind which port an address was seen (bridge(8), fdb)."""

    bridge: str
    port: str
    mac: str
    own: bool
    """the port's own address, never aged"""


@dataclass(frozen=True)
class Rule:
    """A packet filter rule with its counters, whichever tool wrote it (nft(8), iptables(8))."""

    family: str
    table: str
    chain: str
    hook: str
    """prerouting, input, forward, output, postrouting; "" for a chain that others jump to"""
    action: str
    """snat, masquerade, dnat, accept, drop, reject, redirect; anything else as it is called"""
    text: str
    """the rule in the words of the tool that printed it"""
    packets: int | None = None
    bytes: int | None = None
    source: str | None = None
    destination: str | None = None
    in_link: str | None = None
    out_link: str | None = None
    protocol: str | None = None
    port: int | None = None
    """destination port that it matches"""
    to: str | None = None
    """address[:port] that it translates to"""


@dataclass(frozen=True)
class Flow:
    """Packets whose receiver is changed as the first one's was: no rule is asked again (conntrack(8))."""

    protocol: str
    """tcp, udp, icmp, or its number (protocols(5))"""
    source: IPv4Address
    destination: IPv4Address
    """whom they were sent to"""
    port: int
    """the one that they were sent to; 0 where there are none"""
    to: str
    """address:port that they are led to"""
    remembered_s: int
    """for how long, when no further one comes"""


@dataclass(frozen=True)
class Netns:
    """One network namespace as it was seen; the bench's own has the name ""."""

    name: str
    links: tuple[Link, ...] = ()
    routes: tuple[Route, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    fdb: tuple[FdbEntry, ...] = ()
    rules: tuple[Rule, ...] = ()
    policies: dict[str, str] = field(default_factory=dict)
    """chain → policy of the chains with a hook, as "family table chain": "accept" | "drop" """
    sysctls: dict[str, str] = field(default_factory=dict)
    flows: tuple[Flow, ...] = ()
    """those that were led elsewhere"""

    def link(self, name: str) -> Link | None:
        return next((link for link in self.links if link.name == name), None)
