"""The course: steps in order, each with goal, checks, hints, solution and usual mistakes."""

from kvmbench.course.catalogue import files, images, plan, step, steps, wanted
from kvmbench.course.run import Result, catch_up, check, judge, judge_steps, solve
from kvmbench.course.script import script
from kvmbench.course.step import Mistake, Rotted, Step

__all__ = [
    "Mistake",
    "Result",
    "Rotted",
    "Step",
    "catch_up",
    "check",
    "files",
    "images",
    "judge",
    "judge_steps",
    "plan",
    "script",
    "solve",
    "step",
    "steps",
    "wanted",
]
