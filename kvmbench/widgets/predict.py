"""A question that the next look settles: the answer is recorded and never graded."""

from __future__ import annotations

import html
import json
import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import ipywidgets

from kvmbench.errors import BadInput
from kvmbench.widgets import parts

_ON_BENCH = "KVMBENCH_BENCH"
"""names the bench in the environment of every process on it"""
_NOTED = "Noted. The next look settles it."


@dataclass(frozen=True)
class Prediction:
    """A question with its answers: radio buttons in a page, text where there is none."""

    question: str
    answers: tuple[str, ...]
    record: Path | None
    """where a choice is written down; None: nowhere"""

    def __repr__(self) -> str:
        return "\n".join((self.question, *(f"  ( ) {answer}" for answer in self.answers)))

    def _repr_mimebundle_(self, **how: Any) -> dict[str, Any]:
        shown: dict[str, Any] = self._box._repr_mimebundle_(**how)
        return shown | {"text/plain": repr(self)}

    @cached_property
    def choice(self) -> Any:
        """The radio buttons; their `value` is the answer that was chosen, None before."""
        buttons = ipywidgets.RadioButtons(
            options=self.answers, value=None, layout={"width": "auto"}, tooltip=self.question
        )
        buttons.observe(self._chosen, names="value")
        return buttons

    @cached_property
    def _told(self) -> Any:
        return parts.said()

    @cached_property
    def _box(self) -> Any:
        box = ipywidgets.VBox()
        parts.mannered(box, [parts.names(html.escape(self.question)), self.choice, self._told])
        return box

    def _chosen(self, change: Any) -> None:
        if change["new"] is not None:
            self._told.value = html.escape(note(self.question, change["new"], self.record))


def predict(question: str, *answers: str) -> Prediction:
    """Ask what will be seen next; a choice becomes a line of ~/predictions.jsonl on the bench.

    Raises:
        BadInput: fewer than two answers, or one twice.
    """
    if len(answers) < 2 or len(set(answers)) < len(answers):
        raise BadInput(
            f"{question!r} needs two different answers at least",
            'Write predict("Will it …?", "yes", "no").',
        )
    on_bench = bool(os.environ.get(_ON_BENCH))
    return Prediction(question, answers, Path.home() / "predictions.jsonl" if on_bench else None)


def note(question: str, answer: str, record: Path | None) -> str:
    """Write a choice down as a line of JSON; what to tell the one who chose."""
    if record is None:
        return "Not noted: this is no bench."
    line = json.dumps({"time": round(time.time(), 3), "question": question, "answer": answer})
    try:
        with record.open("a") as file:
            file.write(line + "\n")
    except OSError as error:
        return f"Not noted: {error.strerror}. The next look settles it all the same."
    return _NOTED
