"""A Snapshot as a graph: what there is, how it is joined, and what a step asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import networkx as nx

from kvmbench.model import Wanted
from kvmbench.model.guest import Guest, Nic
from kvmbench.model.network import BENCH, Link, Netns
from kvmbench.model.services import DhcpServer
from kvmbench.model.snapshot import UPLINK, Snapshot
from kvmbench.topology.ids import HOST, OUTSIDE, UPLINK_NODE, dnsmasq_id, guest_id, link_id, netns_id
from kvmbench.topology.nat import translations
from kvmbench.topology.wanted import ask

if TYPE_CHECKING:
    Drawn = nx.Graph[str]

OUTSIDE_ADDRESS = "172.16.0.1/16"
_LOOPBACKS = ("loopback",)
_UNKNOWN_ORDER = 500_000


def graph(snapshot: Snapshot, wanted: tuple[Wanted, ...] = ()) -> Drawn:
    """What a Snapshot holds, as nodes and edges with attributes.

    A node has at least `kind`, `name`, `missing` and `order` (its age: what is older has the smaller one);
    an edge has `kind` (port, tap, veth, uplink or dhcp) and `missing`. What is asked for, or referred to, and
    not there has `missing=True`. The edge between uplink and outside carries `nat`, a tuple of `Nat`.
    """
    drawn: Drawn = nx.Graph(bench=snapshot.bench)
    _add_fixed(drawn, snapshot)
    for order, netns in enumerate(snapshot.namespaces):
        if netns.name != BENCH:
            drawn.add_node(netns_id(netns.name), **_netns_facts(netns, order))
        for link in netns.links:
            _add_link(drawn, link, netns)
    for netns in snapshot.namespaces:
        for link in netns.links:
            _join_link(drawn, link, netns.name)
    for guest in sorted(snapshot.guests, key=lambda guest: (guest.pid, guest.name)):
        _add_guest(drawn, guest, snapshot)
    for server in sorted(snapshot.dhcp_servers, key=lambda server: server.pid):
        _add_dnsmasq(drawn, server)
    _add_uplink(drawn, snapshot)
    ask(drawn, wanted)
    return drawn


def _add_fixed(drawn: Drawn, snapshot: Snapshot) -> None:
    """The two machines that every bench has."""
    own = snapshot.netns(BENCH)
    drawn.add_node(
        OUTSIDE, kind="outside", name="outside host", order=0, missing=False, addresses=(OUTSIDE_ADDRESS,)
    )
    drawn.add_node(
        HOST,
        kind="host",
        name=snapshot.bench,
        order=0,
        missing=False,
        forwarding=_forwarding(own) if own else None,
    )


def _netns_facts(netns: Netns, order: int) -> dict[str, Any]:
    gateways = [route.gateway for route in netns.routes if route.gateway and route.destination.prefixlen == 0]
    return {
        "kind": "netns",
        "name": netns.name,
        "order": order,
        "missing": False,
        "forwarding": _forwarding(netns),
        "gateway": str(gateways[0]) if gateways else None,
        "nat": translations(netns, {}),
    }


def _forwarding(netns: Netns) -> bool | None:
    """Whether it routes for others (ip-sysctl, ip_forward); None when nobody looked."""
    value = netns.sysctls.get("net.ipv4.ip_forward")
    return None if value is None else value.strip() == "1"


def _kind(link: Link, netns: str) -> str:
    if link.name == UPLINK and netns == BENCH:
        return "uplink"
    if link.bridge is not None or link.kind == "bridge":
        return "bridge"
    return {"tun": "tap", "tap": "tap", "veth": "veth"}.get(link.kind, "link")


def _state(link: Link) -> str:
    if not link.up:
        return "down"
    return "up" if link.carrier else "no carrier"


def _add_link(drawn: Drawn, link: Link, netns: Netns) -> None:
    if link.kind in _LOOPBACKS or link.name == "lo":
        return
    learnt = [seen.mac for seen in netns.fdb if seen.port == link.name and not seen.own]
    drawn.add_node(
        link_id(link.name, netns.name),
        kind=_kind(link, netns.name),
        type=link.kind,
        name=link.name,
        netns=netns.name,
        order=link.index,
        missing=False,
        state=_state(link),
        mac=link.mac,
        mtu=link.mtu,
        addresses=tuple(str(address) for address in link.inet),
        addresses6=tuple(str(address) for address in link.inet6 if not address.ip.is_link_local),
        master=link.master,
        port_state=link.port.state if link.port else None,
        learnt=tuple(dict.fromkeys(learnt)),
    )


def _join_link(drawn: Drawn, link: Link, netns: str) -> None:
    node = link_id(link.name, netns)
    if node not in drawn:
        return
    if link.master:
        _join(drawn, node, _somewhere(drawn, link.master, netns, "bridge"), "port")
    if link.kind != "veth" or _kind(link, netns) == "uplink":
        return
    other = link_id(link.peer, link.peer_netns) if link.peer and link.peer_netns is not None else None
    if other in drawn and other != node:
        _join(drawn, node, other, "veth")
    else:
        drawn.nodes[node]["peer_unseen"] = link.peer or "?"


def _somewhere(drawn: Drawn, name: str, netns: str, kind: str) -> str:
    """The interface of that name; when nobody saw it, a stand-in that is `missing`."""
    node = link_id(name, netns)
    stand_in = {"order": _UNKNOWN_ORDER + len(drawn), "missing": True, "note": "not there", "addresses": ()}
    if netns != BENCH and netns_id(netns) not in drawn:
        drawn.add_node(netns_id(netns), kind="netns", name=netns, **stand_in)
    if node not in drawn:
        drawn.add_node(node, kind=kind, name=name, netns=netns, **stand_in)
    return node


def _join(drawn: Drawn, one: str, other: str | None, kind: str) -> None:
    if other is not None and one != other:
        drawn.add_edge(one, other, kind=kind, missing=False)


def _add_guest(drawn: Drawn, guest: Guest, snapshot: Snapshot) -> None:
    node = _free(drawn, guest_id(guest.name), guest.pid)
    inside = guest.inside
    addresses = (
        [str(each) for name, held in inside.addresses.items() if name != "lo" for each in held]
        if inside
        else []
    )
    drawn.add_node(
        node,
        kind="guest",
        name=guest.name,
        order=guest.pid,
        missing=False,
        status=guest.status,
        engine=guest.engine,
        memory_mib=guest.memory_mib,
        vcpus=guest.vcpus,
        nics=tuple((nic.model, nic.mac, nic.tap) for nic in guest.nics),
        answers=inside is not None,
        addresses=tuple(addresses),
        gateway=str(inside.gateway) if inside and inside.gateway else None,
        lease=_lease(guest.nics, snapshot),
    )
    for nic in guest.nics:
        if nic.tap:
            _join(drawn, node, _somewhere(drawn, nic.tap, BENCH, "tap"), "tap")


def _lease(nics: tuple[Nic, ...], snapshot: Snapshot) -> str | None:
    macs = {nic.mac.lower() for nic in nics}
    return next((lease.address for lease in snapshot.leases if lease.mac.lower() in macs), None)


def _add_dnsmasq(drawn: Drawn, server: DhcpServer) -> None:
    node = _free(drawn, dnsmasq_id(server.interfaces[0] if server.interfaces else ""), server.pid)
    drawn.add_node(
        node,
        kind="dnsmasq",
        name="dnsmasq",
        netns=server.netns,
        order=server.pid,
        missing=False,
        interfaces=server.interfaces,
        ranges=server.ranges,
        router=server.options.get(3),
        addresses=(),
    )
    for interface in server.interfaces:
        if interface != "lo":
            _join(drawn, node, _somewhere(drawn, interface, server.netns, "link"), "dhcp")


def _free(drawn: Drawn, node: str, pid: int) -> str:
    """Two guests may bear one name; the process id tells them apart."""
    return node if node not in drawn else f"{node}#{pid}"


def _add_uplink(drawn: Drawn, snapshot: Snapshot) -> None:
    """The uplink is a part of every bench: when it is gone, that is shown."""
    _somewhere(drawn, UPLINK, BENCH, "uplink")
    drawn.nodes[UPLINK_NODE]["kind"] = "uplink"
    own = snapshot.netns(BENCH)
    guests = {
        address.partition("/")[0]: facts["name"]
        for _, facts in drawn.nodes(data=True)
        if facts["kind"] == "guest"
        for address in (*facts["addresses"], *([facts["lease"]] if facts["lease"] else []))
    }
    drawn.add_edge(
        UPLINK_NODE,
        OUTSIDE,
        kind="uplink",
        missing=drawn.nodes[UPLINK_NODE]["missing"],
        nat=translations(own, guests) if own else (),
    )
