"""A graph as a matplotlib figure, as SVG and as PNG; matplotlib is loaded when something is first drawn."""

from __future__ import annotations

import io
import itertools
import math
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kvmbench.errors import BadInput
from kvmbench.topology.marks import Arrow, Box, Dash, Dot, Line, Mark, Scene, Text
from kvmbench.topology.scene import scene
from kvmbench.topology.text import MONO, SANS
from kvmbench.topology.theme import LIGHT, Theme

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

_DPI = 96
_PNG_DPI = 2 * _DPI
_POINTS = 72 / _DPI
"""a CSS pixel in points, matplotlib's unit of type and of lines"""
_HEAD_PX = 8.0
_LEAST = 0.8
"""of its full width, where the smallest letters are 10 px"""
_FACES = {SANS: f"'{SANS}', Verdana, sans-serif", MONO: f"'{MONO}', monospace"}
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_ONE_AT_A_TIME = threading.Lock()
"""matplotlib's settings belong to the whole process, and widgets draw from several threads"""


def draw(graph: nx.Graph[str], *, theme: Theme = LIGHT) -> Figure:
    """The picture; a plain Figure that pyplot knows nothing of."""
    return draw_scene(scene(graph, theme))


def draw_scene(planned: Scene) -> Figure:
    """Strokes as a Figure."""
    from matplotlib.figure import Figure
    from matplotlib.transforms import Affine2D

    page = planned.page
    width, height = page.right - page.left, page.bottom - page.top
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor=planned.colour, layout=None)
    figure.set_label(planned.says)
    to_page = (
        Affine2D().translate(-page.left, -page.bottom).scale(1 / _DPI, -1 / _DPI) + figure.dpi_scale_trans
    )
    for order, group in enumerate(planned.groups):
        for mark in group.marks:
            for artist in _artists(mark, to_page):
                artist.set_zorder(order)
                artist.set_gid(xml_id(group.key))
                artist.set_label(group.says)
                figure.add_artist(artist)
    return figure


def to_svg(figure: Figure, title: str = "The bench's network") -> str:
    """The picture as SVG: text stays text, and every node says in words what it is."""
    import matplotlib as mpl

    written = io.BytesIO()
    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "kvmbench",
        "savefig.bbox": None,
        "path.simplify": False,
    }
    with _ONE_AT_A_TIME, mpl.rc_context(settings):
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(written, format="svg", metadata=nothing, facecolor=figure.get_facecolor())
    return _with_words(written.getvalue(), figure, title)


def in_page(svg: str) -> str:
    """SVG as a page shows it: it shrinks to what fits while its letters can be read, and scrolls then."""
    width = re.search(r'<svg width="([\d.]+)pt"', svg)
    least_px = round(_LEAST * float(width[1]) / _POINTS) if width else 0
    fitted = svg.replace("max-width:100%", f"max-width:100%;min-width:{least_px}px", 1)
    return f'<div style="overflow-x:auto">{fitted}</div>'


