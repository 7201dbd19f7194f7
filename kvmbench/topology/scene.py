"""A graph and its places as strokes: shapes, line styles and words carry the meaning, colour only helps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from kvmbench.topology.crossing import translated
from kvmbench.topology.ids import HOST
from kvmbench.topology.labels import Label, State, Words, label
from kvmbench.topology.layout import (
    BENCH_LEFT,
    BENCH_RIGHT,
    BENCH_TOP,
    FEWEST_ROWS,
    OUTSIDE_BOTTOM,
    OUTSIDE_TOP,
    ROOM_BELOW,
    Rect,
    layout,
    row_y,
)
from kvmbench.topology.legend import legend
from kvmbench.topology.marks import (
    BROKEN,
    DASHED,
    SOLID,
    Box,
    Group,
    Mark,
    Scene,
    Text,
)
from kvmbench.topology.routes import box
from kvmbench.topology.text import fitted, printable, text_width
from kvmbench.topology.theme import Paint, Theme
from kvmbench.topology.wires import wires
from kvmbench.topology.words import all_nat, describe, say_node

if TYPE_CHECKING:
    import networkx as nx

_MARGIN = 12.0
_PAD = 7.0
_LINE_PX = 12.5


def scene(graph: nx.Graph[str], theme: Theme) -> Scene:
    """Everything that is drawn, what lies under comes first."""
    places = layout(graph)
    boxes = {node: box(graph, node, places) for node in places}
    bench = _bench_rect(boxes)
    groups = [
        *_regions(graph, boxes, bench, theme),
        *wires(graph, boxes, theme),
        *(_node(graph, node, boxes[node], theme) for node in places if graph.nodes[node]["kind"] != "netns"),
        *translated(all_nat(graph), bench, theme),
    ]
    groups.append(legend(graph, (bench.left, bench.bottom + 12), bench.right - bench.left, theme))
    return Scene(_page(groups), theme.page, describe(graph), tuple(groups))


def _page(groups: Iterable[Group]) -> Rect:
    rects = [mark.rect for group in groups for mark in group.marks]
    return Rect(
        min(rect.left for rect in rects) - _MARGIN,
        min(rect.top for rect in rects) - _MARGIN,
        max(rect.right for rect in rects) + _MARGIN,
        max(rect.bottom for rect in rects) + _MARGIN,
    )


def _bench_rect(boxes: Mapping[str, Rect]) -> Rect:
    lowest = max(rect.bottom for rect in boxes.values())
    left = min(rect.left for rect in boxes.values())
    bottom = max(lowest, row_y(FEWEST_ROWS) + ROOM_BELOW)
    return Rect(min(BENCH_LEFT, left - 18), BENCH_TOP, BENCH_RIGHT, bottom + 16)


def _regions(graph: nx.Graph[str], boxes: Mapping[str, Rect], bench: Rect, theme: Theme) -> list[Group]:
    """The two big regions, and a room for each namespace."""
    outside = Rect(bench.left, OUTSIDE_TOP, bench.right, OUTSIDE_BOTTOM)
    own = f"bench host · {graph.graph['bench']}"
    groups = [
        _region("region-outside", "outside", outside, theme.outside, theme),
        _region("region-bench", own, bench, theme.region, theme),
    ]
    return groups + [
        _room(graph, node, rect, theme)
        for node, rect in boxes.items()
        if graph.nodes[node]["kind"] == "netns"
    ]


def _region(key: str, title: str, rect: Rect, paint: Paint, theme: Theme) -> Group:
    room = rect.right - rect.left - 24
    words = fitted(title, room, theme.title_px, bold=True)
    return Group(
        key,
        printable(title),
        (
            Box(rect, paint.fill, paint.edge, 1.2, radius=12),
            Text(rect.left + 14, rect.top + 20, words, theme.title_px, theme.soft, bold=True),
        ),
    )


def _room(graph: nx.Graph[str], node: str, rect: Rect, theme: Theme) -> Group:
    facts = graph.nodes[node]
    missing = facts["missing"]
    notes = [facts["note"]] if missing else []
    notes += ["forwards"] if facts.get("forwarding") else []
    notes += ["to do: forwards"] if facts.get("wants_forwarding") else []
    notes += [f"{len(facts['nat'])} NAT"] if facts.get("nat") else []
    ink = theme.faint if missing else theme.ink
    width = rect.right - rect.left - 2 * _PAD - 2
    note = fitted(" · ".join(notes), width * 0.6, theme.text_px)
    left = width - text_width(note, theme.text_px) - 6
    title = fitted(facts["name"], left, theme.text_px, mono=True, bold=True)
    paint = theme.room
    marks: list[Mark] = [
        Box(
            rect,
            "none" if missing else paint.fill,
            theme.faint if missing else paint.edge,
            1.2,
            DASHED if missing else SOLID,
            radius=9,
        ),
        Text(rect.left + _PAD + 1, rect.top + 14, title, theme.text_px, ink, mono=True, bold=True),
    ]
    if note:
        marks.append(
            Text(
                rect.right - _PAD - 1, rect.top + 14, note, theme.text_px, theme.soft, "right", italic=missing
            )
        )
    return Group(node, say_node(graph, node), tuple(marks))


def _node(graph: nx.Graph[str], node: str, rect: Rect, theme: Theme) -> Group:
    if node == HOST:
        return _forwarding(graph, rect, theme)
    words = label(graph, node)
    kind = graph.nodes[node]["kind"]
    paint = {
        "bridge": theme.bridge,
        "guest": theme.guest,
        "dnsmasq": theme.service,
        "outside": theme.outside,
    }.get(kind, theme.device)
    radius = {"guest": 9.0, "dnsmasq": 14.0}.get(kind, 3.0)
    return Group(
        node,
        say_node(graph, node),
        (_outline(rect, words.state, paint, radius, theme), *_lines(rect, words, theme)),
    )


def _outline(rect: Rect, state: State, paint: Paint, radius: float, theme: Theme) -> Box:
    if state == "missing":
        return Box(rect, "none", theme.faint, 1.2, DASHED, radius)
    if state == "down":
        return Box(rect, paint.fill, theme.warn, 1.4, BROKEN, radius)
    return Box(rect, paint.fill, paint.edge, 1.2, SOLID, radius)


def _lines(rect: Rect, words: Label, theme: Theme) -> list[Text]:
    """The name with its mark, and the lines under it, in the middle of the box's height."""
    left, right = rect.left + _PAD, rect.right - _PAD
    count = 1 + len(words.lines)
    y = rect.centre[1] - (count - 1) * _LINE_PX / 2 + 0.36 * theme.text_px
    ink = theme.faint if words.state == "missing" else theme.ink
    mark_width = text_width(words.mark, theme.text_px) + 4 if words.mark else 0.0
    name = fitted(words.name, right - left - mark_width, theme.name_px, mono=True, bold=True)
    found = [Text(left, y, name, theme.name_px, ink, mono=True, bold=True)]
    if words.mark:
        colour = theme.soft if words.state == "up" else theme.warn
        found.append(Text(right, y, words.mark, theme.text_px, colour, "right"))
    for line in words.lines:
        y += _LINE_PX
        found.append(_line(left, y, right - left, line, theme))
    return found


