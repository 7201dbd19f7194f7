"""Why a connection from outside is not led to a guest, read from the rules to find a fitting hint."""

from __future__ import annotations

from ipaddress import IPv4Address

from kvmbench.check.filters import matches_address, matches_link, reached_from
from kvmbench.check.seeing import Stuck
from kvmbench.check.stacks import OUTSIDE, UPLINK, Stack
from kvmbench.check.translation import goes_to
from kvmbench.model import Netns, Rule

SSH_PORT = 22


def entry_trouble(room: Netns, guest: Stack, entry: IPv4Address, port: int) -> Stuck | None:
    """What is wrong with the rule that leads a port of the bench to a guest's sshd; None when it fits."""
    rules = [rule for rule in room.rules if rule.action == "dnat" and rule.family != "ip6"]
    placed = [rule for rule in rules if reached_from(room, rule, "prerouting")]
    if placed:
        troubles = [_unfit(rule, entry, port) or _misled(rule, guest) for rule in placed]
        return None if None in troubles else _closest(placed, troubles, port)
    if rules:
        return Stuck(
            f"the rule {rules[0].text!r} is in the chain {rules[0].chain}, "
            "which packets from outside do not pass",
            "A destination is changed first of all, before the routing decision: which chain is that?",
        )
    if any(rule.action == "redirect" for rule in room.rules):
        return Stuck(
            "the only rule for this redirects to the bench itself",
            "REDIRECT stays on the same host; to lead it to another one takes another target.",
        )
    return Stuck(
        "no rule gives packets another destination",
        "The bench has nobody at that port: the nat table's PREROUTING chain can lead it on "
        "(iptables-extensions(8), DNAT).",
    )


def _closest(rules: list[Rule], troubles: list[Stuck | None], port: int) -> Stuck | None:
    """The trouble of the rule that was meant: one for this port, else the last one written."""
    meant = [trouble for rule, trouble in zip(rules, troubles, strict=True) if rule.port == port]
    return (meant or troubles)[-1]


def _unfit(rule: Rule, entry: IPv4Address, port: int) -> Stuck | None:
    """Which match of a rule keeps the connection out."""
    if rule.protocol not in (None, "", "all", "tcp"):
        return Stuck(
            f"the rule {rule.text!r} is for {rule.protocol}, ssh speaks tcp",
            "-p names the protocol that the port belongs to: what does ssh use?",
        )
    if rule.port is not None and rule.port != port:
        return Stuck(
            f"the rule {rule.text!r} is for port {rule.port}, the connection comes to {port}",
            "--dport is the port that the outside knocks at, before any change.",
        )
    if not matches_address(rule.destination, entry):
        return Stuck(
            f"the rule {rule.text!r} is for packets to {rule.destination}, these go to {entry}",
            "-d is the address that the outside host calls, the bench's own on its uplink.",
        )
    if not matches_link(rule.in_link, UPLINK):
        return Stuck(
            f"the rule {rule.text!r} is for packets that come in by {rule.in_link}, these come by {UPLINK}",
            "-i is the interface by which packets enter the bench: from outside there is only one.",
        )
    if not matches_address(rule.source, OUTSIDE.ip):
        return Stuck(
            f"the rule {rule.text!r} is for packets from {rule.source} only, these come from {OUTSIDE.ip}",
            "-s narrows the rule to some senders: does it have to be there at all?",
        )
    return None


def _misled(rule: Rule, guest: Stack) -> Stuck | None:
    """Where else a rule leads."""
    address, port = goes_to(rule)
    held = [held.ip for _, held in guest.addresses]
    if address is not None and held and address not in held:
        return Stuck(
            f"the rule {rule.text!r} leads to {address}, {guest.says} is {held[0]}",
            "--to-destination leads to an address that is not this guest's: ask the guest for its own.",
        )
    goes = port if port is not None else rule.port
    if goes is not None and goes != SSH_PORT:
        return Stuck(
            f"the rule {rule.text!r} leads to port {goes} of {guest.says}",
            "Behind the address stands the port inside the guest: where does an sshd listen?",
        )
    return None


def entry_uncounted(room: Netns, entry: IPv4Address, port: int) -> Stuck | None:
    """A rule that fits and has never matched anything."""
    rules = [rule for rule in room.rules if rule.action == "dnat" and reached_from(room, rule, "prerouting")]
    fitting = [rule for rule in rules if _unfit(rule, entry, port) is None]
    if not fitting or any(rule.packets != 0 for rule in fitting):
        return None
    return Stuck(
        f"the rule {fitting[0].text!r} is right and has counted 0 packets",
        "The connection never gets to this rule: another one above it takes it first, in PREROUTING.",
    )
