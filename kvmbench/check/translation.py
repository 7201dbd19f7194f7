"""Why a packet's source is not translated, or its receiver is: read for a fitting hint, it proves nothing."""

from __future__ import annotations

from ipaddress import IPv4Address

from kvmbench.check.filters import Packet, matches, matches_address, matches_link, reached_from
from kvmbench.check.seeing import Stuck, ipv4
from kvmbench.model import Flow, Netns, Rule

SOURCE_ACTIONS = ("snat", "masquerade")
RECEIVER_ACTIONS = ("dnat", "redirect")


def goes_to(rule: Rule) -> tuple[IPv4Address | None, int | None]:
    """The address and port that a rule translates to, as far as it names them.

    >>> from kvmbench.model import Rule
    >>> goes_to(Rule("ip", "nat", "PREROUTING", "prerouting", "dnat", "", to="10.1.1.1:22"))
    (IPv4Address('10.1.1.1'), 22)
    """
    address, _, port = (rule.to or "").partition(":")
    first = ipv4(address.partition("-")[0].strip())
    return first, int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else None


def source_rules(room: Netns) -> list[Rule]:
    return [rule for rule in room.rules if rule.action in SOURCE_ACTIONS and rule.family != "ip6"]


def source_trouble(room: Netns, packet: Packet) -> Stuck | None:
    """Why a packet that leaves the bench keeps its own source address; None when a rule seems to fit."""
    rules = source_rules(room)
    if not rules:
        return Stuck(
            f"no rule gives packets from {packet.source} another source address",
            "Outside, nobody knows the way back to that address: "
            "the nat table's POSTROUTING chain can change it "
            "(iptables-extensions(8), MASQUERADE and SNAT).",
        )
    placed = [rule for rule in rules if reached_from(room, rule, "postrouting")]
    if not placed:
        rule = rules[0]
        return Stuck(
            f"the rule {rule.text!r} is in the chain {rule.chain}, which packets that leave do not pass",
            "A source address is changed last of all, behind the routing decision: which chain is that?",
        )
    fitting = next((rule for rule in placed if matches(rule, packet)), None)
    if fitting is None:
        return _unfit(placed[0], packet)
    return None


def _unfit(rule: Rule, packet: Packet) -> Stuck:
    """Which part of a rule in POSTROUTING does not fit a packet."""
    if not matches_link(rule.out_link, packet.out_link):
        return Stuck(
            f"the rule {rule.text!r} is for packets that leave by {rule.out_link}, "
            f"these leave by {packet.out_link}",
            "-o is the interface by which packets leave the bench: compare it with the way to the outside.",
        )
    if not matches_address(rule.source, packet.source):
        return Stuck(
            f"the rule {rule.text!r} is for packets from {rule.source}, these come from {packet.source}",
            "-s is the address before the change, the guest's network: compare it with the guest's address.",
        )
    if not matches_address(rule.destination, packet.destination):
        return Stuck(
            f"the rule {rule.text!r} is for packets to {rule.destination}, these go to {packet.destination}",
            "-d narrows the rule to some receivers: does it have to be there at all?",
        )
    return Stuck(
        f"the rule {rule.text!r} is for {rule.protocol or 'some'} packets only, these are {packet.protocol}",
        "-p narrows the rule to one protocol: a ping may pass it and a web page not, or the other way round.",
    )


def wrong_source(room: Netns, packet: Packet, seen_as: IPv4Address) -> Stuck | None:
    """A rule that fits a packet and gives it an address that is not the bench's."""
    rule = next(
        (r for r in source_rules(room) if reached_from(room, r, "postrouting") and matches(r, packet)), None
    )
    if rule is None or rule.to is None or rule.action != "snat":
        return None
    address, _ = goes_to(rule)
    if address is None or address == seen_as:
        return None
    return Stuck(
        f"the rule {rule.text!r} makes packets come from {address}, not from {seen_as}",
        "Answers go to the address that you put in: it has to be the bench's own on its uplink.",
    )


def uncounted(room: Netns, packet: Packet) -> Stuck | None:
    """A rule that fits and has never matched anything."""
    fitting = [r for r in source_rules(room) if reached_from(room, r, "postrouting") and matches(r, packet)]
    if not fitting or any(rule.packets != 0 for rule in fitting):
        return None
    return Stuck(
        f"the rule {fitting[0].text!r} is right and has counted 0 packets",
        "Nothing gets as far as this rule: another one above it decides first, or the packets stop earlier.",
    )


def led_away(room: Netns, packet: Packet) -> Stuck | None:
    """A rule that gives a packet another receiver, or what such a rule has left behind."""
    rules = [r for r in room.rules if r.action in RECEIVER_ACTIONS and r.family != "ip6"]
    rule = next((r for r in rules if reached_from(room, r, "prerouting") and matches(r, packet)), None)
    if rule is not None:
        return Stuck(
            f"the rule {rule.text!r} leads it away",
            "Rules of PREROUTING come before anybody on the bench hears a packet: narrow that one, or delete "
            "it, and what conntrack remembers of it.",
        )
    flow = next((one for one in room.flows if _is_of(one, packet)), None)
    if flow is None:
        return None
    return Stuck(
        f"it is led to {flow.to}, which no rule says any more",
        "Rules are asked for the first packet only, and conntrack repeats the answer as long as more come: "
        f"delete its entry (`conntrack -D -p {flow.protocol} --orig-port-dst {flow.port}`), or let nobody "
        f"ask for {flow.remembered_s} s (conntrack(8)).",
    )


def _is_of(flow: Flow, packet: Packet) -> bool:
    named = (flow.protocol, flow.source, flow.destination, flow.port)
    return named == (packet.protocol, packet.source, packet.destination, packet.port)
