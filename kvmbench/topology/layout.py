"""Fixed places: where a node stands follows from its name and its age, not from who comes later.

The picture is a schematic. Outside is on top, the uplink under it, bridges hang in the middle as bars;
interfaces and the namespaces behind them are on the left, taps and their guests on the right. A name that
ends in a number takes the row of that number (tap01 and c1 the first, tap02 and c2 the second), any other
the first free row. Older ones choose first, so what is added never moves what is there, and the page grows
downwards. Lengths are CSS pixels (1/96 inch), y grows downwards.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from kvmbench.model.network import BENCH
from kvmbench.topology.ids import HOST, OUTSIDE, UPLINK_NODE, netns_id

if TYPE_CHECKING:
    import networkx as nx

Point = tuple[float, float]


class Column(IntEnum):
    """From left to right."""

    ROOMS = 0
    LINKS = 1
    CENTRE = 2
    TAPS = 3
    GUESTS = 4


DEVICE_WIDTH, DEVICE_HEIGHT = 140.0, 48.0
INNER_WIDTH = 164.0
INNER_STEP = INNER_WIDTH + 10.0
GUEST_WIDTH, GUEST_HEIGHT = 184.0, 60.0
ROOM_WIDTH, ROOM_ABOVE, ROOM_BELOW = 184.0, 42.0, 30.0
ROOM_TITLE = 10.0
"""from the top of a room down to the middle of its title"""
PILL_WIDTH, PILL_HEIGHT = 140.0, 22.0
CENTRES = {
    Column.ROOMS: -374.0,
    Column.LINKS: -172.0,
    Column.CENTRE: 0.0,
    Column.TAPS: 172.0,
    Column.GUESTS: 374.0,
}
BENCH_LEFT, BENCH_RIGHT = -484.0, 484.0
OUTSIDE_TOP, OUTSIDE_Y, OUTSIDE_BOTTOM = 0.0, 34.0, 68.0
BENCH_TOP = 152.0
UPLINK_Y, HOST_Y, HEAD_Y = 198.0, 246.0, 294.0
FIRST_ROW_Y, ROW_STEP = 374.0, 78.0
FEWEST_ROWS = 2
"""so that the page keeps its size while the tutorial's setup grows"""
_UPPER, _LOWER = -1, 0
_HIGHEST_NUMBER = 12
"""a greater number in a name asks for no row of its own: it would leave a hole above"""
_BRIDGES = ((Column.CENTRE, _LOWER), (Column.TAPS, _UPPER), (Column.LINKS, _LOWER))
_BRIDGE_BARS = (0.0, 86.0, -86.0)
_FURTHER_BARS = (42.0, -42.0, 28.0, -28.0, 56.0, -56.0)
_SERVERS = (
    (Column.TAPS, _LOWER),
    (Column.GUESTS, _LOWER),
    (Column.GUESTS, _UPPER),
    (Column.LINKS, _UPPER),
    (Column.ROOMS, _LOWER),
    (Column.ROOMS, _UPPER),
)


@dataclass(frozen=True)
class Rect:
    """A box by its edges, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    @staticmethod
    def around(centre: Point, width: float, height: float) -> Rect:
        x, y = centre
        return Rect(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    @property
    def centre(self) -> Point:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


def layout(graph: nx.Graph[str]) -> dict[str, Point]:
    """The centre of every node's box; for a namespace the middle of its title."""
    rows = _Rows()
    places: dict[str, Point] = {OUTSIDE: (0.0, OUTSIDE_Y), HOST: (0.0, HOST_Y)}
    _place_bridges(graph, rows, places)
    _place_servers(graph, places)
    _place_rooms(graph, rows, places)
    _place_links(graph, rows, places)
    _place_guests(graph, rows, places)
    return places


class _Rows:
    """Which rows of a column are taken."""

    def __init__(self) -> None:
        self._taken: defaultdict[Column, set[int]] = defaultdict(set)

    def claim(self, column: Column, *wishes: int | None) -> Point:
        """The place of the first wish that is free, else of the first free row."""
        taken = self._taken[column]
        free = (wish for wish in wishes if wish is not None and wish not in taken)
        row = next(free, None) or next(row for row in range(1, len(taken) + 2) if row not in taken)
        taken.add(row)
        return CENTRES[column], row_y(row)


def row_y(row: int) -> float:
    """Where a row's boxes have their middle.

    >>> row_y(2) - row_y(1)
    78.0
    """
    return {_UPPER: UPLINK_Y, _LOWER: HEAD_Y}.get(row, FIRST_ROW_Y + (row - 1) * ROW_STEP)


def row_of(point: Point | None) -> int | None:
    """The row of a place; None for no place."""
    return None if point is None else round((point[1] - FIRST_ROW_Y) / ROW_STEP) + 1


