"""Cables, bars and joints: a dot joins, a wire that passes behind a bar does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kvmbench.topology.ids import OUTSIDE, UPLINK_NODE
from kvmbench.topology.labels import ports
from kvmbench.topology.layout import FIRST_ROW_Y, Point, Rect, bars
from kvmbench.topology.marks import BROKEN, DASHED, DOTTED, SOLID, Dot, Group, Line, Mark
from kvmbench.topology.routes import wire
from kvmbench.topology.theme import Theme
from kvmbench.topology.words import in_order, say_edge, say_node

if TYPE_CHECKING:
    import networkx as nx

Boxes = Mapping[str, Rect]

_BAR, _THIN_BAR, _CLEAR = 5.0, 1.5, 3.0
_SHORTEST_BAR = 22.0
_STUB = 7.0
_APART = 8.0
"""the wires of a row's left and right port are this far off its middle where they could meet"""
_ASKED = 1.9
"""and so much further a wire that is only asked for"""


def wires(graph: nx.Graph[str], boxes: Boxes, theme: Theme) -> list[Group]:
    """Every edge but the uplink's translations: first the cables, over them the bars, on these the joints."""
    bar_at = bars(graph, boxes)
    apart = _APART if len(bar_at) > 1 else 0.0
    cables: list[Group] = []
    joints: list[Group] = []
    for one, other, facts in graph.edges(data=True):
        bridge = next((end for end in (one, other) if facts["kind"] == "port" and end in bar_at), None)
        port = other if bridge == one else one
        key, says = "--".join(in_order(graph, one, other)), say_edge(graph, one, other)
        if bridge and _on_rows(boxes[port]):
            height = _port_height(graph, bridge, port, boxes, apart)
            points = _port_wire(boxes[port], bar_at[bridge], height)
            cable = _cable(points, graph, (one, other), theme)
            joints.append(Group(f"{key}-joint", says, _joint(cable, facts["missing"], theme)))
        elif {one, other} == {UPLINK_NODE, OUTSIDE}:
            points = ((0.0, boxes[OUTSIDE].bottom), (0.0, boxes[UPLINK_NODE].top))
            cable = _cable(points, graph, (one, other), theme)
        else:
            cable = _cable(wire(boxes[one], boxes[other]), graph, (one, other), theme)
        cables.append(Group(key, says, (cable,)))
    return [*cables, *(_bar(graph, bridge, x, boxes, apart, theme) for bridge, x in bar_at.items()), *joints]


def _on_rows(rect: Rect) -> bool:
    return rect.centre[1] >= FIRST_ROW_Y


def _port_height(graph: nx.Graph[str], bridge: str, port: str, boxes: Boxes, apart: float) -> float:
    """A wire that is only asked for keeps clear of the one to the bridge that the port is on instead."""
    x, y = boxes[port].centre
    off = apart * (_ASKED if graph.edges[port, bridge]["missing"] else 1.0)
    return y + (off if x > 0 else -off)


def _port_wire(rect: Rect, bar_x: float, height: float) -> tuple[Point, ...]:
    return (rect.right if rect.centre[0] < bar_x else rect.left, height), (bar_x, height)


def _cable(points: tuple[Point, ...], graph: nx.Graph[str], ends: tuple[str, str], theme: Theme) -> Line:
    facts = graph.edges[ends]
    if facts["missing"]:
        return Line(points, theme.faint, 1.3, DASHED)
    if facts["kind"] == "dhcp":
        return Line(points, theme.service.edge, 1.6, DOTTED)
    dead = any(graph.nodes[end].get("state") == "down" for end in ends)
    return Line(points, theme.warn if dead else theme.wire, 1.6, BROKEN if dead else SOLID)


def _joint(cable: Line, missing: bool, theme: Theme) -> tuple[Mark, ...]:
    """The last bit of the cable over the bar's clear strip, and a dot; a ring where it is only asked for."""
    start, end = cable.points[0], cable.points[-1]
    x, y = end
    stub = (x + (_STUB if start[0] > x else -_STUB), y)
    ring = theme.faint if missing else theme.wire
    return (
        Line((stub, end), cable.colour, cable.width, cable.dash),
        Dot(end, 3.6, theme.page if missing else ring, ring),
    )


def _bar(graph: nx.Graph[str], bridge: str, x: float, boxes: Boxes, apart: float, theme: Theme) -> Group:
    """A bridge's bar from its head to its last port, with a clear strip that cuts what only passes behind."""
    head = boxes[bridge]
    middle = head.centre[1]
    on_rows = [port for port in ports(graph, bridge) if _on_rows(boxes[port])]
    heights = [_port_height(graph, bridge, port, boxes, apart) for port in on_rows]
    missing = graph.nodes[bridge]["missing"]
    colour, dash = (theme.faint, DASHED) if missing else (theme.bridge.edge, SOLID)
    width = _THIN_BAR if missing else _BAR
    below = head.left < x < head.right
    top = head.bottom if below else middle
    ends = [*heights, top] if heights else [top, top + _SHORTEST_BAR]
    upright = (x, min(ends)), (x, max(ends))
    marks = [Line(upright, theme.region.fill, width + 2 * _CLEAR), Line(upright, colour, width, dash)]
    if not below:
        side = head.right if head.right < x else head.left
        reach = width / 2 if x > side else -width / 2
        marks.append(Line(((side, middle), (x + reach, middle)), colour, width, dash))
    return Group(f"{bridge}-bar", say_node(graph, bridge), tuple(marks))
