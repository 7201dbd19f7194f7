"""Times measured in rounds: what is said of them, and that the drawing holds all of it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

from kvmbench.errors import BadInput
from kvmbench.topology.draw_rounds import Rounds, rounds

CARDS = {"virtio": [0.2, 0.1, 0.1], "e1000": [0.4, 0.4, 0.3]}
DISKS = {"virtio": [1.0, 2.0], "ide": [1.0, 2.0], "floppy": [100.0, 100.0]}


def test_a_median_and_how_many_times_longer_round_by_round() -> None:
    said = rounds({"32 MiB": CARDS})
    assert said.words("32 MiB", "virtio") == "0.1 s"
    assert said.words("32 MiB", "e1000") == "0.4 s, 3.0 × (2.0 to 4.0)"
    assert str(said) == "32 MiB; compared with virtio:\n  virtio: 0.1 s\n  e1000: 0.4 s, 3.0 × (2.0 to 4.0)"


def test_what_took_no_time_is_no_measure_for_others() -> None:
    assert rounds({"p": {"none": [0.0, 0.0], "some": [0.1, 0.3]}}).words("p", "some") == "0.2 s"


def test_the_drawing_holds_each_word_and_a_dot_for_each_round() -> None:
    drawn = rounds({"cards": CARDS, "disks": DISKS})
    svg = drawn._repr_mimebundle_()["text/html"]
    for word in ("cards", "disks", "floppy", "0.4 s, 3.0 × (2.0 to 4.0)", "100 s, 75.0 × (50.0 to 100.0)"):
        assert word in svg
    ET.fromstring(svg)
    dots = [np.size(line.get_xdata()) for place in drawn.figure().axes for line in place.lines]
    assert dots == [3, 3, 2, 2, 2]


def on_scale(place: Axes) -> list[Text]:
    """The numbers below it; matplotlib keeps one more, which it does not draw."""
    end = place.get_xlim()[1]
    return [text for at, text in zip(place.get_xticks(), place.get_xticklabels(), strict=True) if at <= end]


@pytest.mark.parametrize("longest", [0.01, 0.35, 1234.5])
def test_no_words_lie_on_others_nor_leave_the_page(longest: float) -> None:
    figure = Rounds(
        {
            "one": {"writethrough": [longest, longest]},
            "two": {"writethrough": [longest, 0.1], "none": [0.2, 9]},
        }
    ).figure()
    figure.draw_without_rendering()
    boxes = [
        text.get_window_extent()
        for place in figure.axes
        for text in (*place.texts, place.title, place.xaxis.label, *place.get_yticklabels(), *on_scale(place))
    ]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)


def test_panels_with_the_same_names_are_on_one_scale_and_others_are_not() -> None:
    slower = {name: [10 * each for each in seconds] for name, seconds in CARDS.items()}
    alike = rounds({"one": CARDS, "two": slower}).figure().axes
    assert alike[0].get_xlim() == alike[1].get_xlim()
    different = rounds({"one": CARDS, "two": DISKS}).figure().axes
    assert different[0].get_xlim() != different[1].get_xlim()


@pytest.mark.parametrize("nothing", [{}, {"cards": {}}])
def test_nothing_to_draw_is_refused(nothing: dict[str, dict[str, list[float]]]) -> None:
    with pytest.raises(BadInput, match="no rounds"):
        rounds(nothing)


@pytest.mark.parametrize("uneven", [{"a": [1.0], "b": [1.0, 2.0]}, {"a": []}])
def test_a_round_that_misses_somebody_is_refused(uneven: dict[str, list[float]]) -> None:
    with pytest.raises(BadInput, match="cards: not every name"):
        rounds({"cards": uneven})
