"""Colours and sizes of the picture.

The hues are those that people with any kind of colour vision tell apart (blue, amber, green, purple,
vermilion); none of them says anything that a word or a line style does not say too. Text on its ground
has a contrast of at least 4.5 (WCAG 2.1, 1.4.3).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paint:
    """The ground and the outline of one kind of thing."""

    fill: str
    edge: str


@dataclass(frozen=True)
class Theme:
    """What everything looks like; sizes are CSS pixels."""

    page: str
    ink: str
    soft: str
    """secondary text"""
    faint: str
    """outline and text of what is missing"""
    warn: str
    """down"""
    wire: str
    region: Paint
    outside: Paint
    room: Paint
    device: Paint
    bridge: Paint
    guest: Paint
    service: Paint
    incoming: str
    outgoing: str
    name_px: float = 11.5
    text_px: float = 10.0
    title_px: float = 12.5


LIGHT = Theme(
    page="#ffffff",
    ink="#1d2733",
    soft="#4a5766",
    faint="#5d6772",
    warn="#a8321a",
    wire="#46525f",
    region=Paint("#f5f7f9", "#93a1b0"),
    outside=Paint("#f7f3ea", "#b0a27f"),
    room=Paint("#e8f2ec", "#5c8f75"),
    device=Paint("#ffffff", "#5a6877"),
    bridge=Paint("#fdf1d8", "#a66d00"),
    guest=Paint("#e6eff9", "#2f6aa8"),
    service=Paint("#f4ecf8", "#86569f"),
    incoming="#a8480c",
    outgoing="#1f5fa0",
)

DARK = Theme(
    page="#14181d",
    ink="#eef2f6",
    soft="#b9c4d0",
    faint="#98a4b0",
    warn="#ff9a7a",
    wire="#a9b6c3",
    region=Paint("#1c2229", "#55636f"),
    outside=Paint("#262219", "#857849"),
    room=Paint("#1a2a22", "#5fa581"),
    device=Paint("#232b34", "#8797a6"),
    bridge=Paint("#33290f", "#e0a836"),
    guest=Paint("#182a3d", "#6ba6e0"),
    service=Paint("#2a1f33", "#bd8fd6"),
    incoming="#f0a35e",
    outgoing="#7fb8f0",
)
