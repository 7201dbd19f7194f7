"""The picture as one small object, as a notebook shows it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kvmbench.model import Wanted
from kvmbench.model.snapshot import Snapshot
from kvmbench.topology.draw import draw_scene, in_page, save, to_svg
from kvmbench.topology.graph import graph
from kvmbench.topology.marks import Scene
from kvmbench.topology.scene import scene
from kvmbench.topology.theme import LIGHT, Theme
from kvmbench.topology.words import describe

if TYPE_CHECKING:
    import networkx as nx


class Drawn(ABC):
    """What shows itself: drawn in a notebook, in words (`str`) in a terminal."""

    @property
    @abstractmethod
    def svg(self) -> str:
        """It as SVG."""

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        # JupyterLab shows SVG as an image of fixed width and cuts it off; as HTML it fits the page.
        return {"text/html": in_page(self.svg), "image/svg+xml": self.svg, "text/plain": str(self)}


class Shown(Drawn):
    """What is drawn of strokes."""

    @abstractmethod
    def scene(self) -> Scene:
        """The strokes that it is made of."""

    @cached_property
    def svg(self) -> str:
        planned = self.scene()
        return to_svg(draw_scene(planned), planned.title)

    def save(self, path: str | Path) -> None:
        """Write it to a .svg or .png file.

        Raises:
            BadInput: the suffix is neither.
        """
        save(draw_scene(self.scene()), path)


@dataclass(frozen=True)
class Picture(Shown):
    """A graph that shows itself."""

    graph: nx.Graph[str]
    theme: Theme = LIGHT

    def scene(self) -> Scene:
        return scene(self.graph, self.theme)

    def __str__(self) -> str:
        return describe(self.graph)


def picture(snapshot: Snapshot, wanted: tuple[Wanted, ...] = (), *, theme: Theme = LIGHT) -> Picture:
    """The picture of what a Snapshot holds and of what a step asks for."""
    return Picture(graph(snapshot, wanted), theme)
