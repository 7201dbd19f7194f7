"""A small key of those signs only that occur in the picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kvmbench.topology.layout import Point, Rect
from kvmbench.topology.marks import (
    BROKEN,
    DASHED,
    DOTTED,
    SOLID,
    Arrow,
    Box,
    Dash,
    Dot,
    Group,
    Line,
    Mark,
    Text,
)
from kvmbench.topology.text import text_width
from kvmbench.topology.theme import Paint, Theme
from kvmbench.topology.words import all_nat

if TYPE_CHECKING:
    import networkx as nx

_SIGN = 24.0
_GAP = 18.0
_ROW = 20.0
_WIDEST = 242.0

Entry = tuple[tuple[Mark, ...], str]


def legend(graph: nx.Graph[str], at: Point, width: float, theme: Theme) -> Group:
    """The key, from `at` to the right and downwards, in columns."""
    entries = list(_entries(graph, theme))
    widest = max((text_width(words, theme.text_px) for _, words in entries), default=0.0) + _SIGN + _GAP
    rows = math.ceil(len(entries) / max(1, int(width / widest)))
    columns = math.ceil(len(entries) / max(1, rows))
    step = min(width / max(1, columns), _WIDEST)
    marks: list[Mark] = []
    for number, (sign, words) in enumerate(entries):
        x, y = at[0] + number % columns * step, at[1] + number // columns * _ROW
        marks += [_moved(mark, x, y) for mark in sign]
        marks.append(Text(x + _SIGN + 7, y + 8 + 0.36 * theme.text_px, words, theme.text_px, theme.soft))
    return Group("legend", "key", tuple(marks))


def _entries(graph: nx.Graph[str], theme: Theme) -> Iterator[Entry]:
    """Each sign, drawn in a field of 24 by 16, and its meaning."""
    kinds = {facts["kind"] for _, facts in graph.nodes(data=True) if not facts["missing"]}
    edges = list(graph.edges(data=True))
    cables = {facts["kind"] for _, _, facts in edges if not facts["missing"]}
    if kinds & {"uplink", "tap", "veth", "link"}:
        yield (_swatch(theme.device, 3),), "interface"
    if "bridge" in kinds:
        yield (_swatch(theme.bridge, 3),), "bridge"
    if "port" in cables:
        wire = Line(((0, 8), (21, 8)), theme.wire, 1.6)
        bar = Line(((21, 1), (21, 15)), theme.bridge.edge, 4)
        yield (bar, wire, Dot((21, 8), 3.4, theme.wire, theme.wire)), "port of the bridge"
    if "netns" in kinds:
        yield (_swatch(theme.room, 7),), "network namespace"
    if "guest" in kinds:
        yield (_swatch(theme.guest, 7),), "guest"
    if "dhcp" in cables:
        yield (Line(((0, 8), (24, 8)), theme.service.edge, 1.6, DOTTED),), "serves by DHCP"
    yield from _troubles(graph, theme)
    directions = {nat.direction for nat in all_nat(graph) if not nat.missing}
    if "out" in directions:
        yield (Arrow((12, 15), (12, 1), theme.outgoing),), "source NAT"
    if "in" in directions:
        yield (Arrow((12, 1), (12, 15), theme.incoming),), "destination NAT"


def _troubles(graph: nx.Graph[str], theme: Theme) -> Iterator[Entry]:
    states = {facts.get("state") for _, facts in graph.nodes(data=True)}
    if "down" in states:
        yield (_swatch(Paint(theme.device.fill, theme.warn), 3, BROKEN),), "down"
    if "no carrier" in states:
        yield (
            (Text(12, 11.5, "○", theme.text_px, theme.warn, "center"),),
            "nothing at the other end",
        )
    gone = [facts["missing"] for _, facts in graph.nodes(data=True)]
    gone += [facts["missing"] for _, _, facts in graph.edges(data=True)]
    if any(gone) or any(nat.missing for nat in all_nat(graph)):
        yield (_swatch(Paint("none", theme.faint), 3, DASHED),), "asked for, not there"


def _swatch(paint: Paint, radius: float, dash: Dash = SOLID) -> Box:
    return Box(Rect(0, 1, 24, 15), paint.fill, paint.edge, 1.2, dash, radius)


def _moved(mark: Mark, x: float, y: float) -> Mark:
    """The same stroke elsewhere."""
    if isinstance(mark, Box):
        old = mark.rect
        rect = Rect(old.left + x, old.top + y, old.right + x, old.bottom + y)
        return Box(rect, mark.fill, mark.edge, mark.width, mark.dash, mark.radius)
    if isinstance(mark, Line):
        return Line(tuple((px + x, py + y) for px, py in mark.points), mark.colour, mark.width, mark.dash)
    if isinstance(mark, Arrow):
        (x1, y1), (x2, y2) = mark.start, mark.end
        return Arrow((x1 + x, y1 + y), (x2 + x, y2 + y), mark.colour, mark.width, mark.dash)
    if isinstance(mark, Dot):
        return Dot((mark.centre[0] + x, mark.centre[1] + y), mark.radius, mark.fill, mark.edge)
    return Text(
        mark.x + x,
        mark.y + y,
        mark.text,
        mark.px,
        mark.colour,
        mark.anchor,
        mark.mono,
        mark.bold,
        mark.italic,
    )
