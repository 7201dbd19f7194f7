"""What stands in each box, and which of its troubles it must show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kvmbench.topology.layout import neighbours

if TYPE_CHECKING:
    import networkx as nx

Tone = Literal["plain", "soft", "absent", "todo", "warn"]
"""absent and todo are set in italics, so that they differ without colour"""
State = Literal["up", "down", "no carrier", "missing"]


@dataclass(frozen=True)
class Words:
    """One line of a box."""

    text: str
    tone: Tone = "soft"
    mono: bool = True


@dataclass(frozen=True)
class Label:
    """The name, a mark at its right, the lines under it, and the state that the outline shows."""

    name: str
    mark: str
    state: State
    lines: tuple[Words, ...] = ()


def label(graph: nx.Graph[str], node: str) -> Label:
    """The words of a node's box."""
    facts = graph.nodes[node]
    name = facts["name"]
    if facts["missing"]:
        note = Words(facts["note"], "todo", mono=False)
        return Label(name, "", "missing", _wanted(facts) or (note,))
    if facts["kind"] == "guest":
        return _guest(name, facts)
    if facts["kind"] == "dnsmasq":
        return _dnsmasq(name, facts)
    if facts["kind"] == "outside":
        return Label(name, "", "up", tuple(Words(address) for address in facts["addresses"]))
    return _device(graph, node, name, facts)


def _device(graph: nx.Graph[str], node: str, name: str, facts: dict[str, Any]) -> Label:
    state: State = facts["state"]
    mark = "up" if state == "up" else ""
    lines = _addresses(facts, needs_one=_needs_address(graph, node))
    lines = (*lines, *_trouble(facts))
    learnt = len(facts["learnt"])
    if learnt and len(lines) < 2:
        lines = (*lines, Words(f"learnt {learnt} MAC{'s' if learnt > 1 else ''}", mono=False))
    return Label(name, mark, state, lines)


def _trouble(facts: dict[str, Any]) -> tuple[Words, ...]:
    if facts["state"] == "down":
        return (Words("✕ down", "warn", mono=False),)
    if facts["state"] == "no carrier":
        return (Words("○ no carrier", "warn", mono=False),)
    if facts.get("port_state") not in (None, "forwarding"):
        return (Words(f"port {facts['port_state']}", "warn", mono=False),)
    if facts.get("peer_unseen"):
        return (Words("other end not in sight", "absent", mono=False),)
    return ()


def _needs_address(graph: nx.Graph[str], node: str) -> bool:
    """A tap or a port works without an address; whatever speaks IP itself does not."""
    facts = graph.nodes[node]
    return facts["kind"] in ("uplink", "bridge", "veth", "link") and not facts.get("master")


def _addresses(facts: dict[str, Any], *, needs_one: bool) -> tuple[Words, ...]:
    held = facts["addresses"] or facts.get("addresses6", ())
    wanted = _wanted(facts)
    if held:
        more = f" +{len(held) - 1}" if len(held) > 1 else ""
        return (Words(held[0] + more, "plain"), *wanted)
    if needs_one and not wanted:
        return (Words("no address", "absent", mono=False),)
    return wanted


def _wanted(facts: dict[str, Any]) -> tuple[Words, ...]:
    wants = facts.get("wants", ())
    return (Words(f"to do: {', '.join(wants)}", "todo", mono=False),) if wants else ()


def _guest(name: str, facts: dict[str, Any]) -> Label:
    runs = facts["status"] == "running"
    mark = f"{facts['status']} · {facts['engine']}" if runs else f"‖ {facts['status']}"
    lines: list[Words] = list(_guest_address(facts))
    for model, mac, _ in facts["nics"][:1]:
        more = f" +{len(facts['nics']) - 1}" if len(facts["nics"]) > 1 else ""
        lines.append(Words(f"{mac} {model}{more}"))
    if not facts["nics"]:
        lines.append(Words("no network card", "absent", mono=False))
    return Label(name, mark, "up" if runs else "down", tuple(lines))


def _guest_address(facts: dict[str, Any]) -> tuple[Words, ...]:
    held, wanted = facts["addresses"], _wanted(facts)
    if held:
        via = f" via {facts['gateway']}" if facts["gateway"] else ""
        more = f" +{len(held) - 1}" if len(held) > 1 else ""
        return (Words(f"{held[0]}{more}{via}", "plain"), *wanted)
    if facts["lease"] and not facts["answers"]:
        return (Words(f"{facts['lease']} (lease)", "plain"), *wanted)
    if wanted:
        return wanted
    return (Words("no address" if facts["answers"] else "address not known", "absent", mono=False),)


def _dnsmasq(name: str, facts: dict[str, Any]) -> Label:
    lines = [Words(f"{first}–{last}", "plain") for first, last in facts["ranges"][:1]]
    lines = lines or [Words("no range", "absent", mono=False)]
    if facts["router"]:
        lines.append(Words(f"router {facts['router']}", mono=False))
    return Label(name, "dhcp", "up", tuple(lines))


def ports(graph: nx.Graph[str], bridge: str) -> list[str]:
    """The ports of a bridge, those that are only asked for too."""
    return neighbours(graph, bridge, "port")
