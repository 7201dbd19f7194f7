"""What was looked at or said, as a notebook shows it: a line for a link or a guest, not its every field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kvmbench import report
from kvmbench.model import DhcpServer, Guest, Image, Lease, Link, Netns, Route, Rule, Snapshot
from kvmbench.system import Completed

WORDS: dict[type, Callable[[Any], str]] = {
    Snapshot: report.snapshot_text,
    Netns: report.netns_text,
    Link: report.link_text,
    Route: report.route_text,
    Rule: report.rule_text,
    Guest: report.guest_text,
    Image: report.image_text,
    DhcpServer: report.dhcp_text,
    Lease: report.lease_text,
}


def in_notebooks() -> None:
    """From now on IPython, where that is what runs here, shows the model's nouns in words."""
    from IPython.core.getipython import get_ipython

    running = get_ipython()
    if running is None or running.display_formatter is None:
        return
    plain = running.display_formatter.formatters["text/plain"]
    for noun, words in WORDS.items():
        plain.for_type(noun, _printer(words))


def _printer(words: Callable[[Any], str]) -> Callable[[Any, Any, bool], None]:
    """In the shape that IPython asks for (IPython.lib.pretty)."""
    return lambda seen, printed, cycle: printed.text(words(seen))


@dataclass(frozen=True)
class Said:
    """What a command printed somewhere else; its exit code when that was not 0."""

    completed: Completed

    @property
    def ok(self) -> bool:
        return self.completed.ok

    @property
    def out(self) -> str:
        return self.completed.out

    def __repr__(self) -> str:
        code = "" if self.ok else f"(exit code {self.completed.code})"
        said = filter(None, (self.completed.out.rstrip(), self.completed.err.rstrip(), code))
        return "\n".join(said) or "(done; it said nothing)"
