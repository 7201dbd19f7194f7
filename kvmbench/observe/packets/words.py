"""Captured packets as rows: for a terminal, for a page, and for a widget."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from kvmbench.observe.packets.sightings import Packet

TITLES = ("packet", "ms", "seen at", "protocol", "from", "to", "what it says")
_CELL = "text-align:left;white-space:nowrap;padding:1px 12px 1px 0;line-height:1.3"
_LAST = _CELL.replace("nowrap", "normal")
"""what was translated stands at the end of a row, which a narrow page would cut off"""


def row(packet: Packet, began_ns: int) -> tuple[str, ...]:
    """One packet in the columns of TITLES; an arrow tells whether it came in or left by the interface."""
    return (
        f"{packet.number}" if packet.sighting == 1 else f"{packet.number} again",
        f"{(packet.frame.time_ns - began_ns) / 1e6:.2f}",
        f"{packet.frame.place} {'→ out' if packet.frame.outgoing else '← in'}",
        packet.protocol,
        packet.source,
        packet.target,
        f"{packet.says} ({packet.translated})" if packet.translated else packet.says,
    )


def rows(packets: Sequence[Packet]) -> list[tuple[str, ...]]:
    return [row(packet, packets[0].frame.time_ns) for packet in packets]


def text(packets: Sequence[Packet], remark: str) -> str:
    """Columns for a terminal."""
    table = [TITLES, *rows(packets)] if packets else []
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(_padded(each, widths)).rstrip() for each in table]
    return "\n".join([*lines, remark])


def _padded(cells: Iterable[str], widths: Iterable[int]) -> list[str]:
    return [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]


def page(packets: Sequence[Packet], remark: str, *, last: int | None = None) -> str:
    """A table for a notebook, of the last so many; what was translated stands out by its weight."""
    head = "".join(f'<th style="{_CELL}">{title}</th>' for title in TITLES)
    body = "".join(
        "<tr>" + "".join(_cell(cell) for cell in cells[:-1]) + _last_cell(cells[-1], packet) + "</tr>"
        for packet, cells in list(zip(packets, rows(packets), strict=True))[-(last or len(packets)) :]
    )
    table = f"<table><tr>{head}</tr>{body}</table>" if packets else ""
    return f"{table}<p>{html.escape(remark)}</p>"


def _cell(said: str) -> str:
    return f'<td style="{_CELL}">{html.escape(said)}</td>'


def _last_cell(said: str, packet: Packet) -> str:
    told = html.escape(said)
    if packet.translated:
        told = told.replace(html.escape(packet.translated), f"<b>{html.escape(packet.translated)}</b>")
    return f'<td style="{_LAST}">{told}</td>'


def remark(count: int, let_go: int, places: str, what: str, running: bool) -> str:
    """What stands below the rows."""
    said = (
        f"{count} packet{'' if count == 1 else 's'} at {places}" if count else f"nothing passed at {places}"
    )
    said += f", {what}" if what else ""
    said += f"; {let_go} older ones were let go" if let_go else ""
    return f"{said}; still listening" if running else said
