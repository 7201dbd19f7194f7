"""What the widgets show as a page: words and tables in HTML; a sign goes with every colour."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from kvmbench.errors import KvmbenchError
from kvmbench.forms.creating import Stage
from kvmbench.forms.rows import COLUMNS, GuestRow
from kvmbench.model import Image, Snapshot
from kvmbench.qemu.line import Trouble

_ERROR = "color:var(--jp-error-color1,#b71c1c)"
_DIM = "color:var(--jp-ui-font-color2,#666)"
_LINE = "border-bottom:1px solid var(--jp-border-color2,#ccc);"
_CELL = f"{_LINE}text-align:left;vertical-align:top;padding:2px 8px 2px 0;overflow-wrap:anywhere"
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def troubles(found: Iterable[Trouble]) -> str:
    """What is wrong, each in two lines; "" when nothing is."""
    return "".join(_two_lines(each.what, each.hint) for each in found)


def error(what: KvmbenchError) -> str:
    return _two_lines(what.what, what.hint)


def _two_lines(what: str, hint: str) -> str:
    return (
        f'<div role="alert" style="line-height:1.3;{_ERROR}">✗ {html.escape(what)}<br>'
        f"<em>→ {html.escape(hint)}</em></div>"
    )


def stages(reached: Sequence[Stage], working: bool) -> str:
    """The way of a guest to its login, as far as it came."""
    rows = "".join(
        f'<tr><td style="{_CELL}">✓ {each.after_s:.1f} s</td><td style="{_CELL}"><b>{each.name}</b></td>'
        f'<td style="{_CELL}">{html.escape(each.says)}</td></tr>'
        for each in reached
    )
    more = "<tr><td colspan=3>… waiting for what comes next</td></tr>" if working else ""
    return f'<table role="log" aria-live="polite" style="line-height:1.3">{rows}{more}</table>'


def guests(rows: Sequence[GuestRow]) -> str:
    """The table of guests, wide as it is; it scrolls by itself where the cell is narrow."""
    if not rows:
        return f'<p style="{_DIM}">No guest runs on this bench.</p>'
    head = "".join(f'<th style="{_CELL};overflow-wrap:normal">{column}</th>' for column in COLUMNS)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="{_CELL};{_width(column)}">{"<br>".join(map(html.escape, cell)) or "–"}</td>'
            for column, cell in zip(COLUMNS, row.cells, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    table = f'<table style="line-height:1.3;border-collapse:collapse"><tr>{head}</tr>{body}</table>'
    return f'<div tabindex="0" role="region" aria-label="guests" style="overflow-x:auto">{table}</div>'


def _width(column: str) -> str:
    """Only a path is broken where it has no blank."""
    least = {"disk": "12.5em", "MAC": "9.5em", "address": "7em", "memory": "4em"}.get(column, "3em")
    return f"min-width:{least}" if column == "disk" else f"min-width:{least};overflow-wrap:normal"


def images(seen: Snapshot) -> str:
    """Each image with what a guest sees of it against what it takes on this disk, and what lies below it."""
    if not seen.images:
        return f'<p style="{_DIM}">There is no disk image in /vms.</p>'
    largest = max(max(each.virtual_size_bytes, each.actual_size_bytes) for each in seen.images) or 1
    return "".join(_image(each, seen, largest) for each in sorted(seen.images, key=lambda each: each.path))


def _image(image: Image, seen: Snapshot, largest: int) -> str:
    chain = " → ".join(f"<code>{html.escape(path)}</code>" for path in backing_chain(image, seen))
    wrong = f'<div style="{_ERROR}">✗ {html.escape(image.trouble)}</div>' if image.trouble else ""
    bars = "".join(
        f'<tr><td style="padding-right:8px;white-space:nowrap">{label}</td><td style="width:55%">'
        f'<div style="height:10px;min-width:2px;width:{100 * size / largest:.2f}%;{look}"></div></td>'
        f'<td style="padding-left:8px;white-space:nowrap">{size_words(size)}</td></tr>'
        for label, size, look in (
            (
                "a guest sees",
                image.virtual_size_bytes,
                "border:1px solid var(--jp-ui-font-color1,#333);box-sizing:border-box",
            ),
            ("it takes here", image.actual_size_bytes, "background:var(--jp-brand-color1,#1976d2)"),
        )
    )
    return (
        f'<div style="margin:6px 0;line-height:1.3;overflow-wrap:anywhere">{chain} '
        f"({html.escape(image.format)})"
        f'{wrong}<table style="width:100%">{bars}</table></div>'
    )


def backing_chain(image: Image, seen: Snapshot) -> tuple[str, ...]:
    """The image, the one below it, and so on down."""
    paths, below = [image.path], image.backing
    while below and below not in paths:
        paths.append(below)
        next_one = seen.image(below)
        below = next_one.backing if next_one else None
    return tuple(paths)


def size_words(size: int) -> str:
    """A size to three digits.

    >>> size_words(196 * 1024), size_words(80 * 2**30)
    ('196 KiB', '80 GiB')
    """
    value, unit = float(size), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"


def ran(lines: Sequence[str]) -> str:
    """The lines that were run."""
    if not lines:
        return "<p>✓ nothing to do: the bench was already so</p>"
    text = html.escape("\n".join(lines))
    return f'<div>✓ done:</div><pre style="white-space:pre-wrap;overflow-wrap:anywhere">{text}</pre>'
