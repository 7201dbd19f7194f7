"""An action: what it is for, the shell lines that it is worth, and how to tell that it is already so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kvmbench.errors import CommandFailed, KvmbenchError, TimedOut
from kvmbench.system import Completed, Machine, RealMachine

OUT_OF_TIME = 124
"""the exit code of timeout(1), and of `Machine.run` after its time"""


def _never(machine: Machine) -> bool:
    return False


def _nothing_yet(machine: Machine) -> bool:
    return True


def _unhindered(machine: Machine) -> KvmbenchError | None:
    return None


def _unexplained(ended: Completed) -> KvmbenchError | None:
    return None


@dataclass(frozen=True)
class Action:
    """A change of the bench, described but not yet made.

    What is shown is what is run: `apply` types the lines of `today`. Only where that would take very long it
    does the same `directly`.
    """

    says: str
    """what it is for, one clause: `make the bridge br-int`"""
    today: tuple[str, ...]
    """what is typed; one may span several rows where it holds a here-document"""
    old: tuple[str, ...] = ()
    """the tutorial's spelling; empty where it is the same as today's"""
    instant: tuple[str, ...] = ()
    """what brings a guest to the same state sooner; empty where there is no such way"""
    done: Callable[[Machine], bool] = _never
    """whether the bench is already so; then nothing is run"""
    hindered: Callable[[Machine], KvmbenchError | None] = _unhindered
    """why it cannot be done at all; then nothing is run"""
    undo: tuple[str, ...] = ()
    """lines that take a half-made change back, in order; their own failures are ignored"""
    absent: Callable[[Machine], bool] = _nothing_yet
    """whether nothing of it is there yet: only then is `undo` run, so that nothing of the student's goes"""
    explain: Callable[[Completed], KvmbenchError | None] = _unexplained
    """a better word for what a line said when it failed"""
    awaits: str = ""
    """what a line waits for, when it may run out of time"""
    timeout_s: float = 60.0
    directly: Callable[[], None] | None = None
    """makes the same change on this very machine without typing anything, all of it or nothing"""
    looks: bool = False
    """it looks or waits, and changes nothing"""

    def lines(self, *, old: bool = False, instant: bool = False) -> tuple[str, ...]:
        if instant and self.instant:
            return self.instant
        return self.old if old and self.old else self.today


@dataclass(frozen=True)
class Done:
    """An action that was applied; `ran` is empty when the bench was already so."""

    action: Action
    ran: tuple[str, ...]


def apply(
    action: Action, machine: Machine | None = None, *, old: bool = False, instant: bool = False
) -> Done:
    """Make the change, unless it is already so; nothing half-made is left behind.

    `instant` wakes guests from a template where others would boot.

    Raises:
        CommandFailed: a line ended badly; what was made before it has been undone.
        TimedOut: what the action waits for did not come.
        KvmbenchError: it cannot be done, or it failed in a way that the action can explain.
    """
    machine = machine or RealMachine()
    if action.done(machine):
        return Done(action, ())
    hindrance = action.hindered(machine)
    if hindrance:
        raise hindrance
    if action.directly is not None and isinstance(machine, RealMachine):
        action.directly()
        return Done(action, action.lines(old=old))
    undo = action.undo if action.undo and action.absent(machine) else ()
    lines = action.lines(old=old, instant=instant)
    for line in lines:
        ended = machine.run(line, timeout_s=action.timeout_s)
        if not ended.ok:
            for back in undo:
                machine.run(back)
            raise _error(action, line, ended)
    return Done(action, lines)


def apply_all(
    actions: Iterable[Action],
    machine: Machine | None = None,
    *,
    old: bool = False,
    instant: bool = False,
) -> tuple[Done, ...]:
    """Make the changes in order; the first that fails ends it.

    Raises:
        KvmbenchError: as `apply`.
    """
    machine = machine or RealMachine()
    return tuple([apply(action, machine, old=old, instant=instant) for action in actions])


def _error(action: Action, line: str, ended: Completed) -> KvmbenchError:
    if ended.code == OUT_OF_TIME and action.awaits:
        return TimedOut(
            action.awaits, action.timeout_s, "Look at its console, and at what the bench has to do."
        )
    return action.explain(ended) or CommandFailed((line,), ended.code, ended.err or ended.out)
