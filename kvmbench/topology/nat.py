"""Address translation in words: what comes in is sent elsewhere, what goes out gets another sender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kvmbench.model.network import Netns, Rule
from kvmbench.model.snapshot import UPLINK

Direction = Literal["in", "out"]
_DIRECTIONS: dict[str, Direction] = {"snat": "out", "masquerade": "out", "dnat": "in", "redirect": "in"}


@dataclass(frozen=True)
class Nat:
    """One translation, as the picture shows it."""

    action: str
    """snat, masquerade, dnat or redirect"""
    matches: str
    """what it applies to, `address[:port]`; "" for everything"""
    to: str
    """what it translates to, `address[:port]`; "" when the rule leaves that open"""
    protocol: str = ""
    by: str = ""
    """the interface it is tied to, when that is not the uplink"""
    packets: int | None = None
    target: str = ""
    """name of the guest that it leads to, when one is known there"""
    missing: bool = False

    @property
    def direction(self) -> Direction:
        return _DIRECTIONS.get(self.action, "out")

    @property
    def label(self) -> str:
        """`DNAT tcp 172.16.0.67:22922 → 10.1.1.1:22 (c1)`."""
        words = [self.action.upper(), self.protocol, self.matches or "anything", "→", self.to or "?"]
        words += [f"({self.target})"] if self.target else []
        words += [f"{'entering' if self.direction == 'in' else 'leaving'} by {self.by}"] if self.by else []
        return " ".join(word for word in words if word)

    @property
    def counted(self) -> str:
        """Its packet counter in words; "" when the rule has none."""
        if self.packets is None:
            return ""
        return {0: "no packet yet", 1: "1 packet"}.get(self.packets, f"{self.packets:,} packets")

    def met_by(self, other: Nat) -> bool:
        """Whether a translation that is there is the one asked for, by whichever rule."""
        if other.missing or other.direction != self.direction:
            return False
        if self.direction == "out":
            return other.matches in ("", self.matches) or not self.matches
        same_port = self.matches.rpartition(":")[2] == other.matches.rpartition(":")[2]
        return same_port and (not self.to or self.to == other.to)


def translations(netns: Netns, guests: Mapping[str, str]) -> tuple[Nat, ...]:
    """The translations of a namespace; `guests` maps addresses to the names of guests."""
    return tuple(_nat(rule, netns, guests) for rule in netns.rules if rule.action in _DIRECTIONS)


def wanted_nat(action: str, matches: str, to: str) -> Nat:
    """A translation that is asked for."""
    return Nat(action, matches, to, missing=True)


def _nat(rule: Rule, netns: Netns, guests: Mapping[str, str]) -> Nat:
    comes_in = _DIRECTIONS[rule.action] == "in"
    tied = rule.in_link if comes_in else rule.out_link
    to = rule.to or ("" if rule.action != "masquerade" else _address_of(netns, rule.out_link))
    return Nat(
        action=rule.action,
        matches=_endpoint(rule.destination if comes_in else rule.source, rule.port),
        to=to,
        protocol=(rule.protocol or "") if rule.port is not None else "",
        by=tied if tied and tied != UPLINK else "",
        packets=rule.packets,
        target=guests.get(to.partition(":")[0], "") if comes_in else "",
    )


def _endpoint(address: str | None, port: int | None) -> str:
    bare = (address or "").removesuffix("/32")
    return bare if port is None else f"{bare}:{port}"


def _address_of(netns: Netns, name: str | None) -> str:
    """Masquerading takes the address of the interface that the packet leaves by."""
    link = netns.link(name) if name else None
    if link and link.inet:
        return str(link.inet[0].ip)
    return f"the address of {name}" if name else "the address of the way out"
