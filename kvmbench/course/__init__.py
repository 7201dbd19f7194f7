"""The course: steps in order, each with goal, checks, hints, solution and usual mistakes."""

from kvmbench.act.action import Action
from kvmbench.course.catalogue import files, images, plan, step, steps, wanted
from kvmbench.course.plan import BRIDGE, Plan
from kvmbench.course.run import Result, catch_up, check, judge, judge_steps, solve
from kvmbench.course.script import script
from kvmbench.course.step import Mistake, Rotted, Step
from kvmbench.model import Wanted

__all__ = [
    "BRIDGE",
    "Action",
    "Mistake",
    "Plan",
    "Result",
    "Rotted",
    "Step",
    "Wanted",
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
