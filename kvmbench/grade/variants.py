"""The table [variants] of a course file: whose numbers are asked of whom, and whose are on whose bench."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kvmbench.course.plan import TUTORIAL, Plan
from kvmbench.course.variants import DEFAULT_RANGES, Foreign, Ranges, Variant, foreign_values, variant_of
from kvmbench.errors import BadInput
from kvmbench.model import Snapshot

Table = Mapping[str, str | tuple[int, int]]
"""as it stands in the course file: `key`, perhaps `students`, and ranges by their names"""

FILES = ("key", "students")
_TRY = "In [variants] stand key, students, and the ranges: " + ", ".join(Ranges.__dataclass_fields__)
_STRANGE = re.compile(r"[^\w.@+-]")
_MOST_BYTES = 200
"""a file's name has 255 at most, with what is put behind it"""


def student_name(text: str) -> str:
    """A student's name as a name of files: what is no letter or digit becomes `_`. Numbers are drawn for it.

    Letters of all scripts stay; one that can be written in two ways is written in one (NFC, unicodedata).

    >>> student_name("Ada Lovelace"), student_name("../x"), student_name("张伟")
    ('Ada_Lovelace', '_x', '张伟')
    """
    name = _STRANGE.sub("_", unicodedata.normalize("NFC", text))
    return name.encode()[:_MOST_BYTES].decode(errors="ignore").lstrip(".-") or "_"


@dataclass(frozen=True)
class ClassVariants:
    """The variants of a class. The key stays in this process: tasks and evidence have the numbers alone."""

    key: bytes = field(repr=False)
    ranges: Ranges = DEFAULT_RANGES
    students: tuple[str, ...] = ()
    """of the class, where the course file names them; those who handed in are known anyway"""

    def of(self, student: str) -> Variant:
        return variant_of(self.key, student_name(student), self.ranges)

    def foreign(self, student: str, seen: Iterable[Snapshot], others: Iterable[str]) -> tuple[Foreign, ...]:
        """What was drawn for others of the class, and was on this student's bench at any look."""
        own = self.of(student)
        drawn = [self.of(name) for name in dict.fromkeys((*self.students, *others))]
        found = (each for snapshot in seen for each in foreign_values(snapshot, own, drawn))
        return tuple(dict.fromkeys(found))


def class_variants(table: Table, beside: Path) -> ClassVariants | None:
    """Read the table; paths in it go from the directory of the course file on. None when it is empty.

    Raises:
        BadInput: it names no key, a range that there is not, or a file that cannot be read.
    """
    if not table:
        return None
    ranges = {name: value for name, value in table.items() if name not in FILES}
    strange = [name for name in ranges if name not in Ranges.__dataclass_fields__]
    wrong = [name for name, value in ranges.items() if isinstance(value, str)]
    files = {name: table[name] for name in FILES if name in table}
    wrong += [name for name, value in files.items() if not isinstance(value, str)]
    if strange or wrong or "key" not in files:
        why = (
            f"{strange[0]} is nothing that is drawn"
            if strange
            else f"{wrong[0]} has the value of something else"
            if wrong
            else "it names no key"
        )
        raise BadInput(f"the course file's [variants] does not work: {why}", _TRY)
    paths = {name: beside / str(value) for name, value in files.items()}
    lines = _read(paths["students"]).decode(errors="replace").splitlines() if "students" in paths else []
    made = ClassVariants(
        read_key(paths["key"]),
        Ranges(**{name: value for name, value in ranges.items() if not isinstance(value, str)}),
        tuple(line.strip() for line in lines if line.strip()),
    )
    made.of("anybody")  # a key that is too short is told before anything runs
    return made


def read_key(file: Path) -> bytes:
    """The course's key, byte for byte.

    Raises:
        BadInput: it cannot be read, or others can read it.
    """
    secret = _read(file)
    if file.stat().st_mode & 0o077:
        raise BadInput(f"others can read the key {file}", f"Type: chmod 600 {file}")
    return secret


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}", "Look at the file's name.") from error


def in_the_tutorials_numbers(text: str, plan: Plan) -> str:
    """What was said of a variant, as the tutorial would say it.

    >>> in_the_tutorials_numbers("10.7.7.9/24, no 10.7.7.33", Plan("10.7.7.0/24", "10.7.7.9"))
    '10.1.1.254/24, no 10.1.1.33'
    """
    swaps = {
        getattr(plan, name): getattr(TUTORIAL, name)
        for name in ("router", "c1_address", "c2_address", "first_lease", "last_lease", "near", "far")
    }
    swaps |= dict(zip(plan.macs, TUTORIAL.macs, strict=True))
    swaps |= {str(plan.ssh_outside): str(TUTORIAL.ssh_outside)}
    whole = "|".join(re.escape(each) for each in sorted(swaps, key=len, reverse=True))
    text = re.sub(rf"(?<![\w.])(?:{whole})(?![\w:]|\.\d)", lambda found: swaps[found[0]], text)
    for mine, its in ((plan.router, TUTORIAL.router), (plan.near, TUTORIAL.near)):
        start, end = mine.rpartition(".")[0], its.rpartition(".")[0]
        text = re.sub(rf"(?<![\w.]){re.escape(start)}(?=\.\d)", end, text)
    return text
