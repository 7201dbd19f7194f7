"""A Snapshot as a graph, its places, its picture."""

from kvmbench.model import Wanted
from kvmbench.topology.draw import draw, save, to_svg
from kvmbench.topology.graph import graph
from kvmbench.topology.layout import layout
from kvmbench.topology.nat import Nat
from kvmbench.topology.picture import Picture, picture
from kvmbench.topology.theme import DARK, LIGHT, Theme
from kvmbench.topology.words import describe

__all__ = [
    "DARK",
    "LIGHT",
    "Nat",
    "Picture",
    "Theme",
    "Wanted",
    "describe",
    "draw",
    "graph",
    "layout",
    "picture",
    "save",
    "to_svg",
]
