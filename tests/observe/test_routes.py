"""Routes and neighbours: on what a kernel told once, and against `ip -j` on the same state."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from kvmbench.model import Neighbour, Route
from kvmbench.observe.routes import neighbours, routes
from tests.observe.recordings import dumps
from tests.observe.room import inside


def route(
    destination: str, gateway: str | None, link: str | None, source: str | None = None, metric: int = 0
) -> Route:
    return Route(
        IPv4Network(destination),
        IPv4Address(gateway) if gateway else None,
        link,
        IPv4Address(source) if source else None,
        metric,
    )


def test_the_main_table_is_read_with_metrics_several_hops_and_dead_ends() -> None:
    assert routes(dumps()[""]) == (
        route("0.0.0.0/0", "172.16.0.1", "ens33"),
        route("10.1.1.0/24", None, "br-int", "10.1.1.254"),
        route("10.2.2.0/24", None, "vethm.1", "10.2.2.1"),
        route("10.7.0.0/16", "10.2.2.2", "vethm.1", metric=50),
        route("10.8.0.0/16", None, None),
        route("10.9.0.0/16", "172.16.0.1", "ens33"),
        route("10.9.0.0/16", "10.2.2.2", "vethm.1"),
        route("172.16.0.0/16", None, "ens33", "172.16.0.67"),
    )


def test_neighbours_are_those_that_ip_neigh_lists() -> None:
    assert neighbours(dumps()[""]) == (
        Neighbour("172.16.0.9", "ens33", None, "INCOMPLETE"),
        Neighbour("172.16.0.1", "ens33", "6a:b2:b9:86:0d:f5", "REACHABLE"),
    )
    assert neighbours(dumps()["far"]) == (Neighbour("172.16.0.67", "o", "92:6f:fe:eb:e1:ad", "DELAY"),)


SETUP = """
ip netns add router1
ip link add vethm.1 type veth peer name vethm.2 netns router1
ip address add 10.2.2.1/24 dev vethm.1
ip link set vethm.1 up
ip -n router1 address add 10.2.2.2/24 dev vethm.2
ip -n router1 link set vethm.2 up
ip -n router1 route add default via 10.2.2.1
ip route add 10.7.0.0/16 via 10.2.2.2 metric 50
ip route add 10.6.0.0/16 dev vethm.1 table 7
ip neighbour add 10.2.2.9 lladdr 52:54:00:00:00:09 dev vethm.1 nud permanent
"""

AGAINST_IP = """
import json, subprocess
from kvmbench.observe import look

def ip(netns, *words):
    prefix = ["ip", "netns", "exec", netns] if netns else []
    done = subprocess.run([*prefix, *words], capture_output=True, check=True, text=True)
    return json.loads(done.stdout or "[]")

def network(text):
    return "0.0.0.0/0" if text == "default" else text if "/" in text else text + "/32"

for room in look().namespaces:
    said = [
        (network(e["dst"]), e.get("gateway"), e.get("dev"), e.get("prefsrc"), e.get("metric", 0))
        for e in ip(room.name, "ip", "-j", "route")
    ]
    text = lambda thing: str(thing) if thing is not None else None
    seen = [(str(r.destination), text(r.gateway), r.link, text(r.source), r.metric) for r in room.routes]
    assert seen == said, (seen, said)
    known = {(e["dst"], e["dev"], e.get("lladdr")) for e in ip(room.name, "ip", "-j", "neighbour")}
    assert {(n.address, n.link, n.mac) for n in room.neighbours} == known
    print(room.name, len(room.routes), [n.state for n in room.neighbours])
"""


@pytest.mark.bench
def test_a_look_sees_the_routes_and_neighbours_that_ip_prints() -> None:
    assert inside(SETUP, AGAINST_IP).splitlines() == [" 2 ['PERMANENT']", "router1 2 []"]
