"""What a grading process is told, and the course as the instructor sets it: no more than this decides."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Literal

import msgspec

from kvmbench.bench.strict import Strict
from kvmbench.course.variants import Variant


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a submission may use."""

    cell_s: int = 120
    """seconds that one cell may take"""
    notebook_s: int = 900
    """seconds that a notebook may take, without the grader's looks"""
    memory_mib: int = 3072
    """of all its processes and guests, and of the files that it keeps in memory"""
    disk_mib: int = 1024
    processes: int = 400

    @property
    def strict(self) -> Strict:
        return Strict(disk_mib=self.disk_mib, processes=self.processes)


class Notebook(msgspec.Struct, frozen=True):
    """A notebook of the course as the instructor has it, and the file that was handed in for it."""

    name: str
    steps: tuple[str, ...]
    """slugs of the steps whose checks it bears"""
    marks: dict[str, tuple[str, ...]]
    """id of a cell behind which the grader looks → the steps that it looks for"""
    file: str | None = None
    """path within the submission; None when none was handed in"""


class Task(msgspec.Struct, frozen=True):
    """One submission, with all that is needed to run and look at it on any machine."""

    student: str
    files: dict[str, str]
    """path within the submission → its bytes in base64"""
    notebooks: tuple[Notebook, ...]
    limits: Limits
    course: str
    """digest of the instructor's copies, for the evidence"""
    variant: Variant | None = None
    """whose numbers are asked for, and which; the tutorial's when None. Their key is never told to a task"""

    def named(self) -> dict[str, Any]:
        """The first record of its evidence: whose it is, and what was handed in and asked for."""
        return {
            "kind": "head",
            "format": 1,
            "student": self.student,
            "files": self.digests(),
            "notebooks": msgspec.to_builtins(self.notebooks),
            "variant": msgspec.to_builtins(self.variant),
        }

    @staticmethod
    def encoded(data: bytes) -> str:
        return base64.b64encode(data).decode()

    def digests(self) -> dict[str, str]:
        """SHA-256 of each file that was handed in."""
        return {
            path: hashlib.sha256(base64.b64decode(text)).hexdigest()
            for path, text in sorted(self.files.items())
        }


Count = Literal["best", "last"]
