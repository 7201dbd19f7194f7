"""Solving steps, and checking them with one look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kvmbench.act.action import Done, apply
from kvmbench.course import journal
from kvmbench.course.catalogue import chosen, files, images, step, with_needs
from kvmbench.course.step import Step
from kvmbench.model import Snapshot, Verdict
from kvmbench.system import Machine, RealMachine

Report = Callable[[str], None]


def _silent(line: str) -> None:
    """Nobody wants to read along."""


@dataclass(frozen=True)
class Result:
    """What one check of one step found."""

    step: str
    check: str
    verdict: Verdict
    saw: str
    hint: str
    points: int
    earned: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def solve(
    slugs: Sequence[str] | str,
    machine: Machine | None = None,
    *,
    report: Report = _silent,
    old: bool = False,
    instant: bool = True,
) -> tuple[Done, ...]:
    """Carry out the reference solutions of steps and of all that they build upon; what is so already stays.

    Guests wake up from templates, which is a matter of tenths of a second; without `instant` they boot.

    Raises:
        NoSuchStep: the course has none of that name.
        KvmbenchError: an action failed; those before it have been made.
    """
    wanted = with_needs(chosen(slugs))
    return _carry_out(wanted, machine, report, "solved", old=old, instant=instant)


def catch_up(
    slug: str, machine: Machine | None = None, *, report: Report = _silent, instant: bool = True
) -> tuple[Done, ...]:
    """Bring the bench to where a step begins: all that it builds upon is solved, itself not.

    Raises:
        NoSuchStep: the course has none of that name.
        KvmbenchError: an action failed; those before it have been made.
    """
    before = with_needs(step(need) for need in step(slug).needs)
    return _carry_out(before, machine, report, "caught up", old=False, instant=instant)


def _carry_out(
    wanted: Iterable[Step],
    machine: Machine | None,
    report: Report,
    how: journal.Did,
    *,
    old: bool,
    instant: bool,
) -> tuple[Done, ...]:
    machine = machine or RealMachine()
    # A bench that an older kvmbench made does not have the program.
    instant = instant and not old and machine.run("command -v instant").ok
    finished: list[Done] = []
    for each in wanted:
        report(f"{each.slug}: {each.title}")
        changed = False
        for action in each.solution:
            done = apply(action, machine, old=old, instant=instant)
            report(f"  {action.says}" + ("" if done.ran else " (it is so already)"))
            for line in done.ran:
                report("    $ " + line.replace("\n", "\n      "))
            finished.append(done)
            if done.ran and not action.looks and not changed:
                changed = True  # noted at once: a later action may fail
                journal.note(how, each.slug)
    return tuple(finished)


def check(slugs: Sequence[str] | str = "all") -> tuple[Result, ...]:
    """Look once, with all the questions of these steps, judge, and write into the journal what was found.

    Raises:
        NoSuchStep: the course has none of that name.
    """
    from kvmbench.observe import look

    wanted = chosen(slugs)
    probes = tuple(dict.fromkeys(probe for each in wanted for probe in each.probes))
    results = judge(slugs, look(probes=probes, images=images(slugs), files=files(slugs)))
    for each in wanted:
        found = [result for result in results if result.step == each.slug]
        verdicts = {result.check: result.verdict for result in found}
        journal.note("checked", each.slug, verdicts=verdicts, earned=sum(one.earned for one in found))
    return results


def judge(slugs: Sequence[str] | str, seen: Snapshot) -> tuple[Result, ...]:
    """What the checks of these steps say of a Snapshot; pure.

    Raises:
        NoSuchStep: the course has none of that name.
    """
    return judge_steps(chosen(slugs), seen)


def judge_steps(steps: Iterable[Step], seen: Snapshot) -> tuple[Result, ...]:
    """What the checks of these very steps say of a Snapshot, such as those of a student's variant; pure."""
    results: list[Result] = []
    for each in steps:
        for one in each.checks:
            found = one(seen)
            earned = one.points if found.ok else 0
            results.append(
                Result(each.slug, one.name, found.verdict, found.saw, found.hint, one.points, earned)
            )
    return tuple(results)
