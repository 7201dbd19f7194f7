"""Ideas drawn: nothing overlaps or is cut off, arrows end where they should, and words say all of it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from functools import cache
from itertools import combinations, pairwise

import pytest
from matplotlib.figure import Figure

from kvmbench.errors import BadInput
from kvmbench.topology import DARK
from kvmbench.topology.concept import Concept, Part, Way
from kvmbench.topology.concepts import concept, names
from kvmbench.topology.draw import draw_scene
from kvmbench.topology.layout import Rect
from kvmbench.topology.marks import Arrow, Text
from tests.topology.test_draw import SVG, extents

each_idea = pytest.mark.parametrize("name", names())


@cache
def figure(name: str) -> Figure:
    return draw_scene(concept(name).scene())


def crosses(arrow: Arrow, rect: Rect) -> bool:
    """Whether a level or upright arrow runs over a box."""
    along = arrow.rect
    return (
        along.left < rect.right
        and rect.left < along.right
        and along.top < rect.bottom
        and rect.top < along.bottom
    )


@each_idea
def test_no_text_lies_on_another_nor_leaves_the_page(name: str) -> None:
    found = list(extents(figure(name)))
    assert len(found) > 5
    assert not [(one[1], other[1]) for one, other in combinations(found, 2) if one[2].overlaps(other[2])]
    page = figure(name).bbox
    assert not [t for _, t, e in found if e.x0 < page.x0 or e.x1 > page.x1 or e.y0 < 0 or e.y1 > page.y1]


@each_idea
def test_what_a_part_says_stays_in_its_box(name: str) -> None:
    boxes = {f"concept-{part.name}": part.rect for part in concept(name).parts}
    for group in concept(name).scene().groups:
        box = boxes.get(group.key)
        for mark in group.marks if box else ():
            if isinstance(mark, Text) and box:
                assert box.left < mark.rect.left, mark.text
                assert mark.rect.right < box.right, mark.text
                assert box.top < mark.rect.top, mark.text
                assert mark.rect.bottom < box.bottom, mark.text


@each_idea
def test_parts_have_names_of_their_own_and_each_way_leads_between_them(name: str) -> None:
    drawn = concept(name)
    known = [part.name for part in drawn.parts]
    assert len(set(known)) == len(known)
    ends = [end for way in drawn.ways for end in (way.start, way.end) if isinstance(end, str)]
    assert set(ends) <= set(known)


@each_idea
def test_an_arrow_is_level_or_upright_and_passes_behind_nothing_but_a_hole(name: str) -> None:
    drawn = concept(name)
    arrows = [m for group in drawn.scene().groups for m in group.marks if isinstance(m, Arrow)]
    assert len(arrows) > 3
    assert all(arrow.start[0] == arrow.end[0] or arrow.start[1] == arrow.end[1] for arrow in arrows)
    solid = [part for part in drawn.parts if not part.room and not part.dash]
    assert not [part.name for arrow in arrows for part in solid if crosses(arrow, part.rect)]


@each_idea
def test_the_page_reads_aloud_what_it_shows(name: str) -> None:
    drawn = concept(name)
    root = ET.fromstring(drawn.svg)
    assert root.findtext(f"{SVG}title") == drawn.title
    told = root.findtext(f"{SVG}desc") or ""
    assert all(note in told for part in drawn.parts for note in (part.name, *part.notes))
    assert all(way.says in told for way in drawn.ways)
    ids = [group.get("id") for group in root.iter(f"{SVG}g") if group.get("id")]
    assert len(set(ids)) == len(ids)


def test_dark_is_drawn_on_a_dark_page() -> None:
    assert concept("hooks", theme=DARK).scene().colour == DARK.page != concept("hooks").scene().colour


def test_the_hooks_are_passed_in_the_kernels_order() -> None:
    """nft(8), ADDRESS FAMILIES."""
    after = {(way.start, way.end) for way in concept("hooks").ways}
    through = ["in", "PREROUTING", "which way?", "FORWARD", "POSTROUTING", "out"]
    assert set(pairwise(through)) < after
    assert {("which way?", "INPUT"), ("OUTPUT", "POSTROUTING")} < after


def test_a_drawing_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(BadInput) as told:
        concept("hook")
    assert str(told.value) == "there is no drawing 'hook'\nThere are: layers, guest, virtio, hooks, dhcp."


def test_a_way_ends_at_the_edges_of_its_parts() -> None:
    parts = (Part("a", (0, 0)), Part("b", (300, 0)), Part("c", (0, 200)))
    ways = (Way("a", "b"), Way("b", "a"), Way("a", "c"), Way("c", "a"))
    drawn = Concept("three boxes", parts, ways).scene()
    ends = [(m.start, m.end) for group in drawn.groups for m in group.marks if isinstance(m, Arrow)]
    level, upright = ((60, 0), (240, 0)), ((0, 25), (0, 175))
    assert ends == [level, level[::-1], upright, upright[::-1]]
