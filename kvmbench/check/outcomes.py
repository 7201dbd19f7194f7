"""The three endings, each told in one printable line: what was seen may come from a guest's console."""

from __future__ import annotations

from kvmbench import model
from kvmbench.model import Outcome

LONGEST = 300
"""characters of one sentence"""


def one_line(text: str) -> str:
    """A text as one line of printable characters.

    >>> one_line("line one\\nline two\\n"), one_line("\\x1b[2Jgone")
    ('line one line two', '?[2Jgone')
    """
    line = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def passed(saw: str) -> Outcome:
    return model.passed(one_line(saw))


def failed(saw: str, hint: str) -> Outcome:
    return model.failed(one_line(saw), one_line(hint))


def blocked(saw: str, hint: str) -> Outcome:
    """The look could not be taken: neither right nor wrong."""
    return model.blocked(one_line(saw), one_line(hint))
