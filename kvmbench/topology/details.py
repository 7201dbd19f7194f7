"""What stands behind a box of the picture: its row, and the commands that would look at it by hand."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kvmbench.topology.ids import HOST, OUTSIDE
from kvmbench.topology.layout import neighbours
from kvmbench.topology.words import all_nat, say_nat

if TYPE_CHECKING:
    import networkx as nx

Row = tuple[tuple[str, str], ...]
"""pairs of a title and a value"""


def row(graph: nx.Graph[str], node: str) -> Row:
    """What is known of a node; what does not apply is left out."""
    facts = graph.nodes[node]
    told: list[tuple[str, str]] = [("name", facts["name"])]
    if facts["missing"]:
        return (*told, ("state", f"missing: {facts['note']}"))
    told += _TELLERS.get(facts["kind"], _link)(graph, node, facts)
    return tuple((title, value) for title, value in told if value)


def by_hand(graph: nx.Graph[str], node: str) -> tuple[str, ...]:
    """The lines that would look at it in a shell on the bench, today's first."""
    facts = graph.nodes[node]
    netns, name = facts.get("netns") or "", shlex.quote(facts["name"])
    if node == OUTSIDE:
        return ("kvmbench exec --outside -- ip address",)
    if node == HOST:
        return (
            "sysctl net.ipv4.ip_forward",
            "ip route",
            "nft list ruleset",
            "iptables -t nat -vnL",
            "conntrack -L",
        )
    if facts["kind"] == "netns":
        return (
            "ip netns list",
            f"ip -n {name} -d address",
            f"ip -n {name} route",
            f"ip netns exec {name} nft list ruleset",
        )
    if facts["kind"] == "guest":
        return (
            f"kvmbench exec --guest {name} -- ip address",
            f"kvmbench exec --guest {name} -- ip route",
            f"ps -C qemu-system-x86_64 -o pid,args | grep -- {name}",
        )
    if facts["kind"] == "dnsmasq":
        return ("ps -C dnsmasq -o pid,args", "cat /var/lib/misc/dnsmasq.leases", "ss -lunp sport = :67")
    return _of_link(graph, node, facts, netns, name)


def _of_link(
    graph: nx.Graph[str], node: str, facts: Mapping[str, Any], netns: str, name: str
) -> tuple[str, ...]:
    inside = f" -n {shlex.quote(netns)}" if netns else ""
    before = f"ip netns exec {shlex.quote(netns)} " if netns else ""
    lines = [f"ip{inside} -d link show {name}", f"ip{inside} address show {name}"]
    if facts["kind"] == "bridge":
        lines += [f"bridge{inside} link", f"bridge{inside} fdb show br {name}", f"{before}brctl show {name}"]
    elif facts.get("master"):
        lines += [f"bridge{inside} -d link show dev {name}", f"bridge{inside} fdb show brport {name}"]
    if facts["kind"] == "uplink":
        lines += ["ip route", "nft list ruleset"]
    return (*lines, f"{before}tcpdump -nli {name}")


def _link(graph: nx.Graph[str], node: str, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    peers = [graph.nodes[other] for other in neighbours(graph, node, "veth")]
    plugged = [graph.nodes[other]["name"] for other in neighbours(graph, node, "tap")]
    ports = [
        graph.nodes[other]["name"]
        for other in neighbours(graph, node, "port")
        if facts["kind"] == "bridge" and graph.nodes[other].get("master") == facts["name"]
    ]
    return [
        ("kind", facts.get("type") or facts["kind"]),
        ("state", facts["state"]),
        ("namespace", facts.get("netns") or ""),
        ("MAC", facts["mac"] or ""),
        ("addresses", _listed((*facts["addresses"], *facts["addresses6"]))),
        ("MTU", str(facts["mtu"])),
        ("port of", facts["master"] or ""),
        ("port state", facts["port_state"] or ""),
        ("ports", _listed(ports)),
        ("learnt", _listed(facts["learnt"])),
        ("other end", _listed(_where(peer) for peer in peers)),
        ("guest", _listed(plugged)),
        ("translations", _listed(map(say_nat, all_nat(graph))) if facts["kind"] == "uplink" else ""),
    ]


def _where(peer: Mapping[str, Any]) -> str:
    return f"{peer['name']} in {peer['netns']}" if peer.get("netns") else str(peer["name"])


def _guest(graph: nx.Graph[str], node: str, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("kind", "guest"),
        ("state", facts["status"]),
        (
            "engine",
            {"kvm": "KVM", "tcg": "TCG, QEMU's own translation"}.get(facts["engine"], facts["engine"]),
        ),
        ("memory", f"{facts['memory_mib']} MiB"),
        ("vCPUs", str(facts["vcpus"])),
        ("cards", _listed(f"{model} {mac} on {tap or 'no tap'}" for model, mac, tap in facts["nics"])),
        ("addresses", _listed(facts["addresses"]) or ("" if facts["answers"] else "not known: it is silent")),
        ("gateway", facts["gateway"] or ""),
        ("lease", facts["lease"] or ""),
    ]


def _netns(graph: nx.Graph[str], node: str, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("kind", "network namespace"),
        ("forwarding", _on(facts["forwarding"])),
        ("gateway", facts["gateway"] or ""),
        ("translations", _listed(map(say_nat, facts["nat"]))),
    ]


def _host(graph: nx.Graph[str], node: str, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("kind", "bench host"),
        ("forwarding", _on(facts["forwarding"])),
        ("translations", _listed(map(say_nat, all_nat(graph)))),
    ]


def _dnsmasq(graph: nx.Graph[str], node: str, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("kind", "DHCP server"),
        ("serves", _listed(facts["interfaces"])),
        ("gives", _listed(f"{first} to {last}" for first, last in facts["ranges"])),
        ("router", facts["router"] or ""),
    ]


def _outside(graph: nx.Graph[str], node: str, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [("kind", "outside host"), ("addresses", _listed(facts["addresses"]))]


def _on(forwarding: bool | None) -> str:
    return "not known" if forwarding is None else "on" if forwarding else "off"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(values)


_TELLERS = {
    "guest": _guest,
    "netns": _netns,
    "host": _host,
    "dnsmasq": _dnsmasq,
    "outside": _outside,
}
