"""Figures, what they are held against, and how they are printed: a table, JSON, or the README's rows."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Samples:
    """What was measured, by name; and what could not be, and why. Seconds, or MiB where the name says so."""

    taken: dict[str, list[float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    """parts that gave no figure at all"""

    def add(self, found: Mapping[str, float], missing: Mapping[str, str] | None = None) -> None:
        """One round's figures beside those of the rounds before."""
        for name, value in found.items():
            self.taken.setdefault(name, []).append(value)
        self.missing.update(missing or {})

    def add_run(self, medians: Mapping[str, float], missing: Mapping[str, str]) -> None:
        """A whole run's medians beside those of other runs."""
        self.add(medians, missing)

    def median(self, name: str) -> float | None:
        return statistics.median(self.taken[name]) if self.taken.get(name) else None


@dataclass(frozen=True)
class Against:
    """Something else that does the same work, measured in the same run."""

    who: str
    name: str
    """of its figure"""
    most: float | None = None
    """the target: at most this many times as long as it takes"""
    least: float | None = None
    """or: at least this many times as quick"""


@dataclass(frozen=True)
class Row:
    """One kind of work: our figure, what is asked of it, and what it is held against."""

    work: str
    name: str
    """of our figure"""
    limit: float | None = None
    """the target in seconds, or in MiB"""
    against: tuple[Against, ...] = ()
    unit: str = "s"
    note: str = ""
    """what one has to know to read it right"""


@dataclass(frozen=True)
class Compared:
    """One of those that it is held against: its median, and how many times as long ours takes."""

    who: str
    median: float | None
    ratio: float | None
    """ours divided by theirs: below 1 ours is the quicker one"""
    met: bool | None
    """None where there is no target, or no figure"""
    asked: str = ""
    """the target in words"""
    gain: str = "quicker"
    """what less of it is called"""
    why: str = ""

    def words(self) -> str:
        if self.ratio is None:
            return f"{self.who}: not measured ({self.why})"
        mark = self.asked if self.met is not False else f"{self.asked} ✗"
        if self.ratio <= 1 / 1.5:
            return f"{1 / self.ratio:.3g} × {self.gain} than {self.who}{mark}"
        return f"{self.ratio:.2f} × {self.who}{mark}"


@dataclass(frozen=True)
class Figure:
    """A row with what was measured."""

    row: Row
    median: float | None
    rounds: tuple[float, ...]
    within: bool | None
    compared: tuple[Compared, ...]
    why: str = ""

    @property
    def met(self) -> bool | None:
        """All targets reached; None where one could not be judged and none was missed."""
        verdicts = [self.within, *(each.met for each in self.compared)]
        if False in verdicts:
            return False
        asked = self.row.limit is not None or any(each.most or each.least for each in self.row.against)
        return None if self.median is None or not asked else True

    def value(self) -> str:
        if self.median is None:
            return f"not measured: {self.why}"
        return amount(self.median, self.row.unit)

    def target(self) -> str:
        return f"≤ {amount(self.row.limit, self.row.unit)}" if self.row.limit is not None else ""


def amount(value: float, unit: str) -> str:
    """With three digits, in the unit that suits its size.

    >>> amount(0.01234, "s"), amount(2.5, "s"), amount(0.0000213, "s"), amount(38.2, "MiB")
    ('12.3 ms', '2.50 s', '0.0213 ms', '38 MiB')
    """
    if unit == "s" and value < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.2f} s" if unit == "s" else f"{value:,.0f} {unit}"


def judged(rows: Sequence[Row], samples: Samples) -> list[Figure]:
    """Each row with its figure; those of which nothing is known are left out."""
    return [_figure(row, samples) for row in rows if row.name in samples.taken or row.name in samples.missing]


def _figure(row: Row, samples: Samples) -> Figure:
    ours = samples.median(row.name)
    return Figure(
        row=row,
        median=ours,
        rounds=tuple(samples.taken.get(row.name, ())),
        within=None if ours is None or row.limit is None else ours <= row.limit,
        compared=tuple(_compared(ours, each, samples, row.unit) for each in row.against),
        why=samples.missing.get(row.name, ""),
    )


def _compared(ours: float | None, against: Against, samples: Samples, unit: str) -> Compared:
    theirs = samples.median(against.name)
    if ours is None or not theirs:
        why = samples.missing.get(against.name, "ask with --peers" if ours else "no figure of ours")
        return Compared(against.who, theirs, None, None, why=why)
    ratio, met, asked = ours / theirs, None, ""
    gain = "quicker" if unit == "s" else "less"
    if against.most is not None:
        met, asked = ratio <= against.most, f" (asked: at most {against.most:g} ×)"
    elif against.least is not None:
        met, asked = 1 / ratio >= against.least, f" (asked: {against.least:g} × {gain})"
    return Compared(against.who, theirs, ratio, met, asked, gain)


MARKS = {True: "✓", False: "✗", None: ""}


def as_json(figures: Sequence[Figure], facts: Mapping[str, Any]) -> str:
    """All of it, with the rounds."""
    rows = [
        {
            "work": each.row.work,
            "name": each.row.name,
            "unit": each.row.unit,
            "median": each.median,
            "rounds": each.rounds,
            "target": each.row.limit,
            "met": each.met,
            "why": each.why or each.row.note,
            "against": [
                {"name": asked.name, "who": other.who, "median": other.median, "ratio": other.ratio}
                | {"met": other.met, "why": other.why}
                for asked, other in zip(each.row.against, each.compared, strict=True)
            ],
        }
        for each in figures
    ]
    return json.dumps({**facts, "figures": rows}, indent=2, ensure_ascii=False)


def from_json(text: str) -> tuple[dict[str, float], dict[str, str]]:
    """Back from `as_json`: the medians by their names, and why some are missing.

    Raises:
        ValueError, KeyError, TypeError: the text is something else.
    """
    rows = json.loads(text)["figures"]
    things = [thing for row in rows for thing in (row, *row["against"])]
    medians = {thing["name"]: float(thing["median"]) for thing in things if thing["median"] is not None}
    missing = {thing["name"]: str(thing["why"]) for thing in things if thing["median"] is None}
    return medians, missing


def markdown(figures: Sequence[Figure]) -> str:
    """The rows of the README's table."""
    lines = ["| work | took | target | compared |", "|---|---|---|---|"]
    for each in figures:
        compared = "; ".join(other.words() for other in each.compared)
        mark = " ✗" if each.within is False else ""
        lines.append(f"| {each.row.work} | {each.value()}{mark} | {each.target()} | {compared} |")
    return "\n".join(lines)
