"""The way of each wire: straight where its ends face each other, else round the boxes through the gutters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kvmbench.model.network import BENCH
from kvmbench.topology.layout import (
    CENTRES,
    DEVICE_HEIGHT,
    DEVICE_WIDTH,
    FIRST_ROW_Y,
    GUEST_HEIGHT,
    GUEST_WIDTH,
    INNER_STEP,
    INNER_WIDTH,
    PILL_HEIGHT,
    PILL_WIDTH,
    ROOM_ABOVE,
    ROOM_BELOW,
    ROOM_TITLE,
    ROOM_WIDTH,
    ROW_STEP,
    Column,
    Point,
    Rect,
)

if TYPE_CHECKING:
    import networkx as nx

_LANES = 7
_LANE_STEP = 3.5
_GUTTER = {Column.ROOMS: -262.0, Column.LINKS: -86.0, Column.CENTRE: 86.0, Column.TAPS: 262.0}
"""x of the middle of the free strip at the right of each column"""
_FACING = {
    Column.ROOMS: Column.ROOMS,
    Column.LINKS: Column.ROOMS,
    Column.CENTRE: Column.CENTRE,
    Column.TAPS: Column.TAPS,
    Column.GUESTS: Column.TAPS,
}
"""the gutter through which two boxes of one column are joined, away from the bars where there is a choice"""
_LOWER = 12.0
_UNDER_HEAD = 28.0


def box(graph: nx.Graph[str], node: str, places: Mapping[str, Point]) -> Rect:
    """The box of a node; of a namespace its whole room."""
    facts = graph.nodes[node]
    if facts["kind"] == "netns":
        return _room(graph, facts["name"], places[node], places)
    if facts["kind"] == "host":
        return Rect.around(places[node], PILL_WIDTH, PILL_HEIGHT)
    if facts["kind"] == "guest":
        return Rect.around(places[node], GUEST_WIDTH, GUEST_HEIGHT)
    inner = facts.get("netns", BENCH) != BENCH and facts["kind"] != "dnsmasq"
    return Rect.around(places[node], INNER_WIDTH if inner else DEVICE_WIDTH, DEVICE_HEIGHT)


def _room(graph: nx.Graph[str], name: str, title: Point, places: Mapping[str, Point]) -> Rect:
    inside = [
        places[node][0]
        for node, facts in graph.nodes(data=True)
        if facts.get("netns") == name and facts["kind"] != "dnsmasq" and node in places
    ]
    x, y = title[0], title[1] + ROOM_ABOVE - ROOM_TITLE
    left = min([x, *inside]) - ROOM_WIDTH / 2
    return Rect(left, y - ROOM_ABOVE, x + ROOM_WIDTH / 2, y + ROOM_BELOW)


def wire(one: Rect, other: Rect) -> tuple[Point, ...]:
    """From one box to another one."""
    left, right = (one, other) if one.centre <= other.centre else (other, one)
    first, last = _column(left.centre[0]), _column(right.centre[0])
    near = _FACING[first] if first == last else first
    far = near if first == last else Column(last - 1)
    (start, lane), (end, last_lane) = _exit(left, first, near), _exit(right, last, far)
    height, last_height = start[-1][1], end[-1][1]
    if height == last_height and (len(start) == len(end) == 2 or (near == far and first != last)):
        return (*start, *reversed(end)) if len(start) == len(end) else _bent(start, lane, end)
    start, end = _lowered(start), _lowered(end)
    if near == far:
        return _bent(start, lane, end)
    between = _between_rows(left.centre[1], right.centre[1])
    turns = (lane, start[-1][1]), (lane, between), (last_lane, between), (last_lane, end[-1][1])
    return (*start, *turns, *reversed(end))


def _bent(start: tuple[Point, ...], lane: float, end: tuple[Point, ...]) -> tuple[Point, ...]:
    return (*start, (lane, start[-1][1]), (lane, end[-1][1]), *reversed(end))


def _lowered(exit_: tuple[Point, ...]) -> tuple[Point, ...]:
    """A wire that bends leaves under the place of the one that goes straight across."""
    return exit_ if len(exit_) > 1 else ((exit_[0][0], exit_[0][1] + _LOWER),)


def _exit(rect: Rect, column: Column, gutter: Column) -> tuple[tuple[Point, ...], float]:
    """Out of a box towards a gutter, under its neighbours where some stand between; and its lane there."""
    x, y = rect.centre
    step = max(0, round((CENTRES[column] - x) / INNER_STEP))
    lane = _lane(gutter, y, step)
    if step:
        return ((x, rect.bottom), (x, y + ROOM_BELOW + 1.5 * min(step, 3))), lane
    return ((rect.right if gutter == column else rect.left, y),), lane


def _column(x: float) -> Column:
    if x < CENTRES[Column.ROOMS]:
        return Column.ROOMS
    return min(Column, key=lambda column: abs(CENTRES[column] - x))


def _lane(gutter: Column, y: float, step: int) -> float:
    """Each box has a lane of its own in a gutter, so that two wires do not run into one."""
    number = round(y / ROW_STEP) + 2 * step
    return _GUTTER[gutter] + (number % _LANES - _LANES // 2) * _LANE_STEP


def _between_rows(y1: float, y2: float) -> float:
    """A free height under the upper of two boxes."""
    upper = min(y1, y2)
    return upper + (ROOM_BELOW + 3.0 if upper >= FIRST_ROW_Y else _UNDER_HEAD)