def _line(x: float, y: float, width: float, line: Words, theme: Theme) -> Text:
    colour = {"plain": theme.ink, "todo": theme.faint, "warn": theme.warn}.get(line.tone, theme.soft)
    px = theme.text_px
    text = fitted(line.text, width, px, mono=line.mono)
    return Text(x, y, text, px, colour, mono=line.mono, italic=line.tone in ("absent", "todo"))


def _forwarding(graph: nx.Graph[str], rect: Rect, theme: Theme) -> Group:
    """Between the uplink and the bridge stands whether the host passes packets on."""
    facts = graph.nodes[HOST]
    on = facts["forwarding"]
    said = {True: "⇅ forwarding on", False: "✕ forwarding off"}.get(on, "forwarding not known")
    wanted = bool(facts.get("wants_forwarding"))
    if wanted:
        said += ": to do"
    edge = theme.wire if on else theme.faint
    x, y = rect.centre
    size = theme.text_px
    words = Text(x, y + 0.36 * size, said, size, theme.ink if on else theme.soft, "center", italic=not on)
    outline = Box(
        rect,
        theme.device.fill if on else "none",
        edge,
        1.1,
        SOLID if on else DASHED if wanted else BROKEN,
        10,
    )
    return Group(HOST, say_node(graph, HOST), (outline, words))
