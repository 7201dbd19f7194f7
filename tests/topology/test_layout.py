"""The places: they stay, and nothing lies on anything."""

from __future__ import annotations

import doctest
import sys
from dataclasses import replace
from itertools import combinations
from types import ModuleType

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvmbench.model import Guest, Link, Netns, Snapshot
from kvmbench.topology import Wanted, graph, ids, layout, text
from kvmbench.topology.layout import Point, Rect, row_of
from kvmbench.topology.routes import box
from tests.topology import samples

SAMPLES: dict[str, tuple[Snapshot, tuple[Wanted, ...]]] = {
    "empty": (samples.empty(), ()),
    "to do": (samples.empty(), samples.HALF_WANTED),
    "half": (samples.half_built(), samples.HALF_WANTED),
    "tutorial": (samples.tutorial(), ()),
    "forty": (samples.forty(), ()),
    "crowded": (samples.crowded(), samples.HALF_WANTED),
}


def places(*links: Link, rooms: tuple[Netns, ...] = (), guests: tuple[int, ...] = ()) -> dict[str, Point]:
    seen = samples.snapshot(
        samples.bench(*links), *rooms, guests=tuple(samples.guest(n, None) for n in guests)
    )
    return layout(graph(seen))


BR, C1, C2, C3 = samples.bridge("br-int", 3), *(samples.tap(f"tap0{n}", 3 + n, "br-int") for n in (1, 2, 3))


def kept(before: dict[str, Point], after: dict[str, Point]) -> bool:
    """Whether whatever is in both stands where it stood."""
    return all(after[node] == before[node] for node in before.keys() & after.keys())


def test_a_third_guest_moves_nothing() -> None:
    assert kept(places(BR, C1, C2, guests=(1, 2)), places(BR, C1, C2, C3, guests=(1, 2, 3)))


def test_a_guest_that_ends_leaves_its_row_free() -> None:
    assert kept(places(BR, C1, C2, guests=(1, 2)), places(BR, C2, guests=(2,)))


def test_a_namespace_does_not_move_the_bridge() -> None:
    assert kept(places(BR, C1, guests=(1,)), places(BR, C1, rooms=(Netns("router1"),), guests=(1,)))


def test_a_tap_that_is_made_anew_comes_back_to_its_place() -> None:
    again = replace(C1, index=99)
    assert places(BR, C1, C2)["link:tap01"] == places(BR, C2, again)["link:tap01"]


def test_a_tap_does_not_move_when_it_joins_a_bridge() -> None:
    assert kept(places(BR, replace(C1, master=None)), places(BR, C1))


def test_the_reference_pieces_stand_where_they_were_asked_for() -> None:
    asked = layout(graph(samples.empty(), samples.HALF_WANTED))
    built = layout(graph(samples.tutorial()))
    assert asked == built


def test_a_guest_without_a_cable_leaves_the_others_beside_their_taps() -> None:
    bare, first = replace(samples.guest(1, None), name="c0", pid=1, nics=()), samples.guest(1, None, "tap01")
    found = layout(graph(samples.snapshot(samples.bench(BR, C1, C2), guests=(bare, first))))
    assert found["guest:c1"][1] == found["link:tap01"][1] < found["guest:c0"][1]


def test_a_guest_stands_opposite_its_tap() -> None:
    guest = samples.guest(7, None, "tap02")
    found = layout(graph(samples.snapshot(samples.bench(BR, C1, C2), guests=(guest,))))
    assert found["guest:c7"][1] == found["link:tap02"][1]


def test_the_two_ends_of_the_tutorials_veth_pair_face_each_other() -> None:
    found = layout(graph(samples.tutorial()))
    assert found["link:vethm.1"][1] == found["link:vethm.2@router1"][1]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_node_has_a_place_of_its_own(name: str) -> None:
    drawn = graph(*SAMPLES[name])
    found = layout(drawn)
    assert set(found) == set(drawn)
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_box_lies_on_another(name: str) -> None:
    assert not overlaps(graph(*SAMPLES[name]))


def test_a_device_is_inside_its_room() -> None:
    drawn = graph(samples.crowded())
    found = layout(drawn)
    for node, facts in drawn.nodes(data=True):
        if node.startswith("link:") and facts["netns"]:
            room, device = (box(drawn, each, found) for each in (f"netns:{facts['netns']}", node))
            assert room.left < device.left
            assert device.right < room.right
            assert room.top < device.top
            assert device.bottom < room.bottom


def overlaps(drawn: nx.Graph[str]) -> list[tuple[str, str]]:
    """The pairs of boxes that lie on one another, other than a device in its own room."""
    found = layout(drawn)
    boxes = {node: box(drawn, node, found) for node in drawn}
    return [
        (one, other)
        for one, other in combinations(boxes, 2)
        if meet(boxes[one], boxes[other]) and not _lives_in(drawn.nodes[one], drawn.nodes[other])
    ]


def meet(one: Rect, other: Rect) -> bool:
    return (
        one.left < other.right
        and other.left < one.right
        and one.top < other.bottom
        and other.top < one.bottom
    )


def _lives_in(one: dict[str, object], other: dict[str, object]) -> bool:
    room, device = (one, other) if one["kind"] == "netns" else (other, one)
    return room["kind"] == "netns" and device.get("netns") == room["name"]


# What a student may make, in the order of making it.
NAMES = st.sampled_from(
    ["tap01", "tap02", "c1", "web", "db", "x9", "veth1", "veth2", "red", "br-int", "br1", "br2"]
)
MADE = st.lists(
    st.tuples(st.sampled_from(["tap", "bridge", "veth", "dummy", "room", "guest"]), NAMES),
    max_size=12,
    unique_by=lambda made: (made[0] if made[0] in ("room", "guest") else "link", made[1]),
)


@pytest.mark.parametrize(
    "module", [ids, text, sys.modules[row_of.__module__]], ids=lambda module: module.__name__
)
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    tried = doctest.testmod(module)
    assert tried.attempted
    assert not tried.failed


def made_in_order(made: list[tuple[str, str]]) -> Snapshot:
    links: list[Link] = []
    rooms: list[Netns] = []
    guests: list[Guest] = []
    for index, (kind, name) in enumerate(made, start=3):
        if kind == "room":
            rooms.append(Netns(name, (samples.veth("eth0", 2, None, None),)))
        elif kind == "guest":
            guests.append(replace(samples.guest(1, None), name=name, pid=index, nics=()))
        elif kind == "bridge":
            links.append(samples.bridge(name, index))
        elif kind == "tap":
            links.append(samples.tap(name, index))
        else:
            links.append(Link(name, index, kind, "", up=True, carrier=True))
    return samples.snapshot(samples.bench(*links), *rooms, guests=tuple(guests))


@settings(max_examples=150, deadline=None)
@given(MADE, st.integers(0, 12))
def test_whatever_is_made_later_moves_nothing_that_was_there(made: list[tuple[str, str]], until: int) -> None:
    before, after = (layout(graph(made_in_order(part))) for part in (made[:until], made))
    assert kept(before, after)


@settings(max_examples=100, deadline=None)
@given(MADE)
def test_whatever_is_made_no_box_lies_on_another(made: list[tuple[str, str]]) -> None:
    assert not overlaps(graph(made_in_order(made)))
