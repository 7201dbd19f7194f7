"""An action: what it is for, the shell lines that it is worth, and how to tell that it is already so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kvmbench.errors import CommandFailed
from kvmbench.system import Machine, RealMachine


def _never(machine: Machine) -> bool:
    return False


@dataclass(frozen=True)
class Action:
    """A change of the bench, described but not yet made.

    What is shown is what is run: `apply` types the lines of `today`.
    """

    says: str
    today: tuple[str, ...]
    old: tuple[str, ...] = ()
    """the tutorial's spelling; empty where it is the same as today's"""
    done: Callable[[Machine], bool] = _never
    """whether the bench is already so; then nothing is run"""
    undo: tuple[str, ...] = ()
    """lines that take a half-made change back, in order; their own failures are ignored"""
    timeout_s: float = 60.0

    def lines(self, *, old: bool = False) -> tuple[str, ...]:
        return self.old if old and self.old else self.today


@dataclass(frozen=True)
class Done:
    """An action that was applied; `ran` is empty when the bench was already so."""

    action: Action
    ran: tuple[str, ...]


def apply(action: Action, machine: Machine | None = None, *, old: bool = False) -> Done:
    """Make the change, unless it is already so; nothing half-made is left behind.

    Raises:
        CommandFailed: a line ended badly; what was made before it has been undone.
    """
    machine = machine or RealMachine()
    if action.done(machine):
        return Done(action, ())
    for line in action.lines(old=old):
        ended = machine.run(line, timeout_s=action.timeout_s)
        if not ended.ok:
            for back in action.undo:
                machine.run(back)
            raise CommandFailed((line,), ended.code, ended.err or ended.out)
    return Done(action, action.lines(old=old))
