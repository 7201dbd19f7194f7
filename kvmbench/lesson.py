"""What a notebook types: check, look, picture, solve, catch_up, commands, outside, guest; each shows itself.

A notebook's kernel runs on the bench, so all of this is local to it.
"""

from __future__ import annotations

import html
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvmbench import course
from kvmbench.bench import places
from kvmbench.errors import NotOnABench
from kvmbench.report import MARKS, results_table
from kvmbench.tour import RESULTS

if TYPE_CHECKING:
    from kvmbench.course import Result
    from kvmbench.model import Snapshot
    from kvmbench.system import Completed
    from kvmbench.topology import Picture


def _here() -> None:
    if places.on_bench() is None:
        raise NotOnABench(
            "this Python does not run on a bench",
            'Choose the kernel "kvmbench (on a bench)" for the notebook, or type: kvmbench shell',
        )


@dataclass(frozen=True)
class Report:
    """Outcomes of checks: a table in a page, text in a terminal, JSON for programs."""

    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        return all(result.verdict == "passed" for result in self.results)

    def __repr__(self) -> str:
        return results_table(self.results)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            "text/plain": repr(self),
            "text/html": self._html(),
            RESULTS: [asdict(result) for result in self.results],
        }

    def _html(self) -> str:
        rows = []
        for result in self.results:
            hint = (
                f"<br><em>→ {html.escape(result.hint)}</em>"
                if result.hint and result.verdict != "passed"
                else ""
            )
            rows.append(
                '<tr style="white-space:nowrap">'
                f'<td style="text-align:left">{MARKS[result.verdict]} {result.verdict}</td>'
                f'<td style="text-align:left">{html.escape(result.check)}</td>'
                f'<td style="text-align:left;white-space:normal">{html.escape(result.saw)}{hint}</td></tr>'
            )
        earned, points = sum(r.earned for r in self.results), sum(r.points for r in self.results)
        titles = ("verdict", "check", "what was seen")
        head = "<tr>" + "".join(f'<th style="text-align:left">{title}</th>' for title in titles) + "</tr>"
        return f"<table>{head}{''.join(rows)}</table><p>{earned} of {points} points</p>"


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
        return "\n".join(filter(None, (self.completed.out.rstrip(), self.completed.err.rstrip(), code)))


@dataclass(frozen=True)
class Lines:
    """Shell lines, one below the other."""

    lines: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(self.lines) or "(nothing to do: the bench was already so)"


def check(*steps: str) -> Report:
    """Check steps by their slugs; all of the course when none is named.

    Raises:
        NoSuchStep: the course has no such step.
        NotOnABench: the caller is not on a bench.
    """
    _here()
    return Report(tuple(course.check(steps or ["all"])))


def look() -> Snapshot:
    """One look at the bench: links, routes, rules, guests, images, leases.

    Raises:
        NotOnABench: the caller is not on a bench.
    """
    from kvmbench.observe import look as take_a_look

    _here()
    return take_a_look(files=course.files(), images=course.images())


def picture(step: str | None = None) -> Picture:
    """The bench's network drawn; with a step's slug, what it asks for and is not there is dashed."""
    from kvmbench.topology import picture as draw

    return draw(look(), course.wanted(step) if step else ())


def solve(*steps: str) -> Lines:
    """Carry out the reference solution, and show the lines that were run."""
    _here()
    return Lines(tuple(line for done in course.solve(list(steps)) for line in done.ran))


def catch_up(step: str) -> Lines:
    """Bring the bench to where a step begins, all before it solved; shows the lines that were run."""
    _here()
    return Lines(tuple(line for done in course.catch_up(step) for line in done.ran))


def commands(step: str, *, old: bool = False) -> Lines:
    """The lines of a step's reference solution, not run; `old` for the tutorial's spelling."""
    return Lines(tuple(line for action in course.step(step).solution for line in action.lines(old=old)))


def outside(command: str | Sequence[str], *, timeout_s: float = 20) -> Said:
    """Run a command on the outside host, 172.16.0.1, and show what it prints.

    Raises:
        OutsideUnreachable: it does not answer.
    """
    from kvmbench.system import outside as outside_host

    _here()
    words = ["sh", "-c", command] if isinstance(command, str) else list(command)
    return Said(outside_host.run(words, timeout_s=timeout_s))


def guest(name: str, command: str | Sequence[str], *, timeout_s: float = 60) -> Said:
    """Run a command in a guest, as its root, and show what it prints.

    Raises:
        GuestError: no such guest runs here.
        GuestSilent: it does not answer in time.
    """
    _here()
    return Said(ask_guest(name, command, timeout_s=timeout_s))


def ask_guest(name: str, command: str | Sequence[str], *, timeout_s: float) -> Completed:
    """Run a command in a guest through its agent.

    Raises:
        GuestError: no such guest runs here.
        GuestSilent: it does not answer in time.
    """
    from kvmbench.qemu import agent, launcher

    line = command if isinstance(command, str) else shlex.join(command)
    return agent.ask(Path(launcher.place(name)) / "agent.sock", line, timeout_s=timeout_s)
