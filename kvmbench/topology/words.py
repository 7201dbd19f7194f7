"""The picture in words: for a terminal, and for those who do not see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kvmbench.topology.nat import Nat
from kvmbench.topology.text import printable

if TYPE_CHECKING:
    import networkx as nx

_NOUNS = {
    "uplink": "uplink",
    "bridge": "bridge",
    "tap": "tap",
    "veth": "veth end",
    "link": "interface",
    "guest": "guest",
    "netns": "network namespace",
    "dnsmasq": "DHCP server",
}
_VERBS = {
    "port": "is a port of",
    "tap": "is plugged into",
    "veth": "is joined with",
    "uplink": "leads to",
    "dhcp": "serves",
}
_FIRST = {
    "port": ("tap", "veth", "link", "uplink"),
    "tap": ("tap",),
    "uplink": ("uplink",),
    "dhcp": ("dnsmasq",),
}
"""which kind is the subject of the sentence"""


def describe(graph: nx.Graph[str]) -> str:
    """The same picture in words: a line for each node, then one for each edge and each translation."""
    nodes = [say_node(graph, node) for node in graph]
    edges = [say_edge(graph, one, other) for one, other in graph.edges]
    return "\n".join([*nodes, *edges, *(say_nat(nat) for nat in all_nat(graph))])


def all_nat(graph: nx.Graph[str]) -> tuple[Nat, ...]:
    """The translations of the bench host."""
    found: tuple[Nat, ...] = ()
    for _, _, facts in graph.edges(data=True):
        found += facts.get("nat", ())
    return found


def say_node(graph: nx.Graph[str], node: str) -> str:
    """One node in a line."""
    facts = graph.nodes[node]
    if facts["kind"] == "outside":
        return f"{facts['name']}: {', '.join(facts['addresses'])}"
    if facts["kind"] == "host":
        return printable(f"bench host {facts['name']}: {_say_forwarding(facts)}")
    said = [_NOUNS.get(facts["kind"], "interface")]
    if facts.get("netns"):
        said.append(f"in namespace {facts['netns']}")
    if facts["missing"]:
        said.append(f"MISSING ({facts['note']})")
    else:
        said += _TELLERS.get(facts["kind"], _say_link)(facts)
    said += [f"address {address} MISSING (to do)" for address in facts.get("wants", ())]
    return printable(f"{facts['name']}: {', '.join(word for word in said if word)}")


def say_edge(graph: nx.Graph[str], one: str, other: str) -> str:
    """One edge in a line."""
    facts = graph.edges[one, other]
    one, other = in_order(graph, one, other)
    ends = f"{_named(graph, one)} {_VERBS[facts['kind']]} {_named(graph, other)}"
    return printable(f"{ends}: MISSING (to do)" if facts["missing"] else ends)


def in_order(graph: nx.Graph[str], one: str, other: str) -> tuple[str, str]:
    """The two ends of an edge, first the one that the sentence begins with."""
    first = graph.nodes[one]["kind"]
    return (one, other) if first in _FIRST.get(graph.edges[one, other]["kind"], (first,)) else (other, one)


def say_nat(nat: Nat) -> str:
    """One translation in a line."""
    told = f"{nat.label}, {nat.counted}" if nat.counted else nat.label
    return printable(f"{told}: MISSING (to do)" if nat.missing else told)


def _named(graph: nx.Graph[str], node: str) -> str:
    facts = graph.nodes[node]
    where = f" in {facts['netns']}" if facts.get("netns") else ""
    return str({"guest": "guest ", "netns": "namespace "}.get(facts["kind"], "") + facts["name"] + where)


def _say_forwarding(facts: dict[str, Any]) -> str:
    on = facts.get("forwarding")
    said = "forwarding not known" if on is None else "forwarding on" if on else "forwarding off"
    return f"{said}, forwarding MISSING (to do)" if facts.get("wants_forwarding") else said


def _say_link(facts: dict[str, Any]) -> list[str]:
    held = (*facts["addresses"], *facts["addresses6"])
    said = [facts["state"], ", ".join(held) or "no address"]
    said += [f"MAC {facts['mac']}"] if facts["mac"] else []
    said += [f"port {facts['port_state']}"] if facts["port_state"] else []
    said += [f"learnt {', '.join(facts['learnt'])}"] if facts["learnt"] else []
    said += ["its other end is not in sight"] if facts.get("peer_unseen") else []
    return said


def _say_guest(facts: dict[str, Any]) -> list[str]:
    silent = "address not known (it does not answer)"
    said = [facts["status"], facts["engine"]]
    said.append(", ".join(facts["addresses"]) or ("no address" if facts["answers"] else silent))
    said += [f"gateway {facts['gateway']}"] if facts["gateway"] else []
    said += [f"lease {facts['lease']}"] if facts["lease"] else []
    return said + [f"{model} card {mac}" for model, mac, _ in facts["nics"]]


def _say_netns(facts: dict[str, Any]) -> list[str]:
    gateway = [f"gateway {facts['gateway']}"] if facts["gateway"] else []
    return [_say_forwarding(facts), *gateway, *(say_nat(nat) for nat in facts["nat"])]


def _say_dnsmasq(facts: dict[str, Any]) -> list[str]:
    said = [f"gives {first} to {last}" for first, last in facts["ranges"]]
    return said + ([f"router {facts['router']}"] if facts["router"] else [])


_TELLERS = {"guest": _say_guest, "netns": _say_netns, "dnsmasq": _say_dnsmasq}
