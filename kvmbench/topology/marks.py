"""The few kinds of strokes that a picture is made of; no library that draws is known here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kvmbench.topology.layout import Point, Rect
from kvmbench.topology.text import MONO, SANS, text_width

Anchor = Literal["left", "center", "right"]
Dash = tuple[float, ...]
SOLID: Dash = ()
DASHED: Dash = (5, 3)
"""missing"""
BROKEN: Dash = (2.5, 2)
"""down"""
DOTTED: Dash = (1, 2.5)
"""a service, not a cable"""


@dataclass(frozen=True)
class Box:
    """A rectangle with round corners."""

    rect: Rect
    fill: str
    edge: str
    width: float = 1.0
    dash: Dash = SOLID
    radius: float = 4.0


@dataclass(frozen=True)
class Text:
    """A line of text; (x, y) is on its baseline."""

    x: float
    y: float
    text: str
    px: float
    colour: str
    anchor: Anchor = "left"
    mono: bool = False
    bold: bool = False
    italic: bool = False

    @property
    def family(self) -> str:
        return MONO if self.mono else SANS

    @property
    def rect(self) -> Rect:
        """About where it stands."""
        width = text_width(self.text, self.px, mono=self.mono, bold=self.bold)
        left = self.x - {"left": 0.0, "center": width / 2, "right": width}[self.anchor]
        return Rect(left, self.y - 0.78 * self.px, left + width, self.y + 0.24 * self.px)


@dataclass(frozen=True)
class Line:
    """A wire, bent at right angles or straight."""

    points: tuple[Point, ...]
    colour: str
    width: float = 1.5
    dash: Dash = SOLID

    @property
    def rect(self) -> Rect:
        xs, ys = [x for x, _ in self.points], [y for _, y in self.points]
        return Rect(min(xs), min(ys), max(xs), max(ys))


@dataclass(frozen=True)
class Arrow:
    """A line with a head at its end."""

    start: Point
    end: Point
    colour: str
    width: float = 1.5
    dash: Dash = SOLID

    @property
    def rect(self) -> Rect:
        return Line((self.start, self.end), self.colour).rect


@dataclass(frozen=True)
class Dot:
    """A filled circle: joined. A ring: not joined."""

    centre: Point
    radius: float
    fill: str
    edge: str

    @property
    def rect(self) -> Rect:
        return Rect.around(self.centre, 2 * self.radius, 2 * self.radius)


Mark = Box | Text | Line | Arrow | Dot


@dataclass(frozen=True)
class Group:
    """What belongs together: the strokes of one node or edge, and what they say in words."""

    key: str
    says: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Scene:
    """A picture before it is drawn."""

    page: Rect
    colour: str
    says: str
    groups: tuple[Group, ...]
    title: str = "The bench's network"
