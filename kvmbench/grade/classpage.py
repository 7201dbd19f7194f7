"""One page for the class: how it went, which mistakes were made by how many, and what failed together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import mean, median
from urllib.parse import quote

from kvmbench import course
from kvmbench.grade.html import counted, page, prose, table, text
from kvmbench.grade.rubric import Rubric
from kvmbench.grade.scoring import LATE, Mark, Score
from kvmbench.grade.tables import NUMBERS, reasons
from kvmbench.grade.variants import in_the_tutorials_numbers, student_name

_BINS = 10
_TOGETHER = 0.6
"""of those who failed either of two checks so many failed both: the two have one cause, as a rule"""


@dataclass(frozen=True)
class Failing:
    """A mistake that was made, in words to teach from."""

    step: str
    checks: tuple[str, ...]
    """those that noticed it"""
    says: str
    """what the students did, or what is not so where the course knows no such mistake"""
    example: str
    """what was seen of one of them"""
    hint: str
    students: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Checks that the same students failed."""

    checks: tuple[str, ...]
    all_failed: int
    """students who failed every one of them"""
    any_failed: int
    """students who failed at least one"""


def class_page(scores: Sequence[Score], rubric: Rubric) -> str:
    """The page for the instructor."""
    alike = [_in_the_tutorials_numbers(score) for score in scores]
    parts = [
        _at_a_glance(scores, alike, rubric),
        _distribution(scores),
        _for_a_person(scores),
        _mistakes(alike),
        _together(alike),
        _checks(alike),
        _students(scores),
    ]
    return page(f"{rubric.course.title}: the class", "\n".join(filter(None, parts)))


def _in_the_tutorials_numbers(score: Score) -> Score:
    """So that one mistake is one for all, whatever numbers each of them had."""
    if score.variant is None:
        return score
    alike = partial(in_the_tutorials_numbers, plan=score.variant.plan)
    marks = tuple(
        replace(
            mark,
            says=alike(mark.says),
            outcome=replace(mark.outcome, saw=alike(mark.outcome.saw), hint=alike(mark.outcome.hint)),
        )
        for mark in score.marks
    )
    return replace(score, marks=marks)


def _at_a_glance(scores: Sequence[Score], alike: Sequence[Score], rubric: Rubric) -> str:
    """What to know before anything else: what to teach, whom to look at, who is missing."""
    said = []
    worst = _most_failed(alike)
    if worst:
        named = "; ".join(
            f"<b>{text(says)}</b> ({number} of {len(scores)}, <code>{text(name)}</code>)"
            for number, name, says in worst
        )
        said.append(f"Failed by most: {named}.")
    waiting = [score for score in scores if reasons(score)]
    if waiting:
        said.append(f"Waiting for you: {', '.join(map(_link, waiting))}; why, and what to do, is told below.")
    missing = not_handed_in(scores, rubric)
    if missing:
        said.append(f"Nothing came from {counted(len(missing), 'student')}: {text(', '.join(missing))}.")
    return f"<h2>At a glance</h2><ul>{''.join(f'<li>{each}</li>' for each in said)}</ul>" if said else ""


def _most_failed(scores: Sequence[Score]) -> list[tuple[int, str, str]]:
    """The three checks that most failed, when more than one student did: how many, its name, what it says."""
    failed = Counter(
        (f"{mark.step}/{mark.check}", mark.says)
        for score in scores
        for mark in score.marks
        if mark.outcome.verdict == "failed"
    )
    return [(number, name, says) for (name, says), number in failed.most_common(3) if number > 1]


def not_handed_in(scores: Sequence[Score], rubric: Rubric) -> tuple[str, ...]:
    """Those of the class from whom there is nothing, where the course file names the class."""
    known = rubric.variants.students if rubric.variants else ()
    there = {score.student for score in scores}
    return tuple(name for name in known if student_name(name) not in there)


def _percent(score: Score) -> float:
    return 100 * score.earned / score.points if score.points else 0.0


