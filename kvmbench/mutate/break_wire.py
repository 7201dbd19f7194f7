"""Ways to break the packet filter, and answers that are other ones than they should be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from kvmbench.model import Probe, ProbeResult, Rule, Snapshot
from kvmbench.mutate import changes
from kvmbench.mutate.mutant import Atom, Mutant, of_probe

WATCH = "tcpdump"
"""what is left to say where nothing wrong is seen but that no answer came"""


def rule_mutants(seen: Snapshot, wanted: frozenset[Atom]) -> Iterator[Mutant]:
    """Each rule on which an answer depends."""
    room = seen.netns("")
    for rule in room.rules if room else ():
        if rule.action in ("snat", "masquerade") and ("rule", "snat") in wanted:
            yield from _source(seen, rule)
        if rule.action == "dnat" and ("rule", "dnat") in wanted:
            yield from _destination(seen, rule)
    if ("filter", "forward") in wanted:
        yield from _filters(seen)


def _put(seen: Snapshot, old: Rule, *new: Rule) -> Snapshot:
    room = seen.netns("")
    held = tuple(one for each in (room.rules if room else ()) for one in (new if each is old else (each,)))
    return changes.change_netns(seen, "", rules=held)


def _source(seen: Snapshot, rule: Rule) -> Iterator[Mutant]:
    lost: frozenset[Atom] = frozenset({("rule", "snat")})

    def other(operator: str, *words: str, **to: Any) -> Mutant:
        return Mutant(operator, "source NAT", _put(seen, rule, replace(rule, **to)), lost, words)

    yield Mutant(
        "no rule", "source NAT", _put(seen, rule), lost, ("the nat table's POSTROUTING chain can change it",)
    )
    yield other("other way out", "-o is the interface by which", out_link="br-int", packets=0)
    yield other("other network", "-s is the address before the change", source="10.9.9.0/24", packets=0)
    yield other("other receivers", "-d narrows the rule", destination="192.0.2.0/24", packets=0)
    yield other("one protocol only", "-p narrows the rule", protocol="udp", packets=0)
    wrong = {"hook": "prerouting", "chain": "PREROUTING", "packets": 0}
    yield other("in another chain", "A source address is changed last of all", **wrong)
    yield other("counts nothing", "Nothing gets as far as this rule", packets=0)
    strange = "Answers go to the address that you put in"
    yield other("to an address of nobody's", strange, action="snat", to="172.16.0.99")


def _destination(seen: Snapshot, rule: Rule) -> Iterator[Mutant]:
    lost: frozenset[Atom] = frozenset({("rule", "dnat")})

    def other(operator: str, *words: str, **to: Any) -> Mutant:
        return Mutant(operator, "DNAT", _put(seen, rule, replace(rule, **to)), lost, words)

    none = "the nat table's PREROUTING chain can lead it on"
    yield Mutant("no rule", "DNAT", _put(seen, rule), lost, (none,))
    address, _, port = (rule.to or "").partition(":")
    yield other("to another address", "leads to an address that is not this guest's", to=f"10.1.1.200:{port}")
    yield other("to another port", "Behind the address stands the port", to=f"{address}:{rule.port}")
    yield other("to no port", "Behind the address stands the port", to=address)
    yield other("of another port", "--dport is the port that the outside", port=2222, packets=0)
    yield other(
        "of another address", "-d is the address that the outside", destination="172.16.0.1", packets=0
    )
    yield other("by another way in", "-i is the interface by which", in_link="br-int", packets=0)
    yield other("of other senders", "-s narrows the rule", source="192.0.2.0/24", packets=0)
    yield other("of udp", "-p names the protocol", protocol="udp", packets=0)
    yield other("redirect", "REDIRECT stays on the same host", action="redirect", to=None)
    wrong = {"hook": "postrouting", "chain": "POSTROUTING", "packets": 0}
    yield other("in another chain", "A destination is changed first of all", **wrong)
    yield other("counts nothing", "The connection never gets to this rule", packets=0)


def _filters(seen: Snapshot) -> Iterator[Mutant]:
    room = seen.netns("")
    if room is None:
        return
    lost: frozenset[Atom] = frozenset({("filter", "forward")})
    words = (
        "The chain FORWARD",
        "Bridged packets go through iptables too",
        "Packets are let through one way only",
    )
    drop = Rule("ip", "filter", "FORWARD", "forward", "drop", "-A FORWARD -j DROP", packets=5)
    for operator, action in (("dropped", "drop"), ("rejected", "reject")):
        rule = replace(drop, action=action, text=f"-A FORWARD -j {action.upper()}")
        closed = changes.change_netns(seen, "", rules=(*room.rules, rule))
        yield Mutant(operator, "forwarding", closed, lost, words)
    policies = {**room.policies, "ip filter FORWARD": "drop"}
    # A chain's policy shows in a look by its rules; one that lets something else through is the usual one.
    other = Rule(
        *("ip", "filter", "FORWARD", "forward", "accept", "-A FORWARD -s 192.0.2.0/24 -j ACCEPT"),
        source="192.0.2.0/24",
        packets=0,
    )
    shut = changes.change_netns(seen, "", rules=(*room.rules, other), policies=policies)
    yield Mutant("dropped by policy", "forwarding", shut, lost, words)
    if any(server for server in seen.dhcp_servers):
        deaf = Rule(
            *("ip", "filter", "INPUT", "input", "drop", "-A INPUT -p udp --dport 67 -j DROP"),
            protocol="udp",
            port=67,
            packets=5,
        )
        closed = changes.change_netns(seen, "", rules=(*room.rules, deaf))
        word = "the chain INPUT has to let that in"
        yield Mutant("dropped", "DHCP questions", closed, frozenset({("filter", "input", "udp")}), (word,))


def answer_mutants(seen: Snapshot, wanted: frozenset[Atom]) -> Iterator[Mutant]:
    """Each question that a check wants asked: not put, not possible, or answered otherwise."""
    for result in seen.probes:
        here = of_probe(result.probe)
        if (*here, "asked") not in wanted:
            continue
        yield from _unasked(seen, result, here)
        if result.ok is False:
            reached = changes.answer(seen, result.probe, ok=True)
            lost = frozenset({(*here, "ok")})
            yield Mutant("answered", _says(result.probe), reached, lost, ("There is a way through",))
        elif (*here, "said") in wanted:
            yield from _other_words(seen, result, here)


def _says(probe: Probe) -> str:
    port = f" port {probe.port}" if probe.port else ""
    return f"{probe.kind} from {probe.source} to {probe.target or 'anybody'}{port}"


def _unasked(seen: Snapshot, result: ProbeResult, here: Atom) -> Iterator[Mutant]:
    lost = frozenset({(*here, "asked"), (*here, "ok"), (*here, "said")})
    never = changes.unasked(seen, result.probe)
    yield Mutant("never asked", _says(result.probe), never, lost, (), "blocked")
    could_not = changes.answer(seen, result.probe, None, why="there was no time left to ask")
    yield Mutant("could not be asked", _says(result.probe), could_not, lost, (), "blocked")


def _other_words(seen: Snapshot, result: ProbeResult, here: Atom) -> Iterator[Mutant]:
    lost, probe = frozenset({(*here, "said")}), result.probe

    def said(operator: str, text: str, *words: str) -> Mutant:
        return Mutant(operator, _says(probe), changes.answer(seen, probe, ok=True, said=text), lost, words)

    if probe.kind == "http":
        own = next((g.inside for g in seen.guests if f"guest:{g.name}" == probe.source), None)
        held = [str(a.ip) for link, at in own.addresses.items() if link != "lo" for a in at] if own else []
        for address in held[:1]:
            yield said("untranslated", f"you are {address}", "nothing translated its source address")
        yield said("another address", "you are 172.16.0.99", "It was translated into another address")
        yield said("no address", "It works!", "Another server answered")
    elif probe.kind == "ssh":
        others = [one.name for one in seen.guests if one.name != result.said.strip()]
        for name in others[:1]:
            yield said("another guest", name, "led to the wrong guest")
        yield said("no guest", "bench", "Something other than the guest answered")
        yield said("no name", "", "Something other than the guest answered")
        denied = changes.answer(seen, probe, ok=False, why="root@172.16.0.67: Permission denied (publickey).")
        word = "does not take the bench's key"
        yield Mutant("key refused", _says(probe), denied, lost | {(*here, "ok")}, (word,))
        closed = changes.answer(seen, probe, ok=False, why="Connection refused")
        word = "has no sshd listening"
        yield Mutant("refused", _says(probe), closed, lost | {(*here, "ok")}, (word,))
    elif probe.kind == "dhcp":
        words = result.said
        yield said(
            "other range", words.replace("10.1.1.", "10.1.7."), "The offer comes from outside the range"
        )
        yield said(
            "other router", words.replace("router=10.1.1.254", "router=10.1.1.1"), "The offer names another"
        )
        bare = " ".join(word for word in words.split() if not word.startswith("router="))
        yield said("no router", bare, "The offer names another")
        yield said("other mask", words.replace("255.255.255.0", "255.0.0.0"), "have to agree on how wide")
        yield said("no address", "router=10.1.1.254", "The server is not set up to give")
    elif probe.kind == "tcp" and result.said.startswith("RFB"):
        yield said("no VNC", "SSH-2.0-dropbear", "Something else sits on that port")
        yield said("silent", "", "Something else sits on that port")
        closed = changes.answer(seen, probe, ok=False, why="Connection refused")
        word = "was told to serve there and does not"
        yield Mutant("closed", _says(probe), closed, lost | {(*here, "ok")}, (word,))
    elif probe.kind == "tcp":
        yield said("no sshd", "220 smtp", "it is no sshd that answers")
        closed = changes.answer(seen, probe, ok=False, why="Connection refused")
        words_closed = ("nobody listens", "does not run there", "who does")
        yield Mutant("closed", _says(probe), closed, frozenset({(*here, "ok")}), words_closed)
    elif probe.kind == "host-key":
        yield said("another key", "SHA256:0000", "Each sshd has a key of its own")
    elif probe.kind == "dns":
        yield said("another address", "10.1.1.77", "An old entry or another host has that name")
        unknown = changes.answer(seen, probe, ok=False, why="no such name")
        yield Mutant(
            "unknown name", _says(probe), unknown, lost | {(*here, "ok")}, ("dnsmasq takes names from",)
        )