def number_in(name: str) -> int | None:
    """The number that a name ends in, when it asks for a row.

    >>> number_in("tap02"), number_in("vethm.1"), number_in("br-int"), number_in("vnet57")
    (2, 1, None, None)
    """
    found = re.search(r"(?<![0-9])0*([0-9]{1,2})$", name)
    number = int(found[1]) if found else 0
    return number if 1 <= number <= _HIGHEST_NUMBER else None


def by_age(
    graph: nx.Graph[str], kinds: Iterable[str], netns: str | None = None
) -> list[tuple[str, dict[str, Any]]]:
    """The nodes of some kinds, oldest first."""
    wanted = set(kinds)
    found = [
        (node, facts)
        for node, facts in graph.nodes(data=True)
        if facts["kind"] in wanted and (netns is None or facts.get("netns") == netns)
    ]
    return sorted(found, key=lambda each: (each[1]["order"], each[0]))


def neighbours(graph: nx.Graph[str], node: str, kind: str) -> list[str]:
    """The other ends of a node's edges of one kind."""
    return [other for other in graph.neighbors(node) if graph.edges[node, other]["kind"] == kind]


def _place_bridges(graph: nx.Graph[str], rows: _Rows, places: dict[str, Point]) -> None:
    """The first three have places of their own above the rows; further ones share the rows with the taps."""
    further: list[tuple[str, dict[str, Any]]] = []
    for slot, (node, facts) in enumerate(by_age(graph, ["bridge"], BENCH)):
        if slot < len(_BRIDGES):
            column, row = _BRIDGES[slot]
            places[node] = CENTRES[column], row_y(row)
        else:
            further.append((node, facts))
    for node, facts in sorted(
        [*further, *by_age(graph, ["tap"], BENCH)], key=lambda each: (each[1]["order"], each[0])
    ):
        places[node] = rows.claim(Column.TAPS, number_in(facts["name"]) if facts["kind"] == "tap" else None)


def bars(graph: nx.Graph[str], shown: Iterable[str]) -> dict[str, float]:
    """x of the bar of each of the bench's bridges."""
    found: dict[str, float] = {}
    there = set(shown)
    for slot, (node, _) in enumerate(by_age(graph, ["bridge"], BENCH)):
        if node in there:
            late = slot - len(_BRIDGE_BARS)
            found[node] = _BRIDGE_BARS[slot] if late < 0 else _FURTHER_BARS[late % len(_FURTHER_BARS)]
    return found


def _place_servers(graph: nx.Graph[str], places: dict[str, Point]) -> None:
    for slot, (node, _) in enumerate(by_age(graph, ["dnsmasq"])):
        column, row = _SERVERS[min(slot, len(_SERVERS) - 1)]
        beyond = max(0, slot - len(_SERVERS) + 1)
        places[node] = CENTRES[column] - beyond * (GUEST_WIDTH + 16), row_y(row)


def _place_rooms(graph: nx.Graph[str], rows: _Rows, places: dict[str, Point]) -> None:
    """A room takes one row and grows to the left, so that its neighbours stay."""
    for node, facts in by_age(graph, ["netns"]):
        x, y = rows.claim(Column.ROOMS, number_in(facts["name"]))
        places[node] = x, y - ROOM_ABOVE + ROOM_TITLE
        kinds = ("bridge", "tap", "veth", "link")
        for step, (inner, _) in enumerate(by_age(graph, kinds, facts["name"])):
            places[inner] = x - step * INNER_STEP, y


def _place_links(graph: nx.Graph[str], rows: _Rows, places: dict[str, Point]) -> None:
    places[UPLINK_NODE] = 0.0, UPLINK_Y
    for node, facts in by_age(graph, ["veth", "link"], BENCH):
        behind = [graph.nodes[other].get("netns", BENCH) for other in neighbours(graph, node, "veth")]
        room = next((places[netns_id(netns)] for netns in behind if netns != BENCH), None)
        opposite = row_of((room[0], room[1] + ROOM_ABOVE - ROOM_TITLE)) if room else None
        places[node] = rows.claim(Column.LINKS, number_in(facts["name"]), opposite)


def _place_guests(graph: nx.Graph[str], rows: _Rows, places: dict[str, Point]) -> None:
    """Each beside its first tap; those without one take the rows that are left."""
    guests = [(facts, _taps(graph, node), node) for node, facts in by_age(graph, ["guest"])]
    for facts, taps, node in sorted(guests, key=lambda each: not each[1]):
        opposite = row_of(places.get(taps[0])) if taps else None
        places[node] = rows.claim(Column.GUESTS, opposite, number_in(facts["name"]))


def _taps(graph: nx.Graph[str], guest: str) -> list[str]:
    return sorted(neighbours(graph, guest, "tap"), key=lambda tap: (graph.nodes[tap]["order"], tap))
