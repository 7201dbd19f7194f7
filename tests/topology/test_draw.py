"""The drawn picture: nothing overlaps or is cut off, and every state is told without colour."""

from __future__ import annotations

import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cache
from ipaddress import IPv4Interface
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Patch
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from kvmbench.errors import BadInput
from kvmbench.model import FdbEntry, Guest, Link, Netns, Nic, Rule, Snapshot
from kvmbench.topology import DARK, LIGHT, Theme, Wanted, describe, draw, graph, picture, save, to_svg
from kvmbench.topology.theme import Paint
from tests.topology import samples
from tests.topology.test_layout import SAMPLES

SVG = "{http://www.w3.org/2000/svg}"


@cache
def figure(name: str) -> Figure:
    return draw(graph(*SAMPLES[name]))


def texts(drawn: Figure) -> list[Text]:
    return [artist for artist in drawn.get_children() if isinstance(artist, Text)]


def extents(drawn: Figure) -> Iterator[tuple[str, str, Bbox]]:
    """What each text belongs to, what it says, and where it really stands, in pixels."""
    for text in texts(drawn):
        yield str(text.get_gid()), text.get_text(), text.get_window_extent()


def of(drawn: Figure, key: str) -> list[Any]:
    """The strokes of one node or edge."""
    return [artist for artist in drawn.get_children() if artist.get_gid() == f"kvmbench-{key}"]


def said(drawn: Figure, key: str) -> str:
    return "\n".join(artist.get_text() for artist in of(drawn, key) if isinstance(artist, Text))


def outline(drawn: Figure, key: str) -> FancyBboxPatch:
    return next(artist for artist in of(drawn, key) if isinstance(artist, FancyBboxPatch))


# Legible


@pytest.mark.parametrize("name", SAMPLES)
def test_no_text_lies_on_another(name: str) -> None:
    found = list(extents(figure(name)))
    assert not [(one[1], other[1]) for one, other in combinations(found, 2) if one[2].overlaps(other[2])]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_text_stays_in_its_box(name: str) -> None:
    drawn = figure(name)
    outside = []
    for key, text, extent in extents(drawn):
        boxes = [
            each
            for each in drawn.get_children()
            if each.get_gid() == key and isinstance(each, FancyBboxPatch)
        ]
        for box in boxes if key != "kvmbench-legend" else []:
            frame = box.get_window_extent()
            if not (
                frame.x0 < extent.x0
                and extent.x1 < frame.x1
                and frame.y0 < extent.y0
                and extent.y1 < frame.y1
            ):
                outside.append(text)
    assert not outside


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_is_cut_off_at_the_edges(name: str) -> None:
    drawn = figure(name)
    page = drawn.bbox
    for artist in drawn.get_children():
        if artist is not drawn.patch:
            extent = artist.get_window_extent()
            assert page.x0 < extent.x0 < extent.x1 + 1 < page.x1 + 1, artist
            assert page.y0 < extent.y0 < extent.y1 + 1 < page.y1 + 1, artist


@pytest.mark.parametrize("name", ["to do", "half", "tutorial", "forty"])
def test_no_wire_crosses_a_text(name: str) -> None:
    drawn = figure(name)
    lines = [artist for artist in drawn.get_children() if isinstance(artist, Line2D)]
    wires = [line for line in lines if "--" in str(line.get_gid()) or "bar" in str(line.get_gid())]
    assert len(wires) > 10
    crossed = [
        text
        for _, text, extent in extents(drawn)
        for wire in wires
        if wire.get_path().transformed(wire.get_transform()).intersects_bbox(extent, filled=False)
    ]
    assert not crossed


@pytest.mark.parametrize("name", SAMPLES)
def test_no_two_wires_run_into_one(name: str) -> None:
    wires = [
        (str(line.get_gid()), segment)
        for line in figure(name).get_children()
        if isinstance(line, Line2D) and "--" in str(line.get_gid()) and "-joint" not in str(line.get_gid())
        for segment in pairwise(np.asarray(line.get_xydata()).tolist())
    ]
    assert not [
        (one, other) for (one, a), (other, b) in combinations(wires, 2) if one != other and run_together(a, b)
    ]


def run_together(one: Any, other: Any) -> bool:
    """Whether two straight pieces, each level or upright, have more than a point in common."""
    for along, across in ((0, 1), (1, 0)):
        if len({float(end[across]) for end in (*one, *other)}) == 1:
            (a, b), (c, d) = (sorted(float(end[along]) for end in ends) for ends in (one, other))
            return min(b, d) - max(a, c) > 0
    return False


