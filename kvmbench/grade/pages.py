"""One page of feedback a student, and one for the class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kvmbench.grade.rubric import Rubric
from kvmbench.grade.scoring import Score


def student_page(score: Score, records: Sequence[dict[str, Any]], rubric: Rubric) -> str:
    return score.student


def class_page(scores: Sequence[Score], rubric: Rubric) -> str:
    return str(len(scores))
