"""The graph: what is there, how it is joined, what is asked for."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import pytest

from kvmbench.model import Link, Netns, Snapshot
from kvmbench.topology import Nat, Wanted, graph
from tests.topology import samples


def edges(drawn: nx.Graph[str], kind: str, *, missing: bool = False) -> set[frozenset[str]]:
    return {
        frozenset((one, other))
        for one, other, facts in drawn.edges(data=True)
        if facts["kind"] == kind and facts["missing"] is missing
    }


def missing(drawn: nx.Graph[str]) -> set[str]:
    return {node for node, facts in drawn.nodes(data=True) if facts["missing"]}


def test_an_empty_bench_has_its_host_its_uplink_and_the_outside() -> None:
    drawn = graph(samples.empty())
    assert set(drawn) == {"bench", "link:ens33", "outside"}
    assert edges(drawn, "uplink") == {frozenset(("link:ens33", "outside"))}
    assert drawn.nodes["outside"]["addresses"] == ("172.16.0.1/16",)


def test_the_tutorial_has_every_node_and_every_edge() -> None:
    drawn = graph(samples.tutorial())
    assert set(drawn) == {
        "bench",
        "outside",
        "link:ens33",
        "link:br-int",
        "link:tap01",
        "link:tap02",
        "link:vethm.1",
        "link:vethm.2@router1",
        "netns:router1",
        "guest:c1",
        "guest:c2",
        "dnsmasq:br-int",
    }
    assert edges(drawn, "port") == {frozenset((f"link:{tap}", "link:br-int")) for tap in ("tap01", "tap02")}
    assert edges(drawn, "tap") == {frozenset((f"link:tap0{n}", f"guest:c{n}")) for n in (1, 2)}
    assert edges(drawn, "veth") == {frozenset(("link:vethm.1", "link:vethm.2@router1"))}
    assert edges(drawn, "dhcp") == {frozenset(("dnsmasq:br-int", "link:br-int"))}
    assert not missing(drawn)


def test_nodes_carry_addresses_state_mac_and_what_a_port_has_learnt() -> None:
    nodes = graph(samples.tutorial()).nodes
    assert nodes["link:br-int"]["addresses"] == ("10.1.1.254/24",)
    assert nodes["guest:c1"]["addresses"] == ("10.1.1.1/24",)
    assert nodes["guest:c1"]["gateway"] == "10.1.1.254"
    assert nodes["link:tap01"]["state"] == "up"
    assert nodes["link:tap01"]["mac"] == "fe:54:00:00:a0:06"
    assert nodes["link:tap01"]["learnt"] == ("52:54:00:00:00:01",)
    assert nodes["netns:router1"]["gateway"] == "10.2.2.1"
    assert nodes["bench"]["forwarding"] is True


def test_translations_stand_on_the_edge_between_uplink_and_outside() -> None:
    out, into = graph(samples.tutorial()).edges["link:ens33", "outside"]["nat"]
    assert (out.direction, out.label, out.counted) == (
        "out",
        "MASQUERADE 10.1.1.0/24 → 172.16.0.67",
        "12 packets",
    )
    assert (into.direction, into.label) == ("in", "DNAT tcp 172.16.0.67:22922 → 10.1.1.1:22 (c1)")


@pytest.mark.parametrize(
    ("packets", "said"), [(None, ""), (0, "no packet yet"), (1, "1 packet"), (1200, "1,200 packets")]
)
def test_a_counter_is_said_in_words(packets: int | None, said: str) -> None:
    assert Nat("snat", "", "", packets=packets).counted == said


@pytest.mark.parametrize(("up", "carrier", "state"), [(1, 1, "up"), (1, 0, "no carrier"), (0, 0, "down")])
def test_a_link_is_up_down_or_without_carrier(up: int, carrier: int, state: str) -> None:
    seen = samples.snapshot(samples.bench(samples.tap("tap01", 3, up=bool(up), carrier=bool(carrier))))
    assert graph(seen).nodes["link:tap01"]["state"] == state


def test_what_is_asked_for_and_not_there_is_missing() -> None:
    drawn = graph(samples.empty(), samples.HALF_WANTED)
    assert missing(drawn) == set(graph(samples.tutorial())) - {"bench", "outside", "link:ens33"}
    assert edges(drawn, "tap", missing=True) == edges(graph(samples.tutorial()), "tap")
    assert edges(drawn, "veth", missing=True) == edges(graph(samples.tutorial()), "veth")
    assert edges(drawn, "port", missing=True) == edges(graph(samples.tutorial()), "port")
    assert edges(drawn, "dhcp", missing=True) == edges(graph(samples.tutorial()), "dhcp")
    assert [nat.missing for nat in drawn.edges["link:ens33", "outside"]["nat"]] == [True, True]
    assert drawn.nodes["bench"]["wants_forwarding"]


def test_what_is_asked_for_and_there_changes_nothing() -> None:
    wanted = tuple(replace(each, address="") for each in samples.HALF_WANTED)
    plain, asked = graph(samples.tutorial()), graph(samples.tutorial(), wanted)
    assert nx.utils.graphs_equal(plain, asked)


def test_a_tap_on_no_bridge_lacks_only_its_edge() -> None:
    seen = samples.snapshot(samples.bench(samples.bridge("br-int", 3), samples.tap("tap01", 4)))
    drawn = graph(seen, (Wanted("tap", "tap01", attached_to="br-int"),))
    assert not missing(drawn)
    assert edges(drawn, "port", missing=True) == {frozenset(("link:tap01", "link:br-int"))}


def test_an_address_that_is_asked_for_stands_at_its_link() -> None:
    wanted = (Wanted("bridge", "br-int", address="10.1.1.254/24"),)
    bare = graph(samples.snapshot(samples.bench(samples.bridge("br-int", 3))), wanted)
    assert bare.nodes["link:br-int"]["wants"] == ("10.1.1.254/24",)
    assert "wants" not in graph(samples.tutorial(), wanted).nodes["link:br-int"]


@pytest.mark.parametrize("kind", ["snat", "masquerade"])
def test_source_nat_by_either_rule_is_what_was_asked_for(kind: str) -> None:
    drawn = graph(samples.tutorial(), (Wanted(kind, "10.1.1.0/24", attached_to="172.16.0.67"),))
    assert not any(nat.missing for nat in drawn.edges["link:ens33", "outside"]["nat"])


def test_a_dnat_to_another_guest_is_not_what_was_asked_for() -> None:
    drawn = graph(samples.tutorial(), (Wanted("dnat", "172.16.0.67:22922", attached_to="10.1.1.2:22"),))
    assert [nat.missing for nat in drawn.edges["link:ens33", "outside"]["nat"]] == [False, False, True]


def test_a_peer_that_nobody_sees_is_noted_and_makes_no_edge() -> None:
    seen = samples.snapshot(
        samples.bench(samples.veth("a", 3, "b", "nowhere"), samples.veth("c", 4, None, None))
    )
    drawn = graph(seen)
    assert drawn.nodes["link:a"]["peer_unseen"] == "b"
    assert drawn.nodes["link:c"]["peer_unseen"] == "?"
    assert not edges(drawn, "veth")


def test_the_uplink_is_no_veth_whatever_it_is_made_of() -> None:
    ens33 = graph(samples.empty()).nodes["link:ens33"]
    assert (ens33["kind"], ens33["type"]) == ("uplink", "veth")
    assert "peer_unseen" not in ens33


def test_an_uplink_that_is_gone_is_drawn_as_gone() -> None:
    for seen in (samples.snapshot(Netns("")), samples.snapshot()):
        drawn = graph(seen)
        assert missing(drawn) == {"link:ens33"}
        assert drawn.nodes["link:ens33"]["note"] == "not there"


def test_a_guest_on_a_tap_that_nobody_sees_gets_a_stand_in() -> None:
    drawn = graph(samples.snapshot(samples.bench(), guests=(samples.guest(1, None),)))
    assert missing(drawn) == {"link:tap01"}
    assert edges(drawn, "tap") == {frozenset(("guest:c1", "link:tap01"))}


def test_two_guests_of_one_name_are_two_nodes() -> None:
    c1 = samples.guest(1, None)
    drawn = graph(samples.snapshot(samples.bench(), guests=(c1, replace(c1, pid=999))))
    assert {node for node in drawn if node.startswith("guest:")} == {"guest:c1", "guest:c1#999"}


def test_a_lease_is_known_of_a_guest_that_does_not_answer() -> None:
    from kvmbench.model import Lease

    silent = replace(samples.guest(2, None), inside=None)
    lease = Lease("10.1.1.37", "52:54:00:00:00:02", None, 0)
    drawn = graph(replace(samples.snapshot(samples.bench(), guests=(silent,)), leases=(lease,)))
    assert (drawn.nodes["guest:c2"]["answers"], drawn.nodes["guest:c2"]["lease"]) == (False, "10.1.1.37")


def test_the_same_look_makes_the_same_graph_and_stays_as_it_was() -> None:
    seen = samples.tutorial()
    before = seen.to_json()
    one, other = graph(seen, samples.HALF_WANTED), graph(seen, samples.HALF_WANTED)
    assert nx.utils.graphs_equal(one, other)
    assert seen.to_json() == before


def test_a_recorded_look_makes_the_same_graph() -> None:
    seen = samples.tutorial()
    assert nx.utils.graphs_equal(graph(seen), graph(Snapshot.from_json(seen.to_json())))


def test_a_link_of_an_unknown_kind_is_an_interface() -> None:
    link = Link("wg0", 9, "wireguard", "", up=True, carrier=True)
    drawn = graph(samples.snapshot(samples.bench(link)))
    assert (drawn.nodes["link:wg0"]["kind"], drawn.nodes["link:wg0"]["type"]) == ("link", "wireguard")
