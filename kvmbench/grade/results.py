"""The directory of results: evidence as it comes, then tables and pages, all under the instructor's seal."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from kvmbench.course.variants import Variant
from kvmbench.errors import BadInput, EvidenceBroken
from kvmbench.grade import classpage, evidence, pages, tables
from kvmbench.grade.evidence import Key
from kvmbench.grade.rubric import Rubric
from kvmbench.grade.scoring import Score, score
from kvmbench.grade.task import Task

MANIFEST = "manifest.json"
EVIDENCE = "evidence"


@dataclass(frozen=True)
class Results:
    """Where the results of a class lie, and whose seal they bear."""

    directory: Path
    key: Key

    def bundle(self, student: str) -> Path:
        return self.directory / EVIDENCE / f"{student}{evidence.SUFFIX}"

    def keep(self, student: str, records: list[dict[str, Any]]) -> None:
        """Write a student's evidence, whole or not at all."""
        _write(self.bundle(student), evidence.sealed(records, self.key))

    def records(self, student: str) -> list[dict[str, Any]]:
        """A student's evidence.

        Raises:
            EvidenceBroken: it is not what was written.
        """
        return evidence.opened(self.bundle(student).read_bytes(), self.key, student=student)

    def students(self) -> tuple[str, ...]:
        """Those whose evidence is there."""
        found = sorted((self.directory / EVIDENCE).glob(f"*{evidence.SUFFIX}"))
        return tuple(path.name.removesuffix(evidence.SUFFIX) for path in found)

    def is_done(self, task: Task) -> bool:
        """Whether there is good evidence of these very files, for this very course and these very numbers.

        Where time ran out, and there are other limits now, it is taken again.
        """
        try:
            head, *rest = self.records(task.student)
        except (OSError, EvidenceBroken):
            return False
        ended = bool(rest) and rest[-1].get("kind") == "end"
        variant = msgspec.convert(head.get("variant"), Variant | None)
        same = head.get("files") == task.digests() and head.get("course") == task.course
        late = any(record.get("late") or record.get("ended") for record in rest)
        in_time = not late or head.get("limits") == msgspec.to_builtins(task.limits)
        return ended and same and variant == task.variant and in_time

    def write(self, rubric: Rubric) -> tuple[Score, ...]:
        """Score all evidence under a rubric, and write tables and pages.

        Raises:
            EvidenceBroken: some evidence is not what was written.
        """
        every = {student: self.records(student) for student in self.students()}
        scores = tuple(score(student, records, rubric, every) for student, records in every.items())
        _write(self.directory / "grades.csv", tables.csv_text(scores, rubric).encode())
        tables.write_workbook(self.directory / "grades.xlsx", scores, rubric)
        for one in scores:
            page = pages.student_page(one, every[one.student], rubric)
            _write(self.directory / "feedback" / f"{one.student}.html", page.encode())
        _write(self.directory / "class.html", classpage.class_page(scores, rubric).encode())
        self._seal()
        return scores

    def _seal(self) -> None:
        files = {str(path.relative_to(self.directory)): _digest(path) for path in self._files()}
        text = msgspec.json.encode({"files": files, "key": self.key.name})
        signature = evidence.signed_text(text, self.key)
        _write(self.directory / MANIFEST, text + b"\n" + signature.encode() + b"\n")

    def _files(self) -> Iterator[Path]:
        for path in sorted(self.directory.rglob("*")):
            if path.is_file() and path.name != MANIFEST and not path.name.endswith(".new"):
                yield path

    def changes(self) -> tuple[str, ...]:
        """What is no longer as it was written, a sentence each.

        Raises:
            BadInput: there are no results.
        """
        try:
            lines = (self.directory / MANIFEST).read_bytes().split(b"\n")
        except OSError as error:
            raise BadInput(
                f"there are no results in {self.directory}: {error.strerror}",
                "Name the directory that `kvmbench grade -o` wrote.",
            ) from error
        signature = lines[1].decode(errors="replace") if len(lines) == 3 else ""
        if lines[2:] != [b""] or not evidence.has_signed(lines[0], signature, self.key):
            return (f"{MANIFEST} was changed, or written with another key",)
        known: dict[str, str] = msgspec.json.decode(lines[0])["files"]
        now = {str(path.relative_to(self.directory)): _digest(path) for path in self._files()}
        found = [f"{name} is gone" for name in known if name not in now]
        found += [f"{name} was changed" for name, digest in known.items() if now.get(name, digest) != digest]
        found += [f"{name} was added" for name in now if name not in known]
        return (*found, *(why for student in self.students() if (why := self._broken(student))))

    def _broken(self, student: str) -> str | None:
        try:
            self.records(student)
        except EvidenceBroken as error:
            return error.what
        return None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    with open(fresh, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def opened(directory: Path, key: Key) -> Results:
    """A directory for results, made when it is missing.

    Raises:
        BadInput: it cannot be written.
    """
    try:
        (directory / EVIDENCE).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"{directory} cannot be written: {error.strerror}", "Name a directory of your own with -o."
        ) from error
    return Results(directory, key)
