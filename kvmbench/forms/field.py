"""One thing that can be filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Values = Mapping[str, str]
"""field → what stands in it; "" for an empty one"""
Kind = Literal["text", "choice", "switch"]
Offered = Literal["", "images", "links", "bridges", "namespaces", "guests"]
ON, OFF = "on", "off"


@dataclass(frozen=True)
class Field:
    """A field of a form, by its name, with what is told where the pointer rests."""

    name: str
    label: str
    does: str
    sample: str = ""
    """a text that could stand here, and that nothing else on the lines contains; "" for a choice"""
    kind: Kind = "text"
    choices: tuple[str, ...] = ()
    """all that there are of a choice; of a text, what is offered"""
    default: str = ""
    optional: bool = False
    offers: Offered = ""
    """what there is of this on the bench is offered"""

    @property
    def options(self) -> tuple[str, ...]:
        return (OFF, ON) if self.kind == "switch" else self.choices
