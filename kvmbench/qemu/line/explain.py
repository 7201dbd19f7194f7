"""A command line explained, option by option: what it does, what was left out, how it is written today."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from kvmbench.errors import BadInput
from kvmbench.qemu.line import mend
from kvmbench.qemu.line.catalogue import COURSE, KNOWN
from kvmbench.qemu.line.context import Context
from kvmbench.qemu.line.explain_parts import Part, parts_of
from kvmbench.qemu.line.reader import described, taken_apart
from kvmbench.qemu.line.refuse import refuse
from kvmbench.qemu.line.trouble import Trouble
from kvmbench.qemu.line.words import Line, quoted

_WIDTH = 100
_ASSUMED = (
    ("machine", ("machine", "M")),
    ("accel", ("accel", "enable-kvm")),
    ("cpu", ("cpu",)),
    ("smp", ("smp",)),
    ("m", ("m",)),
    ("net", ("net", "nic", "netdev")),
    ("display", ("display", "vnc", "nographic")),
    ("daemonize", ("daemonize",)),
)
"""what is worth saying when it was left out → the options that would say it"""


@dataclass(frozen=True, repr=False)
class Explanation:
    """A line with what each part of it does; shown as text in a terminal, as a table on a page."""

    line: str
    """the line that is explained: as it was typed, or as it was probably meant"""
    parts: tuple[Part, ...] = ()
    assumed: tuple[tuple[str, str], ...] = ()
    """option that was left out → what QEMU does then"""
    troubles: tuple[Trouble, ...] = ()
    changes: tuple[str, ...] = ()
    """how the line differs from what was typed; () when it is that line"""

    def __repr__(self) -> str:
        said: list[str] = [f"{self.line}\n"]
        if self.changes:
            said = ["This cannot be typed as it stands. Probably meant:", f"  {self.line}"]
            said += [f"  · {change}" for change in self.changes] + [""]
        for part in self.parts:
            said += [part.words, *_indented(part.does, 4)]
            said += [text for words, does in part.details for text in _indented(f"{words}  {does}", 8)]
            said += [text for what, then in part.left_out for text in _indented(f"(no {what})  {then}", 8)]
            said += [text for note in part.notes for text in _indented(note, 8)]
            said += _indented(f"today: {part.today}", 8) if part.today else []
        if self.assumed:
            said += ["", "Left out:"]
            said += [text for option, then in self.assumed for text in _indented(f"{option}  {then}", 4)]
        if self.troubles:
            said += ["", "This cannot work:"]
            for trouble in self.troubles:
                said += _indented(trouble.what, 4) + _indented(trouble.hint, 8)
        return "\n".join(said)

    def _repr_html_(self) -> str:
        rows = "".join(_row(part) for part in self.parts)
        rest = "".join(
            f"<tr><td><i>{html.escape(option)} left out</i></td><td>{_prose(then)}</td></tr>"
            for option, then in self.assumed
        )
        wrong = "".join(
            f"<p><b>{html.escape(each.what)}</b><br>{_prose(each.hint)}</p>" for each in self.troubles
        )
        meant = ""
        if self.changes:
            changes = "".join(f"<li>{_prose(change)}</li>" for change in self.changes)
            meant = f"<p>This cannot be typed as it stands. Probably meant:</p><ul>{changes}</ul>"
        style = 'style="text-align:left;vertical-align:top"'
        table = f"<table {style}>{rows}{rest}</table>".replace("<td>", f"<td {style}>")
        return f"{wrong}{meant}<p><code>{html.escape(self.line)}</code></p>{table}"


def explain(line: str | Sequence[str], context: Context | None = None) -> Explanation:
    """What a command line does; one that cannot be typed like this is explained as it was probably meant.

    It never raises: what cannot be read is among its troubles. With a context (`context.context`) they tell
    too what stands against the line on this bench.

    >>> print(explain("qemu-kvm -enable-kvm").parts[0].today)
    -accel kvm
    """
    text = line if isinstance(line, str) else quoted(line)
    changes: tuple[str, ...] = ()
    try:
        apart = taken_apart(line)
        described(apart)
    except BadInput as error:
        suggestion = mend.suggest(line if isinstance(line, str) else " ".join(line))
        meant = _readable(suggestion)
        if suggestion is None or meant is None:
            return Explanation(text[:2000], troubles=(Trouble(error.what, error.hint),))
        apart, changes = meant, suggestion.changes
    else:
        suggestion = mend.suggest(text) if any(each.option not in KNOWN for each in apart.given) else None
        better = _readable(suggestion)
        if suggestion is not None and better is not None:
            apart, changes = better, suggestion.changes
    return Explanation(
        line=str(apart),
        parts=parts_of(apart, described(apart)),
        assumed=() if any(each.asks for each in apart.given) else _assumed(apart),
        troubles=refuse((apart.program, *(word for each in apart.given for word in each.words)), context),
        changes=changes,
    )


def show(words: Sequence[str]) -> None:
    """Print what a line does; it is given as one word, quoted, or as its words."""
    print(explain(words[0] if len(words) == 1 else words))


def _readable(suggestion: mend.Suggestion | None) -> Line | None:
    try:
        line = taken_apart(suggestion.line) if suggestion else None
        if line:
            described(line)
        return line
    except BadInput:
        return None


def _assumed(line: Line) -> tuple[tuple[str, str], ...]:
    return tuple((f"-{name}", COURSE[name].default) for name, said_by in _ASSUMED if not line.of(*said_by))


def _indented(text: str, by: int) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=" " * by, subsequent_indent=" " * (by + 2), break_on_hyphens=False
    )


def _prose(text: str) -> str:
    """Words for a page; what stands between backticks is set as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _row(part: Part) -> str:
    inner = [_prose(part.does)]
    inner += [f"<code>{html.escape(words)}</code> {_prose(does)}" for words, does in part.details]
    inner += [f"<i>no {html.escape(what)}:</i> {_prose(then)}" for what, then in part.left_out]
    inner += [f"<i>{_prose(note)}</i>" for note in part.notes]
    inner += [f"today: <code>{html.escape(part.today)}</code>"] if part.today else []
    link = f' <a href="{html.escape(part.manual)}">manual</a>' if part.manual else ""
    return f"<tr><td><code>{html.escape(part.words)}</code>{link}</td><td>{'<br>'.join(inner)}</td></tr>"
