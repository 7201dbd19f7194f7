"""The packet filter of one network namespace: one list of rules, whichever tool wrote them.

Tried with nft 1.0.6 and iptables 1.8.9 (the nft variant):

- nft lists every rule of both tools. In JSON it gives an iptables target nothing but its name
  (`{"xt": {"type": "target", "name": "SNAT"}}`); in words it translates it (`snat to 172.16.0.67`).
- iptables-save lists its own tables in full, and a whole table not at all once nft wrote a rule into it
  that iptables has no words for.

So nft says which rules there are; iptables-save, where it lists the same ones in a chain, what they mean.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import IPv4Address

from kvmbench.model import Flow, Rule
from kvmbench.model.snapshot import UPLINK
from kvmbench.observe import iptables, nft
from kvmbench.observe.together import together
from kvmbench.system import Completed, Machine, RealMachine, conntrack, nfnetlink
from kvmbench.system.netlink import Dump
from kvmbench.system.rtnetlink import ALL_LINKS

_DEADLINE_S = 5.0
_NOT_THERE = 127
_LEGACY_TABLES = "/proc/thread-self/net/ip_tables_names"
"""of the calling thread: it may have entered another namespace than its process"""
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}
_OF_BRIDGES = "/proc/sys/net/bridge/bridge-nf-call-iptables"


@dataclass(frozen=True)
class PacketFilter:
    """What was read of it, and what could not be."""

    rules: tuple[Rule, ...] = ()
    policies: dict[str, str] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()


def is_empty(machine: Machine) -> bool:
    """Whether the kernel says that the calling thread's namespace has no rules at all, not even old ones."""
    return nfnetlink.has_tables() is False and not _legacy_tables(machine)


def packet_filter_again(machine: Machine) -> PacketFilter:
    """As `packet_filter`; but rules that did not change since they were read are only counted anew."""
    now = nfnetlink.counted() if isinstance(machine, RealMachine) and not _legacy_tables(machine) else None
    if now is None:
        return packet_filter(machine)
    known = _known.get(now.namespace)
    if known and known.generation == now.generation and (again := recounted(known.seen, now.counters)):
        return again
    seen = packet_filter(machine)
    after = nfnetlink.counted()
    if after and after.generation == now.generation and not seen.troubles:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[now.namespace] = _Known(now.generation, seen)
    return seen


@dataclass(frozen=True)
class _Known:
    """What was read of a namespace, and the kernel's number of that ruleset."""

    generation: int
    seen: PacketFilter


_MOST_KNOWN = 256
_known: dict[int, _Known] = {}
_COUNTER = re.compile(r"(?<=counter packets )\d+ bytes \d+")


def recounted(
    seen: PacketFilter, counters: Mapping[nfnetlink.Place, Sequence[tuple[int, int] | None]]
) -> PacketFilter | None:
    """The same rules with other counters, by their order in each chain; None when they are not the same."""
    left = {place: list(reversed(counts)) for place, counts in counters.items()}
    rules: list[Rule] = []
    for rule in seen.rules:
        counts = left.get((rule.family, rule.table, rule.chain))
        if not counts:
            return None
        count = counts.pop()
        if (count is None) != (rule.packets is None):
            return None
        packets, octets = count or (None, None)
        text = _COUNTER.sub(f"{packets} bytes {octets}", rule.text)
        rules.append(replace(rule, packets=packets, bytes=octets, text=text))
    return None if any(left.values()) else replace(seen, rules=tuple(rules))


def packet_filter(machine: Machine) -> PacketFilter:
    """Read the rules of the namespace that the calling thread is in; it starts three programs at once."""
    asked = (["nft", "-j", "list", "ruleset"], ["nft", "-a", "list", "ruleset"], ["iptables-save", "-c"])
    # Threads that are started here are in the namespace of the thread that starts them.
    listed, printed, saved = together([partial(machine.run, each, timeout_s=_DEADLINE_S) for each in asked])
    if listed.ok:
        seen = _with_words(listed, printed, saved)
    else:
        seen = _without_nft(saved, _trouble("nft", listed))
    return _with_legacy(machine, seen)


def _with_words(listed: Completed, printed: Completed, saved: Completed) -> PacketFilter:
    """The rules that nft lists in JSON, with the words and the fields that JSON leaves out."""
    try:
        ruleset = nft.read(listed.out, nft.words_by_handle(printed.out))
    except (ValueError, KeyError, TypeError) as error:
        return PacketFilter(troubles=(f"what nft lists was not understood: {error!r}",))
    rules = merged(ruleset.rules, iptables.read(saved.out).rules if saved.ok else ())
    return PacketFilter(rules, ruleset.policies)


