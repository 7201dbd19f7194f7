"""What somebody types who learns: hint, and progress; each shows itself."""

from __future__ import annotations

import html
from dataclasses import dataclass

from kvmbench import course
from kvmbench.bench import places
from kvmbench.course import hints, journal
from kvmbench.course.progress import Progress as Row
from kvmbench.course.progress import progress as rows_of
from kvmbench.errors import LookFailed, NotOnABench
from kvmbench.report import MARKS, progress_summary, progress_table

_MARKS = MARKS | {"not checked": "·"}
_LEFT = 'style="text-align:left"'


@dataclass(frozen=True)
class Hint:
    """A hint of one degree: with links to manual pages in a page, as text in a terminal."""

    hint: hints.Hint

    def __repr__(self) -> str:
        told = self.hint
        rows = [f"{told.step}, {told.check}:"] if told.check else []
        rows += told.says
        rows += [f"  {manual.name}  {manual.address}" for manual in told.manuals]
        rows += [f"  {row}" for line in told.lines for row in line.splitlines()]
        if told.old:
            rows.append("In the tutorial's spelling:")
            rows += [f"  {row}" for line in told.old for row in line.splitlines()]
        return "\n".join([*rows, *([told.more] if told.more else [])])

    def _repr_html_(self) -> str:
        told = self.hint
        parts = [f"<p><b>{html.escape(told.step)}</b>, {html.escape(told.check)}</p>"] if told.check else []
        parts += [f"<p>{html.escape(says)}</p>" for says in told.says]
        links = [
            f'<a href="{html.escape(manual.address)}" target="_blank" rel="noopener">{manual.name}</a>'
            for manual in told.manuals
        ]
        if links:
            parts.append(f"<p>{', '.join(links)}</p>")
        if told.lines:
            parts.append(f"<pre>{html.escape(chr(10).join(told.lines))}</pre>")
        if told.old:
            parts.append(
                f"<p>In the tutorial's spelling:</p><pre>{html.escape(chr(10).join(told.old))}</pre>"
            )
        if told.more:
            parts.append(f"<p><em>{html.escape(told.more)}</em></p>")
        return "".join(parts)


@dataclass(frozen=True)
class Progress:
    """The whole course at a glance: a strip of boxes above a table; text in a terminal."""

    rows: tuple[Row, ...]

    def __repr__(self) -> str:
        return progress_table(self.rows)

    def _repr_html_(self) -> str:
        strip = "".join(_box(row) for row in self.rows)
        titles = ("step", "points", "", "by", "hints")
        head = "".join(f"<th {_LEFT}>{title}</th>" for title in titles)
        table = "".join(_row(row) for row in self.rows)
        return (
            f'<div role="img" aria-label="{html.escape(progress_summary(self.rows))}">{strip}</div>'
            f"<table><tr>{head}</tr>{table}</table><p>{progress_summary(self.rows)}</p>"
        )


def _box(row: Row) -> str:
    """A step in the strip: its mark tells as much as the frame, which is thick and dashed, or thin."""
    frame = {"passed": "2px solid", "failed": "2px dashed", "blocked": "2px dotted"}.get(
        row.state, "1px solid"
    )
    return (
        f'<span title="{html.escape(row.step)}: {row.state}" style="display:inline-block;min-width:4.5em;'
        f'text-align:center;margin:1px;padding:1px 3px;border:{frame};font-size:smaller">'
        f"{_MARKS[row.state]} {html.escape(row.step)}</span>"
    )


def _row(row: Row) -> str:
    state = f"{_MARKS[row.state]} {row.state}"
    values = (row.step, f"{row.earned} of {row.points}", state, row.how, str(row.hints or ""))
    return "<tr>" + "".join(f"<td {_LEFT}>{html.escape(value)}</td>" for value in values) + "</tr>"


def hint(step: str) -> Hint:
    """Help for who is stuck at a step, each time one degree further: a question, what was seen, the
    command's name, the line itself. How many were asked is recorded; `progress` shows it.

    Raises:
        NoSuchStep: the course has no such step.
        NotOnABench: the caller is not on a bench.
    """
    _here()
    return Hint(hints.hint(step))


def progress() -> Progress:
    """The whole course at a glance; it survives a restart of the kernel, the machine, and a reset bench.

    `check` feeds it. It tells the learner; a mark is made of a look of the grader's own.

    Raises:
        NotOnABench: the caller is not on a bench.
        LookFailed: nothing is recorded on this bench.
    """
    _here()
    if not journal.kept():
        raise LookFailed(
            "this bench keeps no journal of what was done",
            "On the machine: kvmbench bench stop NAME, then kvmbench bench create NAME; files stay.",
        )
    return Progress(rows_of(course.steps(), journal.entries()))


def _here() -> None:
    if places.on_bench() is None:
        raise NotOnABench(
            "this Python does not run on a bench",
            'Choose the kernel "kvmbench (on a bench)" for the notebook, or type: kvmbench shell',
        )
