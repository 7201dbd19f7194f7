"""What the packet filter does to a packet, read from its rules to find a fitting hint; it proves nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network, summarize_address_range

from kvmbench.check.seeing import ipv4
from kvmbench.model import Netns, Rule

IPV4_FAMILIES = ("ip", "inet", "")
HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
DROPS = ("drop", "reject")
DEEPEST = 8
"""jumps that are followed"""
JUMP = re.compile(r"(?:^| )(?:-j|-g|jump|goto) (\S+)")
NEVER_DECIDES = ("dnat", "snat", "masquerade", "redirect")


@dataclass(frozen=True)
class Packet:
    """The first packet of a conversation, or its answer, as a rule sees it at one hook."""

    source: IPv4Address
    destination: IPv4Address
    in_link: str | None = None
    out_link: str | None = None
    protocol: str = "icmp"
    port: int = 0
    answer: bool = False
    """it belongs to a conversation that was let through before"""


def split_not(pattern: str) -> tuple[bool, str]:
    """A match and whether it is turned round.

    >>> split_not("! 10.1.1.0/24"), split_not("br-int")
    ((True, '10.1.1.0/24'), (False, 'br-int'))
    """
    turned = pattern.startswith("!")
    return turned, pattern.lstrip("!= ") if turned else pattern.strip()


def matches_address(pattern: str | None, address: IPv4Address) -> bool:
    """Whether a rule's source or destination fits; what cannot be read fits.

    >>> one = IPv4Address("10.1.1.1")
    >>> [matches_address(p, one) for p in (None, "10.1.1.0/24", "!10.1.1.0/24", "10.1.1.2-10.1.1.9", "@set")]
    [True, True, False, False, True]
    """
    if pattern is None:
        return True
    turned, text = split_not(pattern)
    networks = [one for part in text.strip("{} ").split(",") for one in _networks(part.strip())]
    if not networks:
        return True
    return any(address in network for network in networks) != turned


def _networks(text: str) -> list[IPv4Network]:
    first, dash, last = text.partition("-")
    low, high = ipv4(first.strip()), ipv4(last.strip())
    if dash and low and high and low <= high:
        return list(summarize_address_range(low, high))
    try:
        return [IPv4Network(text, strict=False)]
    except ValueError:
        return []


def matches_link(pattern: str | None, link: str | None) -> bool:
    """Whether a rule's interface fits; `+` (iptables) and `*` (nft) end a name that goes on."""
    if pattern is None or link is None:
        return True
    turned, text = split_not(pattern)
    names = [part.strip().strip('"').replace("+", "*") for part in text.strip("{} ").split(",")]
    return any(fnmatchcase(link, name) for name in names) != turned


def matches(rule: Rule, packet: Packet) -> bool:
    """Whether a rule speaks of a packet, as far as a Rule tells."""
    words = rule.text.lower()
    stateful = "ct state" in words or "ctstate" in words or "--state" in words
    if stateful and ("established" if packet.answer else "new") not in words:
        return False
    return (
        matches_address(rule.source, packet.source)
        and matches_address(rule.destination, packet.destination)
        and matches_link(rule.in_link, packet.in_link)
        and matches_link(rule.out_link, packet.out_link)
        and rule.protocol in (None, "", "all", "ip", packet.protocol)
        and (rule.port is None or rule.port == packet.port)
    )


def jumps_to(rule: Rule) -> str | None:
    """The chain to which a rule hands packets over; None when it decides by itself.

    >>> jumps_to(Rule("ip", "nat", "POSTROUTING", "postrouting", "jump", "-A POSTROUTING -j MINE"))
    'MINE'
    """
    found = JUMP.search(rule.text) if rule.action in ("jump", "goto") else None
    return found.group(1) if found else None


def reached_from(room: Netns, rule: Rule, hook: str, depth: int = DEEPEST) -> bool:
    """Whether packets of a hook come by a rule, if need be by jumps."""
    if rule.hook or depth == 0:
        return rule.hook == hook
    place = (rule.family, rule.table, rule.chain)
    return any(
        (other.family, other.table, jumps_to(other)) == place and reached_from(room, other, hook, depth - 1)
        for other in room.rules
    )


def _verdict(room: Netns, rules: list[Rule], packet: Packet, depth: int) -> Rule | None:
    """The first rule that lets a packet through or drops it, in a chain and in those that it jumps to."""
    for rule in rules:
        if rule.action in NEVER_DECIDES or not matches(rule, packet):
            continue
        if rule.action == "return":
            return None
        target = jumps_to(rule)
        if target and depth:
            place = (rule.family, rule.table, target)
            there = [other for other in room.rules if (other.family, other.table, other.chain) == place]
            decided = _verdict(room, there, packet, depth - 1)
            if decided is not None:
                return decided
        if rule.action in ("accept", *DROPS):
            return rule
    return None


def _chains(room: Netns, hook: str, families: tuple[str, ...]) -> dict[str, list[Rule]]:
    """The chains of a hook, "family table chain" → its rules in order."""
    found: dict[str, list[Rule]] = {}
    for key in room.policies:
        if key.split(" ")[-1].lower() == hook and key.split(" ")[0] in families:
            found[key] = []
    for rule in room.rules:
        if rule.hook == hook and rule.family in families:
            found.setdefault(f"{rule.family} {rule.table} {rule.chain}", []).append(rule)
    return found


def dropped_by(
    room: Netns, hook: str, packet: Packet, families: tuple[str, ...] = IPV4_FAMILIES
) -> str | None:
    """In words: the rule or the policy that drops a packet at a hook; None when it goes through."""
    for key, rules in _chains(room, hook, families).items():
        rule = _verdict(room, rules, packet, DEEPEST)
        if rule is not None and rule.action in DROPS:
            return f"the rule {rule.text!r} in {rule.family} {rule.table} {rule.chain}"
        if rule is None and room.policies.get(key) == "drop":
            return f"the policy of {key}, which is drop"
    return None


def strange_policies(room: Netns) -> list[str]:
    """Chains with the policy drop whose hook nothing tells: they have no rule, and a name of their own."""
    known = {f"{rule.family} {rule.table} {rule.chain}" for rule in room.rules if rule.hook}
    return [
        key
        for key, policy in room.policies.items()
        if policy == "drop" and key not in known and key.split(" ")[-1].lower() not in HOOKS
    ]