def merged(listed: Iterable[Rule], saved: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules of nft's list; those that iptables-save prints too are told in its words."""
    by_chain: dict[tuple[str, str, str], list[Rule]] = defaultdict(list)
    for rule in saved:
        by_chain[rule.family, rule.table, rule.chain].append(rule)
    chains: dict[tuple[str, str, str], list[Rule]] = defaultdict(list)
    for rule in listed:
        chains[rule.family, rule.table, rule.chain].append(rule)
    return tuple(
        _told(rule, other)
        for place, rules in chains.items()
        for rule, other in _paired(rules, by_chain.get(place, []))
    )


def _paired(rules: list[Rule], others: list[Rule]) -> Iterable[tuple[Rule, Rule | None]]:
    """A rule was added between the two looks, or the tools disagree: then nft alone is believed."""
    if [rule.action for rule in rules] == [rule.action for rule in others]:
        return zip(rules, others, strict=True)
    return ((rule, None) for rule in rules)


def _told(rule: Rule, other: Rule | None) -> Rule:
    if other is None or "[unsupported" in other.text:
        return rule
    return replace(other, hook=rule.hook, packets=rule.packets, bytes=rule.bytes)


def _without_nft(saved: Completed, trouble: str) -> PacketFilter:
    if not saved.ok:
        return PacketFilter(troubles=(trouble, _trouble("iptables-save", saved)))
    read = iptables.read(saved.out)
    return PacketFilter(read.rules, read.policies, (f"{trouble}; only what iptables wrote was seen",))


def _with_legacy(machine: Machine, seen: PacketFilter) -> PacketFilter:
    """Add what the old iptables wrote: the kernel keeps its tables apart, and they are in force too."""
    if not _legacy_tables(machine):
        return seen
    saved = machine.run(["iptables-legacy-save", "-c"], timeout_s=_DEADLINE_S)
    if not saved.ok:
        return replace(seen, troubles=(*seen.troubles, _trouble("iptables-legacy-save", saved)))
    read = iptables.read(saved.out)
    policies = {**read.policies, **seen.policies}
    policies.update({chain: "drop" for chain, policy in read.policies.items() if policy == "drop"})
    return PacketFilter((*seen.rules, *read.rules), policies, seen.troubles)


def _legacy_tables(machine: Machine) -> bool:
    return bool((machine.read(_LEGACY_TABLES) or "").strip())


def _trouble(program: str, done: Completed) -> str:
    if done.code == _NOT_THERE:
        return f"packet filter rules: there is no program {program}"
    said = (done.err or done.out).strip().splitlines()
    return f"packet filter rules: {program} failed ({done.code}): {said[0] if said else 'it said nothing'}"


def flows() -> tuple[Flow, ...]:
    """What the calling thread's namespace remembers to lead elsewhere; rules are not asked for it again."""
    return tuple(
        Flow(
            protocol=_PROTOCOLS.get(each.protocol, str(each.protocol)),
            source=IPv4Address(each.source),
            destination=IPv4Address(each.destination),
            port=each.port,
            to=f"{each.answers_from}:{each.answers_from_port}",
            remembered_s=each.remembered_s,
        )
        for each in conntrack.led_elsewhere()
    )


def sysctls(dump: Dump, machine: Machine, *, of_bridges: bool) -> dict[str, str]:
    """The switches that decide about forwarding, in the namespace that the calling thread is in.

    One that the kernel has not is left out, as is a link's reverse path filter that is off, but for the
    uplink's; and with `of_bridges` false that of bridges is not read.
    """
    rp_filter = {
        "all"
        if each["NETCONFA_IFINDEX"] == ALL_LINKS
        else dump.link_names.get(each["NETCONFA_IFINDEX"]): each
        for each in dump.switches
    }
    found = {}
    if "all" in rp_filter:
        found["net.ipv4.ip_forward"] = rp_filter["all"]["NETCONFA_FORWARDING"]
    for name, each in rp_filter.items():
        if name and (name in ("all", UPLINK) or each["NETCONFA_RP_FILTER"]):
            found[f"net.ipv4.conf.{name}.rp_filter"] = each["NETCONFA_RP_FILTER"]
    read = {name: str(value) for name, value in found.items()}
    filtered = machine.read(_OF_BRIDGES) if of_bridges else None
    if filtered is not None:
        read["net.bridge.bridge-nf-call-iptables"] = filtered.strip()
    return read
