"""Links, bridges and forwarding tables: on what a kernel told once, and against `ip -j` on the same state."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface

import pytest

from kvmbench.model import BridgePort, BridgeState, FdbEntry, Link
from kvmbench.observe.links import forwarding, links
from tests.observe.recordings import dumps
from tests.observe.room import inside


def by_name(netns: str) -> dict[str, Link]:
    return {link.name: link for link in links(netns, dumps())}


def test_a_bridge_tells_of_its_spanning_tree_and_its_times() -> None:
    assert by_name("")["br-int"] == Link(
        name="br-int",
        index=2,
        kind="bridge",
        mac="1a:ca:69:bb:d4:ac",
        up=True,
        carrier=False,
        mtu=1500,
        inet=(IPv4Interface("10.1.1.254/24"),),
        bridge=BridgeState(stp=True, ageing_s=300.0, forward_delay_s=15.0, root=True),
    )


def test_a_tap_without_a_guest_is_up_and_has_no_carrier() -> None:
    tap = by_name("")["tap01"]
    assert (tap.kind, tap.master, tap.up, tap.carrier) == ("tun", "br-int", True, False)
    assert tap.port == BridgePort(state="disabled", cost=2, learning=True)


def test_the_loopback_has_a_kind_of_its_own() -> None:
    lo = by_name("")["lo"]
    assert (lo.kind, lo.mac, lo.mtu) == ("loopback", "00:00:00:00:00:00", 65536)
    assert (lo.inet, lo.inet6) == ((IPv4Interface("127.0.0.1/8"),), (IPv6Interface("::1/128"),))


@pytest.mark.parametrize(
    ("netns", "link", "peer", "peer_netns"),
    [
        ("", "vethm.1", "vethm.2", "router1"),
        ("router1", "vethm.2", "vethm.1", ""),
        ("", "va", "vb", ""),
        ("", "vb", "va", ""),
        ("", "ens33", "o", "far"),
    ],
)
def test_a_veth_leads_to_its_peer_wherever_that_is(netns: str, link: str, peer: str, peer_netns: str) -> None:
    found = by_name(netns)[link]
    assert (found.peer, found.peer_netns) == (peer, peer_netns)


def test_an_index_counts_in_the_namespace_that_it_was_given_in() -> None:
    # Here two ends of one pair have the index 3, in two namespaces, and in a third one 3 is somebody else.
    assert {name: link.name for name in dumps() for link in links(name, dumps()) if link.index == 3} == {
        "": "vethm.1",
        "router1": "veth9",
        "far": "veth9",
    }
    router, far = by_name("router1")["veth9"], by_name("far")["veth9"]
    assert (router.peer, router.peer_netns, far.peer, far.peer_netns) == ("veth9", "far", "veth9", "router1")


def test_a_peer_in_a_namespace_without_a_name_is_unknown() -> None:
    seen = dumps()
    seen[""] = replace(seen[""], names={0: "router1"})
    uplink = next(link for link in links("", seen) if link.name == "ens33")
    assert (uplink.kind, uplink.peer, uplink.peer_netns) == ("veth", None, None)


def test_a_peer_in_a_namespace_that_vanished_while_looking_has_no_name_there() -> None:
    seen = dumps()
    del seen["router1"]
    link = next(link for link in links("", seen) if link.name == "vethm.1")
    assert (link.peer, link.peer_netns) == (None, "router1")


def test_the_forwarding_table_leaves_out_what_a_device_listens_to() -> None:
    assert forwarding(dumps()[""]) == (FdbEntry("br-int", "tap01", "2e:a3:bf:3b:06:e3", own=True),)
    assert forwarding(dumps()["router1"]) == ()


def test_an_address_that_was_seen_passing_is_not_the_ports_own() -> None:
    learned = {"ifindex": 5, "state": 2, "flags": 0, "NDA_LLADDR": "52:54:00:00:00:01", "NDA_MASTER": 2}
    with_vlan = {**learned, "NDA_VLAN": 1}
    seen = replace(dumps()[""], fdb=(learned, with_vlan))
    assert forwarding(seen) == (FdbEntry("br-int", "tap01", "52:54:00:00:00:01", own=False),)


SETUP = """
ip link add br-int type bridge stp_state 1 forward_delay 400
ip link set br-int up
ip address add 10.1.1.254/24 dev br-int
ip netns add router1
ip link add vethm.1 type veth peer name vethm.2 netns router1
ip address add 10.2.2.1/24 dev vethm.1
ip link set vethm.1 up
ip -n router1 address add 10.2.2.2/24 dev vethm.2
ip -n router1 link set vethm.2 up mtu 1400
ip link add pair0 type veth peer name pair1
ip link set pair0 master br-int
ip tuntap add tap01 mode tap
ip link set tap01 master br-int up
ip address add 10.9.9.1 peer 10.9.9.2/32 dev tap01
"""

AGAINST_IP = """
import json, subprocess
from kvmbench.observe import look

def ip(netns, *words):
    prefix = ["ip", "netns", "exec", netns] if netns else []
    done = subprocess.run([*prefix, *words], capture_output=True, check=True, text=True)
    return json.loads(done.stdout or "[]")

for room in look().namespaces:
    names = {each["ifindex"]: each["ifname"] for each in ip(room.name, "ip", "-j", "link")}
    for link, said in zip(room.links, ip(room.name, "ip", "-d", "-j", "address"), strict=True):
        addresses = [(each["local"], each["prefixlen"]) for each in said["addr_info"]]
        info = said.get("linkinfo", {})
        assert link.name == said["ifname"]
        assert link.index == said["ifindex"]
        assert link.mac == said["address"]
        assert link.mtu == said["mtu"]
        assert link.up == ("UP" in said["flags"]), said
        assert link.carrier == ("LOWER_UP" in said["flags"]), said
        assert link.master == said.get("master")
        assert link.kind == info.get("info_kind", "loopback")
        assert [(str(a.ip), a.network.prefixlen) for a in (*link.inet, *link.inet6)] == addresses
        if link.bridge:
            data = info["info_data"]
            assert link.bridge.stp == bool(data["stp_state"])
            assert link.bridge.forward_delay_s == data["forward_delay"] / 100
            assert link.bridge.ageing_s == data["ageing_time"] / 100
        if link.port:
            data = info["info_slave_data"]
            assert (link.port.state, link.port.cost) == (data["state"], data["cost"])
            assert link.port.learning == data["learning"]
    said = [each for each in ip(room.name, "bridge", "-j", "fdb") if "master" in each]
    entries = {(each["master"], each["ifname"], each["mac"]) for each in said}
    assert {(entry.bridge, entry.port, entry.mac) for entry in room.fdb} == entries
rooms = look().namespaces
print([(room.name, link.name, link.peer, link.peer_netns) for room in rooms for link in room.links])
"""


@pytest.mark.bench
def test_a_look_sees_what_ip_prints() -> None:
    assert eval(inside(SETUP, AGAINST_IP)) == [
        ("", "lo", None, None),
        ("", "br-int", None, None),
        ("", "vethm.1", "vethm.2", "router1"),
        ("", "pair1", "pair0", ""),
        ("", "pair0", "pair1", ""),
        ("", "tap01", None, None),
        ("router1", "lo", None, None),
        ("router1", "vethm.2", "vethm.1", ""),
    ]
