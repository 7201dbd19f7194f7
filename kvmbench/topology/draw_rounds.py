"""What took how long, in several rounds: a bar to each median, a dot for each round, ratios beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING

from kvmbench.errors import BadInput
from kvmbench.topology.draw import to_svg
from kvmbench.topology.picture import Drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH_IN, _BAR_IN, _AROUND_IN = 9.0, 0.36, 0.9
_ROOM_FOR_WORDS = 2.0
"""how far the axis of seconds goes on, as a multiple of the longest round: the words stand there"""


@dataclass(frozen=True)
class Rounds(Drawn):
    """Seconds by panel and by name, a number for each round; neither is empty.

    Panels with the same names have the same scale. The first name of a panel is what the others are compared
    with, round by round: what is of one round was measured one after the other, so that whatever else the
    machine did meanwhile touched all of it.
    """

    panels: Mapping[str, Mapping[str, Sequence[float]]]

    def words(self, panel: str, name: str) -> str:
        """A median and its ratio: `0.15 s, 1.5 × (1.2 to 2.6)`."""
        seconds, first = self.panels[panel][name], next(iter(self.panels[panel]))
        said = f"{median(seconds):.3g} s"
        if name == first:
            return said
        ratios = [one / other for one, other in zip(seconds, self.panels[panel][first], strict=True) if other]
        if not ratios:
            return said
        return f"{said}, {median(ratios):.1f} × ({min(ratios):.1f} to {max(ratios):.1f})"

    def __str__(self) -> str:
        lines = []
        for panel, names in self.panels.items():
            lines += [f"{panel}; compared with {next(iter(names))}:"]
            lines += [f"  {name}: {self.words(panel, name)}" for name in names]
        return "\n".join(lines)

    def figure(self) -> Figure:
        """A plain Figure that pyplot knows nothing of."""
        from matplotlib.figure import Figure

        most = max(map(len, self.panels.values()))
        figure = Figure(figsize=(_WIDTH_IN, _AROUND_IN + most * _BAR_IN), layout="constrained")
        figure.set_label(str(self))
        ends = {panel: max(map(max, names.values())) for panel, names in self.panels.items()}
        if len({tuple(names) for names in self.panels.values()}) == 1:
            ends = dict.fromkeys(ends, max(ends.values()))
        axes = figure.subplots(1, len(self.panels), squeeze=False)[0]
        for place, (panel, end) in zip(axes, ends.items(), strict=True):
            self._draw(panel, place, end or 1)
        return figure

    def _draw(self, panel: str, place: Axes, end: float) -> None:
        """One panel; `end` is the longest round, in seconds, of all that are to be compared by eye."""
        names = self.panels[panel]
        for row, (name, seconds) in enumerate(names.items()):
            place.barh(row, median(seconds), height=0.6, color="lightsteelblue")
            place.plot(seconds, [row] * len(seconds), "k.", markersize=4)
            beside = max(seconds) + 0.04 * end
            place.text(beside, row, self.words(panel, name), va="center", fontsize="small")
        place.set(title=panel, xlabel="seconds (a dot: a round, a bar: the median)")
        place.set(yticks=range(len(names)), yticklabels=list(names), xlim=(0, _ROOM_FOR_WORDS * end))
        place.invert_yaxis()
        place.spines[["top", "right"]].set_visible(False)

    @cached_property
    def svg(self) -> str:
        return to_svg(self.figure(), ", ".join(self.panels))


def rounds(panels: Mapping[str, Mapping[str, Sequence[float]]]) -> Rounds:
    """Seconds that were measured in rounds, drawn: `rounds({"reads": {"virtio": [1, 2], "ide": [3, 3]}})`.

    By panel and by name, a number of seconds for each round; the first name is what others are compared with.

    Raises:
        BadInput: there is nothing to draw, or the rounds of one panel are not as many for each name.
    """
    counts = {panel: {len(seconds) for seconds in names.values()} for panel, names in panels.items()}
    if not panels or not all(counts.values()):
        raise BadInput(
            "there are no rounds to draw",
            'Give seconds by panel and by name: {"reads": {"ide": [1, 2]}}.',
        )
    for panel, found in counts.items():
        if len(found) > 1 or 0 in found:
            raise BadInput(
                f"{panel}: not every name has the same number of rounds",
                "Measure all of them once in each round, one after the other.",
            )
    return Rounds(panels)
