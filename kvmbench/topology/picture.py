"""The picture as one small object, as a notebook shows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kvmbench.model import Wanted
from kvmbench.model.snapshot import Snapshot
from kvmbench.topology.draw import draw, save, to_svg
from kvmbench.topology.graph import graph
from kvmbench.topology.theme import LIGHT, Theme
from kvmbench.topology.words import describe

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True)
class Picture:
    """A graph that shows itself: drawn in a notebook, in words in a terminal."""

    graph: nx.Graph[str]
    theme: Theme = LIGHT

    @cached_property
    def svg(self) -> str:
        """The picture as SVG."""
        return to_svg(draw(self.graph, theme=self.theme))

    def save(self, path: str | Path) -> None:
        """Write it to a .svg or .png file.

        Raises:
            BadInput: the suffix is neither.
        """
        save(draw(self.graph, theme=self.theme), path)

    def __str__(self) -> str:
        return describe(self.graph)

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        # JupyterLab shows SVG as an image of fixed width and cuts it off; as HTML it fits the page.
        return {"text/html": self.svg, "image/svg+xml": self.svg, "text/plain": str(self)}


def picture(snapshot: Snapshot, wanted: tuple[Wanted, ...] = (), *, theme: Theme = LIGHT) -> Picture:
    """The picture of what a Snapshot holds and of what a step asks for."""
    return Picture(graph(snapshot, wanted), theme)