def _distribution(scores: Sequence[Score]) -> str:
    if not scores:
        return "<p>Nothing was handed in.</p>"
    percents = [_percent(score) for score in scores]
    bins = Counter(min(int(percent // _BINS), _BINS - 1) for percent in percents)
    most = max(bins.values())
    rows = [
        [
            f"{at * 10} to {at * 10 + 10} %",
            str(bins[at]),
            f'<span class=bar style="width:{100 * bins[at] / most:.0f}%"></span>' if bins[at] else "",
        ]
        for at in range(_BINS)
    ]
    return (
        f"<h2>Points</h2><p>{counted(len(scores), 'student')}; mean {mean(percents):.0f} %, "
        f"median {median(percents):.0f} %. What is blocked is not earned until a person decides.</p>"
        + table(["points", "students", "as a bar"], rows, {1})
    )


def _for_a_person(scores: Sequence[Score]) -> str:
    rows = [
        [_link(score), text(why), text(", ".join(names)), prose(do)]
        for score in scores
        for why, (names, do) in _asked(score).items()
    ]
    if not rows:
        return ""
    return "<h2>For a person to decide</h2>" + table(["student", "why", "checks", "what to do"], rows)


def _asked(score: Score) -> dict[str, tuple[list[str], str]]:
    """Why a person is asked → the checks, and what to do; what was seen of each is on the student's page."""
    found: dict[str, tuple[list[str], str]] = {}
    for mark in score.blocked:
        why = mark.outcome.saw.partition(LATE)[0]
        found.setdefault(why, ([], mark.outcome.hint))[0].append(mark.check)
    asks = "Ask how they came there. They cost nothing by themselves."
    return found | {each.says: ([NUMBERS], asks) for each in score.foreign}


def mistakes(scores: Sequence[Score]) -> tuple[Failing, ...]:
    """What was done wrong, the most frequent first: failures of one step with one hint are one mistake."""
    made: dict[tuple[str, str], list[tuple[str, Mark]]] = defaultdict(list)
    for score in scores:
        for mark in score.marks:
            if mark.outcome.verdict == "failed":
                made[mark.step, mark.outcome.hint].append((score.student, mark))
    found = [
        Failing(
            step,
            tuple(dict.fromkeys(mark.check for _, mark in who)),
            next(filter(None, (_known(mark) for _, mark in who)), f"It is not so that {who[0][1].says}."),
            Counter(mark.outcome.saw for _, mark in who).most_common(1)[0][0],
            hint,
            tuple(dict.fromkeys(student for student, _ in who)),
        )
        for (step, hint), who in made.items()
    ]
    return tuple(sorted(found, key=lambda each: (-len(each.students), each.step, each.hint)))


def _known(mark: Mark) -> str | None:
    """What a student did, when the course knows the mistake by its hint."""
    for mistake in course.step(mark.step).mistakes:
        if mistake.check == mark.check and mistake.hint in mark.outcome.hint:
            return mistake.says
    return None


def _mistakes(scores: Sequence[Score]) -> str:
    rows = [
        [
            f"{len(each.students)} of {len(scores)}",
            (
                f"<b>{text(each.says)}</b><br>{text(each.example)}"
                f"<br><span class=hint>→ {prose(each.hint)}</span>"
            ),
            f"{text(each.step)}<br><span class=small>{text(', '.join(each.checks))}</span>",
        ]
        for each in mistakes(scores)
    ]
    if not rows:
        return "<h2>Mistakes</h2><p>Nobody made any.</p>"
    return "<h2>Mistakes, the most frequent first</h2>" + table(
        ["students", "what they did, what was seen, and the hint that they got", "step and checks"],
        rows,
        names_row=1,
    )


def together(scores: Sequence[Score]) -> tuple[Group, ...]:
    """Checks that failed together, the largest number of students first."""
    failed: dict[str, set[str]] = defaultdict(set)
    for score in scores:
        for mark in score.marks:
            if mark.outcome.verdict == "failed":
                failed[f"{mark.step}/{mark.check}"].add(score.student)
    left, groups = list(failed), []
    while left:
        first, *others = left
        near = [first, *(each for each in others if _alike(failed[first], failed[each]))]
        left = [each for each in others if each not in near]
        who = [failed[each] for each in near]
        groups.append(Group(tuple(near), len(set.intersection(*who)), len(set.union(*who))))
    found = [group for group in groups if len(group.checks) > 1 and group.all_failed > 1]
    return tuple(sorted(found, key=lambda group: (-group.all_failed, group.checks)))


def _alike(some: set[str], others: set[str]) -> bool:
    return len(some & others) >= _TOGETHER * len(some | others)


def _together(scores: Sequence[Score]) -> str:
    rows = [
        [
            "<br>".join(f"<code>{text(name)}</code>" for name in group.checks),
            f"{group.all_failed} failed all of them, {group.any_failed} at least one",
        ]
        for group in together(scores)
    ]
    if not rows:
        return ""
    return (
        "<h2>What failed together</h2><p>Checks that the same students fail have one cause, as a rule: teach "
        "the first one.</p>" + table(["checks", "students"], rows)
    )


def _checks(scores: Sequence[Score]) -> str:
    verdicts: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for score in scores:
        for mark in score.marks:
            verdicts[mark.step, mark.check, mark.says][mark.outcome.verdict] += 1
    rows = [
        [text(step), f"{text(says)}<br><span class=small>{text(check)}</span>"]
        + [str(seen[verdict]) for verdict in ("passed", "failed", "blocked")]
        for (step, check, says), seen in verdicts.items()
    ]
    return "<h2>Check by check</h2>" + table(
        ["step", "check", "passed", "failed", "for a person"], rows, {2, 3, 4}, names_row=1
    )


def _students(scores: Sequence[Score]) -> str:
    rows = [
        [
            _link(score),
            f"{score.earned} of {score.points}",
            f"{_percent(score):.0f} %",
            str(len(score.blocked) + len(score.foreign) or ""),
            f"{score.seconds:.0f} s",
        ]
        for score in sorted(scores, key=lambda score: score.student)
    ]
    return "<h2>Students</h2>" + table(
        ["student", "points", "percent", "for a person", "took"], rows, {1, 2, 3, 4}
    )


def _link(score: Score) -> str:
    return f'<a href="feedback/{quote(score.student)}.html">{text(score.student)}</a>'
