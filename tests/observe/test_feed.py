"""What is looked at again after a change: networks alone where the kernel told of nothing else."""

from __future__ import annotations

import json

import pytest

from tests.observe.room import inside

pytestmark = pytest.mark.bench

LOOKED = """
import json, subprocess
from dataclasses import replace
from kvmbench.observe import look
from kvmbench.observe.feed import Feed

open("/run/seen", "w").write("before")
feed = Feed(files=("/run/seen",), pace_s=60)
feed.look()
subprocess.run(["sh", "-ec", CHANGE], check=True)
open("/run/seen", "w").write("afterwards, and longer")
after = feed.look_after(frozenset(WHAT))
whole = look(files=("/run/seen",))
same = after.namespaces == whole.namespaces and after is feed.newest
read = after.file("/run/seen") == whole.file("/run/seen")
print(json.dumps([same, read, after.troubles == whole.troubles]))
"""
SETUP = (
    "ip netns add router1; ip link add va type veth peer name vb netns router1; ip link add br0 type bridge"
)


@pytest.mark.parametrize(
    ("change", "what", "whole"),
    [
        ("ip link set va up mtu 1400", {"links"}, False),
        ("ip -n router1 address add 10.2.2.2/24 dev vb", {"addresses", "routes"}, False),
        ("ip netns exec router1 sysctl -qw net.ipv4.ip_forward=1", {"switches"}, False),
        ("nft add table ip course; nft add chain ip course out", {"rules"}, False),
        ("ip link set va name tap01", {"links"}, True),
        ("ip link del br0", {"links"}, True),
        ("ip link set va up", {"links", "guests"}, True),
        ("ip link set va up", {"lost"}, True),
        ("ip netns add router2", {"namespaces"}, True),
    ],
)
def test_networks_alone_are_read_when_nothing_else_can_have_changed(
    change: str, what: set[str], whole: bool
) -> None:
    snippet = f"CHANGE = {change!r}\nWHAT = {sorted(what)!r}\n{LOOKED}"
    assert json.loads(inside(SETUP, snippet)) == [True, whole, True]
