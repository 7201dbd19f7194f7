"""What a notebook types: check, look, picture, solve, catch_up, commands, outside, guest, monitor, capture.

Each shows itself. A notebook's kernel runs on the bench, so all of this is local to it.
"""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvmbench import course
from kvmbench.bench import places
from kvmbench.course.plan import TUTORIAL
from kvmbench.errors import GuestError, NotOnABench
from kvmbench.report import MARKS, results_table, told_once
from kvmbench.shown import Said
from kvmbench.system import Completed
from kvmbench.tour import RESULTS

if TYPE_CHECKING:
    from kvmbench.course import Result
    from kvmbench.course.specification import Asked
    from kvmbench.model import Snapshot
    from kvmbench.observe.packets import Capture
    from kvmbench.topology import Picture
    from kvmbench.widgets import Console, Monitor, Screen, TerminalView


_STANDS_OUT = {
    "passed": "",
    "failed": "font-weight:bold;color:var(--jp-error-color1, #b71c1c)",
    "blocked": "font-weight:bold",
}
"""how a verdict is set: one failure among ten rows is what somebody looks for"""


def _here() -> None:
    if places.on_bench() is None:
        raise NotOnABench(
            "this Python does not run on a bench",
            'Choose the kernel "kvmbench (on a bench)" for the notebook, or type: kvmbench shell',
        )


def _with_code(words: str) -> str:
    """Words for a page: what stands `so` is set as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(words))


OWN_NUMBERS = (
    "This bench asks for your own numbers, see `specification()`. Type them where a notebook has others."
)


def _remark() -> str:
    """What a student with a variant has to know wherever numbers are asked for."""
    return "" if course.plan() == TUTORIAL else OWN_NUMBERS


@dataclass(frozen=True)
class Report:
    """Outcomes of checks: a table in a page, text in a terminal, JSON for programs."""

    results: tuple[Result, ...]
    remark: str = ""
    """what stands below the points while a check has not passed"""

    @property
    def ok(self) -> bool:
        return all(result.verdict == "passed" for result in self.results)

    def __repr__(self) -> str:
        below = f"\n{self.remark}" if self.remark and not self.ok else ""
        return results_table(self.results) + below

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            "text/plain": repr(self),
            "text/html": self._html(),
            RESULTS: [asdict(result) for result in self.results],
        }

    def _html(self) -> str:
        rows = []
        for result, told in told_once(self.results):
            hint = f"<br><em>→ {_with_code(told)}</em>" if told else ""
            rows.append(
                f'<tr><td style="text-align:left;white-space:nowrap;{_STANDS_OUT[result.verdict]}">'
                f"{MARKS[result.verdict]} {result.verdict}</td>"
                f'<td style="text-align:left;white-space:nowrap">{html.escape(result.check)}</td>'
                f'<td style="text-align:left">{_with_code(result.saw)}{hint}</td></tr>'
            )
        earned, points = sum(r.earned for r in self.results), sum(r.points for r in self.results)
        titles = ("verdict", "check", "what was seen")
        head = "<tr>" + "".join(f'<th style="text-align:left">{title}</th>' for title in titles) + "</tr>"
        below = f"<p>{_with_code(self.remark)}</p>" if self.remark and not self.ok else ""
        return f"<table>{head}{''.join(rows)}</table><p>{earned} of {points} points</p>{below}"


@dataclass(frozen=True)
class Specification:
    """What is asked for, line by line: a table in a page, text in a terminal."""

    lines: tuple[Asked, ...]

    def __repr__(self) -> str:
        return "\n".join(f"{line.part:<10} {line.what:<38} {line.value}" for line in self.lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>"
            + "".join(f'<td style="text-align:left">{html.escape(cell)}</td>' for cell in line)
            + "</tr>"
            for line in self.lines
        )
        titles = "".join(f'<th style="text-align:left">{each}</th>' for each in ("part", "what", "is to be"))
        return f"<table><tr>{titles}</tr>{rows}</table>"


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
    return Report(tuple(course.check(steps or ["all"])), _remark())


def look() -> Snapshot:
    """One look at the bench: links, routes, rules, guests, images, leases.

    Raises:
        NotOnABench: the caller is not on a bench.
    """
    from kvmbench import shown
    from kvmbench.observe import look as take_a_look

    _here()
    shown.in_notebooks()
    return take_a_look(files=course.files(), images=course.images())


def picture(step: str | None = None) -> Picture:
    """The bench's network drawn; with a step's slug, what it asks for and is not there is dashed."""
    from kvmbench.topology import picture as draw

    return draw(look(), course.wanted(step) if step else ())


def solve(*steps: str, instant: bool = True) -> Lines:
    """Carry out the reference solution, and show the lines that were run; without `instant` guests boot."""
    _here()
    return Lines(tuple(line for done in course.solve(list(steps), instant=instant) for line in done.ran))


def catch_up(step: str, *, instant: bool = True) -> Lines:
    """Bring the bench to where a step begins, all before it solved; shows the lines that changed something.

    It names each step as it goes, since a guest that boots (because no template fits it) takes its time.
    """
    _here()
    if remark := _remark():
        print(remark.replace("`", ""))
    made = course.catch_up(step, report=_name_the_step, instant=instant)
    return Lines(tuple(line for done in made if not done.action.looks for line in done.ran))


def _name_the_step(line: str) -> None:
    if not line.startswith(" "):  # the actions of a step stand below it, indented
        print(line, flush=True)


def specification() -> Specification:
    """The whole set-up on one page, with the numbers of this bench: the student's own, where it has them."""
    from kvmbench.course.specification import asked

    _here()
    return Specification(asked(course.plan()))


