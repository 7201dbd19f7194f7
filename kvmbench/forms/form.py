"""A form as data: fields ⇄ the shell lines that they are worth ⇄ the actions that make them so.

The way back is not written by hand. The form is filled in with samples, and the lines that come of it, with
each sample turned into a gap, are what typed lines are held against.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from kvmbench.act.action import Action, Done, apply
from kvmbench.errors import BadInput, KvmbenchError
from kvmbench.forms.field import Field, Values
from kvmbench.forms.usual import usual
from kvmbench.qemu.line import Trouble
from kvmbench.system import Machine, RealMachine

_GAP = r"[^\s;|&<>'\",]+"


@dataclass(frozen=True)
class Form:
    """Fields, and the actions that they make when they are filled in."""

    name: str
    title: str
    about: str
    fields: tuple[Field, ...]
    make: Callable[[Values], tuple[Action, ...]]
    also: tuple[str, ...] = ()
    """other spellings that are read, with {field} for its text"""

    def field(self, name: str) -> Field:
        return next(each for each in self.fields if each.name == name)

    @property
    def defaults(self) -> dict[str, str]:
        return {each.name: each.default for each in self.fields}


@dataclass(frozen=True)
class Judged:
    """A form as it is filled in: what it would do, or what stands against it."""

    actions: tuple[Action, ...] = ()
    troubles: dict[str, Trouble] = field(default_factory=dict)
    """field → what is wrong with what stands in it"""

    def lines(self, *, old: bool = False) -> tuple[str, ...]:
        return tuple(line for action in self.actions for line in action.lines(old=old))

    def script(self, *, old: bool = False) -> str:
        """The lines as a shell script, each under what it is for."""
        parts = (
            (f"# {action.says}", *action.lines(old=old)) for action in self.actions if action.lines(old=old)
        )
        return "\n".join(["#!/bin/sh -e", *itertools.chain.from_iterable(parts)]) + "\n"


def judge(form: Form, values: Values, machine: Machine | None = None) -> Judged:
    """What a form would do; with a machine it is asked too whether something hinders it there."""
    filled = form.defaults | dict(values)
    empty = {
        each.name: Trouble(f"{each.label}: nothing stands here", _like(each))
        for each in form.fields
        if not each.optional and not filled[each.name].strip()
    }
    if empty:
        return Judged(troubles=empty)
    try:
        actions = form.make(_stripped(filled))
    except BadInput as error:
        return Judged(troubles={_culprit(form, filled, error): Trouble(error.what, error.hint)})
    if machine is not None and actions and not actions[0].done(machine):
        hindrance = actions[0].hindered(machine)
        if hindrance is not None:
            return Judged(
                actions, {_named_by(form, filled, hindrance): Trouble(hindrance.what, hindrance.hint)}
            )
    return Judged(actions)


def judge_here(form: Form, values: Values) -> Judged:
    """What a form would do on this bench, and what hinders it."""
    return judge(form, values, RealMachine())


def carry_out(form: Form, values: Values, machine: Machine | None = None) -> tuple[Done, ...]:
    """Do what a form says. Where a later action fails, those before it stay, as in a shell.

    Raises:
        BadInput: a field is empty, or what stands in it cannot be meant.
        KvmbenchError: as `act.action.apply`.
    """
    judged = judge(form, values)
    if judged.troubles:
        trouble = next(iter(judged.troubles.values()))
        raise BadInput(trouble.what, trouble.hint)
    where = machine or RealMachine()
    return tuple([apply(action, where) for action in judged.actions])


def read(form: Form, typed: str) -> dict[str, str]:
    """The fields of a form that typed lines stand for, in today's spelling or the tutorial's.

    Raises:
        BadInput: a line is not one of those that the form writes.
    """
    lines = [usual(line) for line in typed.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise BadInput("there is no line to read", f"Write one like: {_example(form)}")
    found = sorted(
        (_found(form, way, lines) for way in _ways(form)), key=lambda each: (-each.matched, each.missing)
    )
    best = found[0]
    if best.matched < len(lines) or best.lacking:
        unread = next((line for line in lines if line not in best.read), lines[0])
        raise BadInput(f"this form cannot read {unread[:200]!r}", f"It reads lines like: {_example(form)}")
    return best.values


@dataclass(frozen=True)
class _Way:
    """One way to fill in the choices of a form, with the lines that it leads to."""

    choices: dict[str, str]
    gaps: tuple[str, ...]
    """the fields that have to be found in the lines"""
    patterns: tuple[tuple[str, ...], ...]
    """spellings → patterns of lines"""
    first: frozenset[str]
    """the patterns of what the form is for: its first action, and what else is read"""


@dataclass(frozen=True)
class _Found:
    values: dict[str, str]
    read: tuple[str, ...]
    missing: int
    lacking: bool

    @property
    def matched(self) -> int:
        return len(self.read)


def _found(form: Form, way: _Way, lines: list[str]) -> _Found:
    values: dict[str, str] = {}
    matched: list[str] = []
    used: set[str] = set()
    for line in lines:
        for pattern in itertools.chain.from_iterable(way.patterns):
            hit = re.fullmatch(pattern, line)
            if hit and all(values.get(key, text) == text for key, text in hit.groupdict().items()):
                values |= hit.groupdict()
                used.add(pattern)
                matched.append(line)
                break
    least = min((len(set(spelling) - used) for spelling in way.patterns if spelling), default=0)
    lacking = not set(way.gaps) <= set(values) or not used & way.first
    blank = {each.name: "" if each.kind == "text" else each.default for each in form.fields}
    return _Found(blank | way.choices | values, tuple(matched), least, lacking)


@lru_cache(maxsize=64)
def _ways(form: Form) -> tuple[_Way, ...]:
    return tuple(_each_way(form))


def _each_way(form: Form) -> Iterator[_Way]:
    choosing = [each for each in form.fields if each.kind != "text"]
    optional = [each for each in form.fields if each.kind == "text" and each.optional]
    for chosen in itertools.product(*(each.options for each in choosing)):
        for present in itertools.product((True, False), repeat=len(optional)):
            left_out = {each.name for each, there in zip(optional, present, strict=True) if not there}
            texts = [each for each in form.fields if each.kind == "text" and each.name not in left_out]
            choices = {each.name: word for each, word in zip(choosing, chosen, strict=True)}
            filled = form.defaults | choices | dict.fromkeys(left_out, "")
            filled |= {each.name: each.sample for each in texts}
            try:
                actions = form.make(filled)
            except BadInput:  # choices that exclude each other
                continue
            spellings = [
                tuple(line for each in actions for line in each.lines(old=old)) for old in (False, True)
            ]
            patterns = [tuple(_pattern(line, texts) for line in lines) for lines in spellings]
            there_is = {*choices, *(each.name for each in texts)}
            other = [line for line in form.also if set(re.findall(r"{(\w+)}", line)) <= there_is]
            patterns.append(tuple(_gapped(line, texts, choices) for line in other))
            begun = Judged(actions[:1])
            first = {_pattern(line, texts) for old in (False, True) for line in begun.lines(old=old)}
            gaps = tuple(each.name for each in texts if any(each.sample in line for line in spellings[0]))
            yield _Way(choices, gaps, tuple(patterns), frozenset((*first, *patterns[-1])))


def _pattern(line: str, texts: list[Field]) -> str:
    pattern = re.escape(usual(line))
    for each in texts:
        pattern = pattern.replace(re.escape(each.sample), f"(?P<{each.name}>{_GAP})", 1)
        pattern = pattern.replace(re.escape(each.sample), f"(?P={each.name})")
    return pattern


def _gapped(line: str, texts: list[Field], choices: dict[str, str]) -> str:
    pattern = re.escape(line)
    for name, word in choices.items():
        pattern = pattern.replace(re.escape(f"{{{name}}}"), re.escape(word))
    for each in texts:
        pattern = pattern.replace(re.escape(f"{{{each.name}}}"), f"(?P<{each.name}>{_GAP})", 1)
    return pattern


def _example(form: Form) -> str:
    for way in sorted(_ways(form), key=lambda each: len(each.gaps)):
        filled = form.defaults | way.choices
        filled |= {name: form.field(name).default or form.field(name).sample for name in way.gaps}
        lines = Judged(form.make(filled)).lines()
        if lines:
            return lines[-1]
    return form.title


def _stripped(values: Values) -> dict[str, str]:
    return {name: text.strip() for name, text in values.items()}


def _culprit(form: Form, values: dict[str, str], error: KvmbenchError) -> str:
    """The field that an error is about: with a sample in its place, or empty, the error does not come."""
    for each in form.fields:
        for instead in (each.sample, *each.options, "" if each.optional else each.sample):
            if instead != values[each.name]:
                try:
                    form.make(_stripped(values | {each.name: instead}))
                except BadInput as other:
                    if other.what != error.what and values[each.name] in error.what:
                        return each.name
                    continue
                return each.name
    return _named_by(form, values, error)


def _named_by(form: Form, values: dict[str, str], error: KvmbenchError) -> str:
    """The field whose text an error speaks of; the first field when it speaks of none."""
    words = _words(error.what)
    spoken = [each.name for each in form.fields if values[each.name] and values[each.name] in words]
    return spoken[0] if spoken else form.fields[0].name


def _words(text: str) -> tuple[str, ...]:
    """Words without the signs around them; an odd quotation mark is a sign like any other."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return tuple(word.strip(",.:;") for word in words)


def _like(each: Field) -> str:
    return f"Write something like {each.default or each.sample or (each.choices or ('a value',))[0]}."
