"""How an idea is drawn: boxes and arrows in the manner of the bench's picture."""

from __future__ import annotations

from dataclasses import dataclass

from kvmbench.topology.layout import Point, Rect
from kvmbench.topology.marks import DASHED, SOLID, Anchor, Arrow, Box, Dash, Group, Line, Mark, Scene, Text
from kvmbench.topology.picture import Shown
from kvmbench.topology.theme import LIGHT, Paint, Theme

_MARGIN, _LINE_PX = 12.0, 14.0


@dataclass(frozen=True)
class Part:
    """A box with a name and lines under it; a `room` has its name in the corner, and others stand in it."""

    name: str
    at: Point
    notes: tuple[str, ...] = ()
    width: float = 120.0
    height: float = 50.0
    paint: str = "device"
    dash: Dash = SOLID
    room: bool = False

    @property
    def rect(self) -> Rect:
        return Rect.around(self.at, self.width, self.height)


@dataclass(frozen=True)
class Way:
    """An arrow from one part, or point, to another, level or upright; `head` is left out of a lifeline."""

    start: str | Point
    end: str | Point
    says: str = ""
    dash: Dash = SOLID
    head: bool = True


@dataclass(frozen=True)
class Concept(Shown):
    """An idea that shows itself: drawn in a notebook, in words in a terminal."""

    title: str
    parts: tuple[Part, ...]
    ways: tuple[Way, ...]
    theme: Theme = LIGHT

    def scene(self) -> Scene:
        places = {part.name: part.rect for part in self.parts}
        groups = [_part(part, self.theme) for part in self.parts if part.room]
        groups += [
            _way(way, places, self.theme) for way in self.ways
        ]  # they pass behind what is in their way
        groups += [_part(part, self.theme) for part in self.parts if not part.room]
        rects = [mark.rect for group in groups for mark in group.marks]
        page = Rect(
            min(rect.left for rect in rects) - _MARGIN,
            min(rect.top for rect in rects) - _MARGIN,
            max(rect.right for rect in rects) + _MARGIN,
            max(rect.bottom for rect in rects) + _MARGIN,
        )
        return Scene(page, self.theme.page, str(self), tuple(groups), self.title)

    def __str__(self) -> str:
        said = [*map(_say_part, self.parts), *(_say_way(way) for way in self.ways if way.head)]
        return "\n".join([self.title, *said])


def _say_part(part: Part) -> str:
    return f"{part.name}: {' '.join(part.notes)}" if part.notes else part.name


def _say_way(way: Way) -> str:
    ends = " → ".join(end for end in (way.start, way.end) if isinstance(end, str))
    return ": ".join(filter(None, (ends, way.says)))


def _part(part: Part, theme: Theme) -> Group:
    paint: Paint = getattr(theme, part.paint)
    rect, (x, middle) = part.rect, part.at
    y = rect.top + 17 if part.room else middle - len(part.notes) * _LINE_PX / 2 + 4
    anchor: Anchor = "left" if part.room else "center"
    x = rect.left + 10 if part.room else x
    fill = theme.page if part.dash else paint.fill
    ink = theme.soft if part.room or part.dash else theme.ink
    marks: list[Mark] = [Box(rect, fill, paint.edge, 1.2, part.dash, 8 if part.room else 4)]
    marks.append(Text(x, y, part.name, theme.name_px, ink, anchor, bold=True))
    for number, note in enumerate(part.notes, 1):
        marks.append(Text(x, y + number * _LINE_PX, note, theme.text_px, theme.soft, anchor))
    return Group(f"concept-{part.name}", _say_part(part), tuple(marks))


def _way(way: Way, places: dict[str, Rect], theme: Theme) -> Group:
    start, end = _ends(way, places)
    arrow = Arrow(start, end, theme.wire, dash=way.dash)
    marks: list[Mark] = [arrow if way.head else Line((start, end), theme.wire, 1.2, DASHED)]
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    if way.says and start[1] == end[1]:
        marks.append(Text(x, y - 6, way.says, theme.text_px, theme.ink, "center"))
    elif way.says:
        marks.append(Text(x + 8, y + 4, way.says, theme.text_px, theme.ink, "left"))
    return Group(f"concept-way-{start}-{end}", _say_way(way), tuple(marks))


def _ends(way: Way, places: dict[str, Rect]) -> tuple[Point, Point]:
    """From edge to edge where it leads from part to part; a wide part is left where the other one stands."""
    one, other = (places[end] if isinstance(end, str) else Rect(*end, *end) for end in (way.start, way.end))
    if one.bottom < other.top or other.bottom < one.top:
        x = min((one, other), key=lambda rect: rect.right - rect.left).centre[0]
        return (
            ((x, one.bottom), (x, other.top)) if one.bottom < other.top else ((x, one.top), (x, other.bottom))
        )
    y = min((one, other), key=lambda rect: rect.bottom - rect.top).centre[1]
    return ((one.right, y), (other.left, y)) if one.right < other.left else ((one.left, y), (other.right, y))