def test_forty_nodes_are_as_wide_as_ten() -> None:
    """So that the type on the screen keeps its size; the page grows downwards."""
    assert figure("forty").get_figwidth() == pytest.approx(figure("tutorial").get_figwidth())


def test_a_growing_setup_moves_nothing_on_the_page() -> None:
    small, large = figure("empty"), figure("tutorial")
    (one,), (other,) = (
        [a for a in of(each, "link_3a_ens33") if isinstance(a, FancyBboxPatch)] for each in (small, large)
    )
    assert one.get_window_extent().x0 == pytest.approx(other.get_window_extent().x0)
    from_top = [each.bbox.y1 - a.get_window_extent().y1 for each, a in ((small, one), (large, other))]
    assert from_top[0] == pytest.approx(from_top[1])


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_has_contrast_enough(theme: Theme) -> None:
    paints = [getattr(theme, each.name) for each in fields(theme)]
    grounds = [paint.fill for paint in paints if isinstance(paint, Paint)]
    pairs = [(ink, ground) for ink in (theme.ink, theme.soft) for ground in grounds]
    pairs += [
        (theme.faint, ground)
        for ground in (theme.region.fill, theme.room.fill, theme.bridge.fill, theme.page)
    ]
    pairs += [(theme.warn, paint.fill) for paint in (theme.device, theme.bridge, theme.guest)]
    pairs += [(ink, theme.page) for ink in (theme.incoming, theme.outgoing)]
    poor = [pair for pair in pairs if contrast(*pair) < 4.5]
    assert not poor


