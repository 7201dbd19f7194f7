"""Classes of made-up students: notebooks written by a program, graded by the command line."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvmbench.system import Completed, run

START = "from kvmbench import catch_up, check, solve"


def notebook(*cells: tuple[str, str]) -> str:
    """A notebook of code cells: (id, source)."""
    made: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": name,
            "metadata": {},
            "source": text,
            "outputs": [],
            "execution_count": None,
        }
        for name, text in cells
    ]
    kernel = {"display_name": "kvmbench", "language": "python", "name": "kvmbench"}
    return json.dumps({"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


def handed_in(work: str, *slugs: str) -> str:
    """What an honest student hands in: the cells as they were given out, with some work in one."""
    checks = ", ".join(f'"{slug}"' for slug in slugs)
    return notebook(("start", START), ("work", work), ("check-it", f"check({checks})"))


@dataclass(frozen=True)
class Class:
    """A class in a directory: the instructor's copy, the submissions, the results."""

    home: Path

    @property
    def submissions(self) -> Path:
        return self.home / "submissions"

    @property
    def results(self) -> Path:
        return self.home / "results"

    @property
    def course(self) -> Path:
        return self.home / "course.toml"

    def set_task(self, slugs: Sequence[str], limits: Mapping[str, int] | None = None, more: str = "") -> None:
        """Write the instructor's copy and the course file."""
        (self.home / "given").mkdir(parents=True, exist_ok=True)
        (self.home / "given" / "task.ipynb").write_text(handed_in("# yours", *slugs))
        lines = [f"{name} = {value}" for name, value in (limits or {}).items()]
        self.course.write_text("\n".join(['notebooks = "given"', more, "[limits]", *lines]) + "\n")
        self.submissions.mkdir(exist_ok=True)

    def hand_in(self, student: str, text: str, files: Mapping[str, str] | None = None) -> None:
        """A notebook, or with more files a directory."""
        if files is None:
            (self.submissions / f"{student}.ipynb").write_text(text)
            return
        for name, content in ({"task.ipynb": text} | dict(files)).items():
            path = self.submissions / student / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def command(self, verb: str, *words: str) -> list[str]:
        given = [str(self.submissions), "-o", str(self.results)] if verb == "grade" else [str(self.results)]
        course = [] if verb == "verify" else ["--course", str(self.course)]
        return [sys.executable, "-m", "kvmbench.cli", verb, *given, *course, *words]

    def kvmbench(self, verb: str, *words: str, timeout_s: float = 600) -> Completed:
        return run(self.command(verb, *words), timeout_s=timeout_s, cwd=self.home, env=self.environment)

    @property
    def environment(self) -> dict[str, str]:
        return dict(os.environ) | {"KVMBENCH_HOME": str(self.home / "kb"), "COLUMNS": "200"}

    def rows(self) -> dict[str, dict[str, str]]:
        with (self.results / "grades.csv").open(newline="") as file:
            return {row["student"]: row for row in csv.DictReader(file)}

    def records(self, student: str) -> list[dict[str, Any]]:
        lines = (self.results / "evidence" / f"{student}.evidence").read_text().splitlines()
        return [json.loads(line.partition(" ")[2]) for line in lines]