def save(figure: Figure, path: str | Path) -> None:
    """Write the picture; the suffix says how.

    Raises:
        BadInput: the suffix is neither .svg nor .png, or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".svg", ".png"):
        raise BadInput(
            f"a picture cannot be written as {path.name!r}", "Give a file name that ends in .svg or .png."
        )
    try:
        path.write_bytes(to_svg(figure).encode() if suffix == ".svg" else _png(figure))
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written: {error.strerror}", "Give a directory that is there and is yours."
        ) from error


def _png(figure: Figure) -> bytes:
    import matplotlib as mpl

    written = io.BytesIO()
    with _ONE_AT_A_TIME, mpl.rc_context({"savefig.bbox": None}):
        words = {"Description": str(figure.get_label()), "Software": None}
        figure.savefig(written, format="png", dpi=_PNG_DPI, metadata=words, facecolor=figure.get_facecolor())
    return written.getvalue()


def _artists(mark: Mark, to_page: Transform) -> list[Artist]:
    """One stroke in matplotlib's terms; what a user's settings could change is set here."""
    if isinstance(mark, Text):
        return [_text(mark, to_page)]
    if isinstance(mark, Line):
        return [_line(mark, to_page)]
    if isinstance(mark, Arrow):
        return _arrow(mark, to_page)
    return [_shape(mark, to_page)]


def _text(mark: Text, to_page: Transform) -> Artist:
    from matplotlib.font_manager import FontProperties, findfont, get_font
    from matplotlib.text import Text as Words

    style: Literal["italic", "normal"] = "italic" if mark.italic else "normal"
    weight = "bold" if mark.bold else "normal"
    face = FontProperties(family=mark.family, style=style, weight=weight, size=mark.px * _POINTS)
    known = get_font(findfont(face)).get_charmap()
    text = "".join(letter if ord(letter) in known else "□" for letter in mark.text)
    return Words(
        mark.x,
        mark.y,
        text,
        color=mark.colour,
        fontproperties=face,
        horizontalalignment=mark.anchor,
        verticalalignment="baseline",
        parse_math=False,
        usetex=False,
        transform=to_page,
    )


def _line(mark: Line, to_page: Transform) -> Artist:
    from matplotlib.lines import Line2D

    xs, ys = zip(*mark.points, strict=True)
    return Line2D(
        xs,
        ys,
        color=mark.colour,
        linewidth=mark.width * _POINTS,
        linestyle=_style(mark.dash, mark.width),
        solid_capstyle="butt",
        dash_capstyle="butt",
        solid_joinstyle="round",
        marker="None",
        transform=to_page,
    )


def _arrow(mark: Arrow, to_page: Transform) -> list[Artist]:
    """The shaft ends in the middle of the head, so that it does not show before the tip."""
    from matplotlib.patches import Polygon

    (x1, y1), (x2, y2) = mark.start, mark.end
    length = math.hypot(x2 - x1, y2 - y1) or 1.0
    along = (x2 - x1) / length, (y2 - y1) / length
    foot = x2 - along[0] * _HEAD_PX, y2 - along[1] * _HEAD_PX
    across = -along[1] * _HEAD_PX * 0.42, along[0] * _HEAD_PX * 0.42
    corners = [
        (x2, y2),
        (foot[0] + across[0], foot[1] + across[1]),
        (foot[0] - across[0], foot[1] - across[1]),
    ]
    head = Polygon(
        corners, closed=True, facecolor=mark.colour, edgecolor="none", linewidth=0, transform=to_page
    )
    return [_line(Line((mark.start, foot), mark.colour, mark.width, mark.dash), to_page), head]


def _shape(mark: Box | Dot, to_page: Transform) -> Artist:
    from matplotlib.patches import Circle, FancyBboxPatch

    if isinstance(mark, Dot):
        return Circle(
            mark.centre,
            mark.radius,
            facecolor=mark.fill,
            edgecolor=mark.edge,
            linewidth=_POINTS,
            transform=to_page,
        )
    rect = mark.rect
    return FancyBboxPatch(
        (rect.left, rect.top),
        rect.right - rect.left,
        rect.bottom - rect.top,
        boxstyle=f"round,pad=0,rounding_size={mark.radius}",
        facecolor=mark.fill,
        edgecolor=mark.edge,
        linewidth=mark.width * _POINTS,
        linestyle=_style(mark.dash, mark.width),
        transform=to_page,
    )


def _style(dash: Dash, width: float) -> Literal["-"] | tuple[float, Dash]:
    """matplotlib counts dashes in line widths."""
    return (0, tuple(length / width for length in dash)) if dash else "-"


def _with_words(svg: bytes, figure: Figure, title: str) -> str:
    """matplotlib's SVG, its strokes gathered by what they belong to and each of these named.

    The style sheet that matplotlib adds would hold for the whole page that the picture stands in; it
    becomes two attributes.
    """
    says = {_gid(artist): str(artist.get_label()) for artist in figure.get_children() if _gid(artist)}
    root = ET.fromstring(svg)
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
        for name in [name for name in element.attrib if name.startswith("{")]:
            element.set(name.replace(f"{{{_XLINK}}}", "xlink:"), element.attrib.pop(name))
    strokes = [stroke for group in root.findall("g") for stroke in group]
    used = [defs for defs in root.iter("defs") if defs.find("style") is None]
    del root[:]
    root.text = None
    root.set("xmlns", _SVG)
    root.set("xmlns:xlink", _XLINK)
    root.set("role", "img")
    root.set("style", "max-width:100%;height:auto")
    ET.SubElement(root, "title").text = title
    ET.SubElement(root, "desc").text = str(figure.get_label())
    page = ET.SubElement(root, "g", {"stroke-linejoin": "round", "stroke-linecap": "butt"})
    page.extend(used)
    _gather(strokes, says, page)
    return ET.tostring(root, encoding="unicode") + "\n"


def _gather(strokes: Iterable[ET.Element], says: Mapping[str, str], page: ET.Element) -> None:
    for key, run in itertools.groupby(strokes, key=lambda stroke: stroke.get("id", "")):
        if key not in says:
            page.extend(each for stroke in run for each in map(_trimmed, stroke))
            continue
        group = ET.SubElement(page, "g", {"id": key})
        ET.SubElement(group, "title").text = says[key]
        for stroke in run:
            group.extend(map(_trimmed, stroke))


def _trimmed(stroke: ET.Element) -> ET.Element:
    """A stroke without a turn by no degrees, and with a face for those who lack DejaVu."""
    stroke.tail = None
    if stroke.get("transform", "").startswith("rotate(-0 "):
        del stroke.attrib["transform"]
    for face, others in _FACES.items():
        stroke.set("style", stroke.get("style", "").replace(f"'{face}'", others))
    return stroke


def _gid(artist: Artist) -> str:
    return artist.get_gid() or ""


def xml_id(key: str) -> str:
    """A name that XML takes for an id; it must differ where the keys differ."""
    return "kvmbench-" + re.sub(r"[^A-Za-z0-9.-]", lambda found: f"_{ord(found[0]):x}_", key)