def contrast(one: str, other: str) -> float:
    """WCAG 2.1, contrast ratio."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# Told without colour


def test_a_link_that_is_down_is_broken_and_says_so() -> None:
    drawn = figure("half")
    assert "✕ down" in said(drawn, "link_3a_tap01")
    assert outline(drawn, "link_3a_tap01").get_linestyle() != outline(drawn, "link_3a_ens33").get_linestyle()


def test_a_link_without_carrier_says_so() -> None:
    assert "○ no carrier" in said(figure("half"), "link_3a_tap02")


def test_a_missing_address_is_said_in_italics() -> None:
    for key in ("guest_3a_c1", "link_3a_vethm.2"):
        drawn = figure("half")
        (words,) = [
            each for each in of(drawn, key) if isinstance(each, Text) and each.get_text() == "no address"
        ]
        assert words.get_fontstyle() == "italic"


def test_a_tap_or_a_port_needs_no_address() -> None:
    assert "no address" not in said(figure("tutorial"), "link_3a_tap01")
    assert "no address" not in said(figure("forty"), "link_3a_veth1")


def test_what_is_asked_for_is_dashed_and_says_to_do() -> None:
    drawn = figure("to do")
    for key in ("guest_3a_c1", "link_3a_tap01", "link_3a_br-int", "netns_3a_router1", "dnsmasq_3a_br-int"):
        assert "to do" in said(drawn, key)
        assert outline(drawn, key).get_linestyle() != "-"
        assert to_rgba(outline(drawn, key).get_facecolor())[3] == 0
    (wire,) = of(drawn, "link_3a_tap01--guest_3a_c1")
    assert wire.is_dashed()


def test_missing_and_down_have_different_dashes() -> None:
    drawn = figure("half")
    missing, down = (outline(drawn, key) for key in ("guest_3a_c2", "link_3a_tap01"))
    assert missing.get_linestyle() != down.get_linestyle()


def test_forwarding_is_said_on_and_off() -> None:
    assert said(figure("tutorial"), "bench") == "⇅ forwarding on"
    assert said(figure("empty"), "bench") == "✕ forwarding off"
    assert said(figure("half"), "bench") == "✕ forwarding off: to do"
    assert said(draw(graph(samples.snapshot(Netns("")))), "bench") == "forwarding not known"


def test_translations_cross_the_uplink_with_their_counters() -> None:
    drawn = figure("tutorial")
    assert said(drawn, "nat-out") == "MASQUERADE 10.1.1.0/24 → 172.16.0.67 · 12 packets"
    assert said(drawn, "nat-in") == "DNAT tcp 172.16.0.67:22922 → 10.1.1.1:22 (c1) · 3 packets"


def test_many_translations_are_counted_not_crammed() -> None:
    assert said(figure("crowded"), "nat-in").splitlines()[-1] == "and 4 more"


def test_a_paused_guest_and_a_silent_one_say_so() -> None:
    drawn = figure("crowded")
    assert "‖ paused" in said(drawn, "guest_3a_c2")
    assert "address not known" in said(drawn, "guest_3a_a_20_guest_20_with_20_a_20_long_20_name")


def test_only_a_joined_wire_has_a_dot_on_the_bar() -> None:
    drawn = figure("half")
    joined, asked = (
        next(each for each in of(drawn, f"link_3a_{tap}--link_3a_br-int-joint") if isinstance(each, Patch))
        for tap in ("tap01", "tap02")
    )
    assert joined.get_facecolor() == joined.get_edgecolor()
    assert asked.get_facecolor() != asked.get_edgecolor()


def test_the_key_holds_only_what_occurs() -> None:
    assert said(figure("empty"), "legend") == "interface"
    assert "down" in said(figure("half"), "legend").splitlines()
    assert "down" not in said(figure("tutorial"), "legend").splitlines()


# SVG, PNG, words


@pytest.mark.parametrize("name", SAMPLES)
def test_the_svg_holds_every_node_by_name_and_in_words(name: str) -> None:
    drawn = graph(*SAMPLES[name])
    root = ET.fromstring(to_svg(draw(drawn)))
    titles = {str(each.text).partition(":")[0] for each in root.iter(f"{SVG}title")}
    names = {facts["name"] for node, facts in drawn.nodes(data=True) if node != "bench"}
    assert names <= titles
    ids = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    assert root.findtext(f"{SVG}desc") == describe(drawn)
    assert root.get("role") == "img"


def test_the_svg_keeps_text_as_text_and_brings_no_style_sheet() -> None:
    root = ET.fromstring(to_svg(figure("tutorial")))
    words = {each.text for each in root.iter(f"{SVG}text")}
    assert {"br-int", "10.1.1.254/24", "ens33", "c1"} <= words
    assert not list(root.iter(f"{SVG}style"))


def test_the_svg_is_small_and_the_same_each_time() -> None:
    one, other = (to_svg(draw(graph(samples.tutorial()))) for _ in range(2))
    assert one == other
    assert len(one) < 30_000


def test_a_picture_is_written_by_its_suffix(tmp_path: Path) -> None:
    save(figure("tutorial"), tmp_path / "a.svg")
    save(figure("tutorial"), str(tmp_path / "a.PNG"))
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")
    assert (tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["a.gif", "a", ".svg"])
def test_another_suffix_is_refused_in_two_lines(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput) as raised:
        save(figure("empty"), tmp_path / name)
    assert str(raised.value) == (
        f"a picture cannot be written as {name!r}\nGive a file name that ends in .svg or .png."
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.svg", "a.png"])
def test_a_picture_for_a_directory_that_is_not_there_is_refused_in_two_lines(
    tmp_path: Path, name: str
) -> None:
    there = tmp_path / "missing" / name
    with pytest.raises(BadInput) as raised:
        save(figure("empty"), there)
    assert str(raised.value) == (
        f"{there} cannot be written: No such file or directory\nGive a directory that is there and is yours."
    )


def test_a_picture_shows_itself_in_a_notebook_and_in_a_terminal() -> None:
    shown = picture(samples.tutorial())
    bundle = shown._repr_mimebundle_()
    assert bundle["image/svg+xml"] == shown._repr_svg_()
    assert bundle["text/plain"] == describe(graph(samples.tutorial())) == str(shown)


def test_in_a_page_it_shrinks_as_far_as_its_letters_can_be_read_and_scrolls_then() -> None:
    shown = picture(samples.tutorial())
    page = ET.fromstring(shown._repr_mimebundle_()["text/html"])
    assert page.attrib == {"style": "overflow-x:auto"}
    style = dict(each.split(":") for each in page[0].attrib["style"].split(";"))
    width_px = float(page[0].attrib["width"].removesuffix("pt")) * 4 / 3
    assert style["max-width"] == "100%"
    assert float(style["min-width"].removesuffix("px")) == pytest.approx(0.8 * width_px, abs=1)


def test_the_words_have_a_line_for_each_node_edge_and_translation() -> None:
    drawn = graph(samples.tutorial())
    lines = describe(drawn).splitlines()
    assert len(lines) == len(drawn) + len(drawn.edges) + 2
    assert "br-int: bridge, up, 10.1.1.254/24, MAC 52:54:00:00:b0:03" in lines
    assert "tap01 is a port of br-int" in lines
    assert "tap01 is plugged into guest c1" in lines
    assert "MASQUERADE 10.1.1.0/24 → 172.16.0.67, 12 packets" in lines


def test_a_persons_own_plot_settings_change_nothing_and_stay() -> None:
    before = to_svg(figure("tutorial"))
    with mpl.rc_context(
        {"svg.fonttype": "path", "savefig.bbox": "tight", "font.size": 30, "lines.marker": "o"}
    ):
        assert to_svg(draw(graph(samples.tutorial()))) == before
        assert mpl.rcParams["svg.fonttype"] == "path"


def test_matplotlib_is_loaded_only_for_drawing_and_pyplot_never() -> None:
    told = (
        "import sys; from kvmbench.topology import graph, layout, describe, draw;"
        "from tests.topology import samples;"
        "g = graph(samples.tutorial()); layout(g); describe(g); print('matplotlib' in sys.modules);"
        "draw(g); print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]


def test_the_tutorials_picture_is_drawn_in_less_than_300_ms() -> None:
    figure("tutorial")
    took_s = []
    for _ in range(3):
        start = time.thread_time()
        picture(samples.tutorial())._repr_svg_()
        took_s.append(time.thread_time() - start)
    assert min(took_s) < 0.3


# Odd input

ODD = st.text(st.characters(exclude_categories=()), min_size=0, max_size=20)
KINDS = st.sampled_from(["veth", "bridge", "tun", "", "wireguard", "loopback", "vlan"])
LINKS = st.builds(
    Link,
    name=ODD,
    index=st.integers(1, 9),
    kind=KINDS,
    mac=ODD,
    up=st.booleans(),
    carrier=st.booleans(),
    master=st.none() | ODD | st.just("br-int"),
    peer=st.none() | ODD,
    peer_netns=st.none() | ODD | st.just(""),
    inet=st.sampled_from([(), (IPv4Interface("10.0.0.1/8"),), (IPv4Interface("10.0.0.1/8"),) * 3]),
)
RULES = st.builds(
    Rule,
    family=ODD,
    table=ODD,
    chain=ODD,
    hook=ODD,
    action=st.sampled_from(["snat", "masquerade", "dnat", "redirect", "drop", "odd"]),
    text=ODD,
    packets=st.none() | st.integers(0, 2**63),
    source=st.none() | ODD,
    out_link=st.none() | ODD,
    port=st.none() | st.integers(0, 65535),
    to=st.none() | ODD,
)
ROOMS = st.builds(
    Netns,
    name=ODD | st.just(""),
    links=st.lists(LINKS, max_size=5).map(tuple),
    fdb=st.lists(st.builds(FdbEntry, bridge=ODD, port=ODD, mac=ODD, own=st.booleans()), max_size=2).map(
        tuple
    ),
    rules=st.lists(RULES, max_size=4).map(tuple),
)
GUESTS = st.builds(
    Guest,
    name=ODD,
    pid=st.integers(1, 9),
    argv=st.just(()),
    status=ODD,
    engine=ODD,
    memory_mib=st.just(1),
    vcpus=st.just(1),
    nics=st.lists(st.builds(Nic, model=ODD, mac=ODD, tap=st.none() | ODD), max_size=3).map(tuple),
    inside=st.none(),
)
WANTED = st.builds(
    Wanted,
    kind=st.sampled_from(
        [
            "bridge",
            "tap",
            "veth",
            "link",
            "port",
            "netns",
            "guest",
            "dnsmasq",
            "snat",
            "dnat",
            "forwarding",
            "odd",
        ]
    ),
    name=ODD,
    attached_to=ODD,
    netns=ODD,
    address=ODD,
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(ROOMS, max_size=4).map(tuple),
    st.lists(GUESTS, max_size=3).map(tuple),
    st.lists(WANTED, max_size=5).map(tuple),
)
def test_odd_input_is_drawn_all_the_same(
    rooms: tuple[Netns, ...], guests: tuple[Guest, ...], wanted: tuple[Wanted, ...]
) -> None:
    seen = Snapshot(bench="b", taken_at=0, namespaces=rooms, guests=guests)
    ET.fromstring(to_svg(draw(graph(seen, wanted))))


@pytest.mark.parametrize(
    "name", ["$x$", "a_b", "<&>\"'", "123456789012345", "名前", "a\x1b]b", "\udcff", "a\nb", ""]
)
@pytest.mark.filterwarnings("error")
def test_a_name_is_drawn_whatever_it_is(name: str, tmp_path: Path) -> None:
    tap = replace(samples.tap("tap01", 5), name=name)
    guest = replace(samples.guest(1, "10.1.1.1/24", name), name=name)
    own = samples.bench(
        tap, replace(samples.bridge("b", 6), name=name + "b"), samples.veth("v", 7, "w", name)
    )
    shown = picture(samples.snapshot(own, Netns(name + "n"), guests=(guest,)))
    ET.fromstring(shown.svg)
    shown.save(tmp_path / "a.png")
    assert "\n" not in name or "a□b" in str(shown)


def test_a_dollar_begins_no_formula() -> None:
    root = ET.fromstring(picture(samples.snapshot(samples.bench(samples.tap("$a$", 5)))).svg)
    assert "$a$" in {each.text for each in root.iter(f"{SVG}text")}
