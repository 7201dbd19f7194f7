"""A bench's networks are at rest, or what disturbs them is named."""

from __future__ import annotations

import time

import pytest

from kvmbench.bench import enter
from kvmbench.bench.lifecycle import Bench
from kvmbench.bench.started import Started
from kvmbench.bench.stock import Stock
from kvmbench.errors import LookFailed
from kvmbench.grade import rest
from kvmbench.grade.look import Wanted, look
from tests.grade.conftest import STRICT

pytestmark = pytest.mark.bench

SET_UP = """
ip link add br0 type bridge; ip link set br0 up; ip netns add room; ip link add a type veth peer name b
ip link set b netns room; sysctl -qw net.ipv4.ip_forward=0; touch /run/set-up
"""
AT_ONCE = {
    "links": "ip link add x type bridge; ip link del x",
    "addresses": "ip addr add 10.9.9.9/24 dev lo; ip addr del 10.9.9.9/24 dev lo",
    "routes": "ip netns exec room ip route add blackhole 10.8.0.0/16; ip netns exec room ip route flush all",
    "rules": "nft add table ip x; nft delete table ip x",
    "switches": "sysctl -qw net.ipv4.ip_forward=1; sysctl -qw net.ipv4.ip_forward=0",
    "namespaces": "ip netns del room; ip netns add room",
}


@pytest.fixture(autouse=True)
def settled(bench: Bench) -> None:
    """A new link is told of once more a second later (linkwatch), and IPv6 looks for its like (RFC 4862)."""
    enter.capture(bench, ["sh", "-c", SET_UP]).checked()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with rest.listened_to(bench) as networks:
            time.sleep(1.5)
            if not networks.disturbed_by():
                return
    pytest.fail("the networks of an idle bench were never at rest")


@pytest.mark.parametrize("what", AT_ONCE)
def test_a_change_that_is_undone_at_once_is_heard(bench: Bench, what: str) -> None:
    with rest.listened_to(bench) as networks:
        enter.capture(bench, ["sh", "-c", AT_ONCE[what]]).checked()
        assert what in networks.disturbed_by()


def test_hosts_that_talk_disturb_nothing(bench: Bench) -> None:
    line = "ping -c 2 -i 0.01 127.0.0.1; ip -s link; ip netns exec room ip addr; nft list ruleset"
    with rest.listened_to(bench) as networks:
        enter.capture(bench, ["sh", "-c", line]).checked()
        assert networks.disturbed_by() == set()


def test_one_change_is_waited_out_and_one_without_end_is_not_taken_for_a_state(bench: Bench) -> None:
    flicker = "while :; do ip link add x type bridge; ip link del x; done"
    started = Started(bench, ["sh", "-c", f"ip link add y type bridge; {flicker}"], STRICT, {})
    try:
        with pytest.raises(LookFailed, match=r"kept changing while no cell ran: .*links"):
            look(bench, Stock(), Wanted())
    finally:
        started.end()
    enter.capture(bench, ["sh", "-c", "ip link del y"]).checked()
    names = {link.name for link in look(bench, Stock(), Wanted()).snapshot.namespaces[0].links}
    assert "br0" in names
    assert "y" not in names
