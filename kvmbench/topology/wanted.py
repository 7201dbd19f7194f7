"""What a step asks for, laid over what is there: whatever is not there becomes `missing`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kvmbench.model.network import BENCH
from kvmbench.topology.ids import HOST, OUTSIDE, UPLINK_NODE, dnsmasq_id, guest_id, link_id, netns_id
from kvmbench.topology.nat import Nat, wanted_nat

if TYPE_CHECKING:
    import networkx as nx

    from kvmbench.model import Wanted

TO_DO = "to do"
_LATER = 1_000_000
"""an order behind whatever exists, so that what is asked for never takes the place of what is there"""


def ask(drawn: nx.Graph[str], wanted: Iterable[Wanted]) -> None:
    """Add what is asked for and not there, with `missing=True`."""
    for order, each in enumerate(wanted):
        if each.kind == "forwarding":
            _ask_forwarding(drawn, each)
        elif each.kind in ("snat", "masquerade", "dnat"):
            _ask_nat(drawn, each)
        else:
            node = _ask_node(drawn, each, _LATER + order)
            _ask_address(drawn, node, each.address)
            _ask_edge(drawn, node, each, _LATER + order)


def _ask_node(drawn: nx.Graph[str], each: Wanted, order: int) -> str:
    if each.kind == "netns":
        return _place_netns(drawn, each.name, order)
    if each.kind == "guest":
        node = guest_id(each.name)
        if node not in drawn:
            _add(drawn, node, "guest", each.name, order, nics=())
        return node
    if each.kind == "dnsmasq":
        node = dnsmasq_id(each.name)
        if node not in drawn:
            _add(drawn, node, "dnsmasq", "dnsmasq", order, netns=each.netns, interfaces=(each.name,))
        return node
    kind = each.kind if each.kind in ("bridge", "tap", "veth") else "link"
    return _place_link(drawn, each.name, each.netns, kind, order)


def _place_netns(drawn: nx.Graph[str], name: str, order: int) -> str:
    if name == BENCH:
        return HOST
    node = netns_id(name)
    if node not in drawn:
        _add(drawn, node, "netns", name, order)
    return node


def _place_link(drawn: nx.Graph[str], name: str, netns: str, kind: str, order: int) -> str:
    _place_netns(drawn, netns, order)
    node = link_id(name, netns)
    if node not in drawn:
        _add(drawn, node, kind, name, order, netns=netns)
    return node


def _add(drawn: nx.Graph[str], node: str, kind: str, name: str, order: int, **more: object) -> None:
    drawn.add_node(node, kind=kind, name=name, order=order, missing=True, note=TO_DO, addresses=(), **more)


def _ask_address(drawn: nx.Graph[str], node: str, address: str) -> None:
    facts = drawn.nodes[node]
    if address and address not in facts.get("addresses", ()):
        facts["wants"] = (*facts.get("wants", ()), address)


def _ask_edge(drawn: nx.Graph[str], node: str, each: Wanted, order: int) -> None:
    other, kind = each.attached_to, {"guest": "tap", "veth": "veth"}.get(each.kind, "port")
    if each.kind == "dnsmasq":
        other, kind = each.name, "dhcp"
    if not other or each.kind in ("netns", "bridge"):
        return
    name, _, netns = other.partition("@")
    there = {"tap": "tap", "veth": "veth", "port": "bridge"}.get(kind, "link")
    end = _place_link(drawn, name, netns or (BENCH if kind == "veth" else each.netns), there, order)
    if end != node and not drawn.has_edge(node, end):
        drawn.add_edge(node, end, kind=kind, missing=True)


def _ask_forwarding(drawn: nx.Graph[str], each: Wanted) -> None:
    node = HOST if each.netns == BENCH else _place_netns(drawn, each.netns, _LATER)
    if drawn.nodes[node].get("forwarding") is not True:
        drawn.nodes[node]["wants_forwarding"] = True


def _ask_nat(drawn: nx.Graph[str], each: Wanted) -> None:
    asked = wanted_nat(each.kind, each.name, each.attached_to)
    edge = drawn.edges[UPLINK_NODE, OUTSIDE]
    there: tuple[Nat, ...] = edge["nat"]
    if not any(asked.met_by(nat) for nat in there):
        edge["nat"] = (*there, asked)
