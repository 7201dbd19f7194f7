"""One thing that cannot work."""

from __future__ import annotations

from dataclasses import dataclass

from kvmbench.qemu.line.words import one_line


@dataclass(frozen=True)
class Trouble:
    """What cannot work, and one thing to try."""

    what: str
    hint: str
    option: str = ""
    """the option that it is about, as it was typed; "" for the line as a whole"""
    key: str = ""
    """the part of the option that it is about"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "what", one_line(self.what))
        object.__setattr__(self, "hint", one_line(self.hint))

    def __str__(self) -> str:
        return f"{self.what}\n{self.hint}"