def commands(step: str, *, old: bool = False) -> Lines:
    """The lines of a step's reference solution, not run; `old` for the tutorial's spelling."""
    return Lines(tuple(line for action in course.step(step).solution for line in action.lines(old=old)))


def create(line: str | Sequence[str]) -> Lines:
    """Start a guest with a command line, naming each stage until it can be logged in to.

    Raises:
        BadInput: the line cannot be read, or would hold up whoever types it.
        GuestError: it was not started; nothing of it is left.
    """
    from kvmbench.forms import create as stages

    _here()
    return Lines(tuple(f"{each.after_s:5.1f} s  {each.name}: {each.says}" for each in stages(line)))


def outside(command: str | Sequence[str], *, timeout_s: float = 20) -> Said:
    """Run a command on the outside host, 172.16.0.1, and show what it prints.

    Raises:
        OutsideUnreachable: it does not answer.
    """
    from kvmbench.system import outside as outside_host

    _here()
    words = ["sh", "-c", command] if isinstance(command, str) else list(command)
    return Said(outside_host.run(words, timeout_s=timeout_s))


def guest(name: str, command: str | Sequence[str], *, until: str = "", timeout_s: float = 60) -> Said:
    """Run a command in a guest, as its root, and show what it prints.

    `until` is a file that it waits for first, such as /dev/sda: a guest answers before it has all devices.

    Raises:
        GuestError: no such guest runs here.
        GuestSilent: it does not answer in time.
    """
    _here()
    line = command if isinstance(command, str) else shlex.join(command)
    wait = f"until ls -d {until} >/dev/null 2>&1; do usleep 100000; done; " if until else ""
    return Said(ask_guest(name, wait + line, timeout_s=timeout_s))


def monitor(name: str, line: str | None = None, *, timeout_s: float = 10) -> Said | Monitor:
    """Type a line at the monitor of a guest's QEMU, such as `info network`; without one, sit down at it.

    Raises:
        GuestError: no such guest runs here, or its QEMU does not answer.
    """
    from kvmbench.observe import monitor as qemu_monitor
    from kvmbench.qemu import launcher

    _here()
    if line is None:
        from kvmbench.widgets.consoles import Monitor

        return Monitor(name)
    try:
        said = qemu_monitor.say(f"{launcher.place(name)}/qmp.sock", line, timeout_s=timeout_s)
    except GuestError:
        raise GuestError(
            f"the QEMU of guest {name} does not answer", "Does it run? look().guests lists those that do."
        ) from None
    return Said(Completed((line,), 0, said, ""))


def screen(name: str) -> Screen:
    """A guest's screen by VNC, in the page; what you type there is typed in the guest.

    Raises:
        GuestError: no such guest runs here, or it has no VNC display.
    """
    from kvmbench.widgets.consoles import Screen

    _here()
    return Screen(name)


def console(name: str) -> Console:
    """A guest's serial console, in the page; `console("c1").run("ip route")` runs a command over it.

    Raises:
        GuestError: no such guest runs here, or its serial port is elsewhere.
    """
    from kvmbench.widgets.consoles import Console

    _here()
    return Console(name)


def terminal(line: str) -> TerminalView:
    """A command line on a terminal of the bench, in the page, such as `qemu-kvm … -nographic`."""
    from kvmbench.widgets.consoles import TerminalView

    _here()
    return TerminalView(line)


def capture(*places: str, what: str = "", seconds: float | None = None, count: int | None = None) -> Capture:
    """Packets as they pass interfaces, decoded: tcpdump at several places at once.

        with capture("br-int", "ens33", what="icmp") as seen:
            guest("c1", "ping -c 2 172.16.0.1")
        seen.save("/root/ping.pcapng")

    With `seconds` or `count` it listens for so long, or until so many frames came (10 s at most), and
    returns. A place in a namespace is written "router1/vethm.2"; `what` is a filter as tcpdump's.

    Raises:
        BadInput: there is no such interface, or the filter is none.
        NotOnABench: the caller is not on a bench.
    """
    from kvmbench.observe.packets import Capture

    _here()
    made = Capture(*places, what=what, count=count)
    if seconds is None and count is None:
        return made
    return made.start().wait(10 if seconds is None else seconds)


def ask_guest(name: str, command: str | Sequence[str], *, timeout_s: float) -> Completed:
    """Run a command in a guest through its agent.

    Raises:
        GuestError: no such guest runs here.
        GuestSilent: it does not answer in time.
    """
    from kvmbench.qemu import agent, launcher

    line = command if isinstance(command, str) else shlex.join(command)
    return agent.ask(Path(launcher.place(name)) / "agent.sock", line, timeout_s=timeout_s)
