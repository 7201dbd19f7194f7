"""STYLE.md's rules for notebooks, over every notebook of the course."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from kvmbench import course
from kvmbench.act import ifup
from kvmbench.course import specification

DIRECTORY = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(DIRECTORY.glob("*.ipynb"))
# Break and mend is of no step: it puts faults into several, and hands back what they were.
ACROSS = DIRECTORY / "14-break-and-mend.ipynb"
# The capstone teaches nothing and helps with nothing: it asks.
CAPSTONE = DIRECTORY / "15-capstone.ipynb"
TAUGHT = [path for path in NOTEBOOKS if path.stem != "00-welcome" and path != CAPSTONE]
LESSONS = [path for path in TAUGHT if path != ACROSS]

MOST_CELLS = 40
MOST_CODE_LINES = 12
MOST_WORDS = 150
MOST_CONCEPT_WORDS = 120
CYCLES = range(2, 6)
CYCLE = ("goal", "concept", "predict", "do", "look", "check", "reflect")
"""the cells of a cycle, by the first word of their ids, in order"""
NEEDED = ("goal", "concept", "predict", "do", "look", "reflect")
"""a check says nothing where a cycle only looks, so one is not asked of every cycle"""
ENDING = ("break", "mend", "exercise", "words")
EXERCISES = ("blank", "repair", "explain")
KERNELSPEC = {"name": "kvmbench", "display_name": "kvmbench (on a bench)", "language": "python"}
FIRST_IMPORTS = (
    "from kvmbench import check, catch_up, commands, guest, hint, look\n"
    "from kvmbench import outside, picture, predict, progress, solve"
)
BELITTLING = re.compile(r"\b(simply|just|obviously)\b", re.IGNORECASE)
WAITING = re.compile(r"\bsleep\b")
CALL = re.compile(r"""\b(check|catch_up|picture|solve|commands)\(["']([a-z-]*)["']""")
MAN_PAGE = re.compile(r"\[`?[\w.-]+\(\d\w*\)`?\]\(https://\S+\)")
LINK = re.compile(r"\]\(https://[^\s)]+\)")

Cell = dict[str, Any]


def cells(path: Path) -> list[Cell]:
    return list(json.loads(path.read_text(encoding="utf-8"))["cells"])


def code(path: Path) -> list[Cell]:
    return [cell for cell in cells(path) if cell["cell_type"] == "code"]


def prose(path: Path) -> list[Cell]:
    return [cell for cell in cells(path) if cell["cell_type"] == "markdown"]


def text(cell: Cell) -> str:
    return "".join(cell["source"])


def first_word(cell: Cell) -> str:
    return str(cell["id"]).split("-")[0]


def words(cell: Cell) -> int:
    """The words that are read: addresses of links are not, nor are the lines that draw a table."""
    read = re.sub(r"\]\([^)]*\)", "]", text(cell))
    return len([word for word in read.split() if re.search(r"\w", word)])


def cycles(path: Path) -> list[list[Cell]]:
    """The cells of each cycle: ids that end in its number."""
    found: dict[str, list[Cell]] = {}
    for cell in cells(path):
        number = re.search(r"-(\d+)[a-z]?$", cell["id"])
        if number:
            found.setdefault(number[1], []).append(cell)
    return list(found.values())


def slug(path: Path) -> str:
    return path.stem.partition("-")[2]


def calls(path: Path) -> Iterator[tuple[str, str]]:
    for cell in code(path):
        yield from CALL.findall(text(cell))


each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_taught = pytest.mark.parametrize("path", TAUGHT, ids=lambda path: path.stem)
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def test_there_is_a_notebook_for_each_step_in_the_order_of_the_course() -> None:
    assert [slug(path) for path in LESSONS] == [step.slug for step in course.steps()]
    assert [path.stem[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in range(len(NOTEBOOKS))]


@each_notebook
def test_it_is_valid_and_names_the_kernel_on_a_bench(path: Path) -> None:
    found = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(found)
    assert (found.nbformat, found.nbformat_minor) == (4, 5)
    assert found.metadata.kernelspec == KERNELSPEC


@each_notebook
def test_it_is_printed_so_that_a_change_shows_as_a_small_difference(path: Path) -> None:
    written = path.read_text(encoding="utf-8")
    assert written == json.dumps(json.loads(written), indent=1, ensure_ascii=False) + "\n"


@each_notebook
def test_its_cells_have_names_of_their_own(path: Path) -> None:
    ids = [cell["id"] for cell in cells(path)]
    assert len(set(ids)) == len(ids)
    assert [one for one in ids if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", one)] == []


@each_notebook
def test_it_is_short(path: Path) -> None:
    assert len(cells(path)) <= MOST_CELLS
    long = {cell["id"]: len(text(cell).splitlines()) for cell in code(path)}
    assert {name: lines for name, lines in long.items() if lines > MOST_CODE_LINES} == {}


@each_notebook
def test_its_prose_is_short(path: Path) -> None:
    most = {
        cell["id"]: MOST_CONCEPT_WORDS if first_word(cell) == "concept" else MOST_WORDS
        for cell in prose(path)
    }
    long = {cell["id"]: words(cell) for cell in prose(path)}
    assert {name: count for name, count in long.items() if count > most[name]} == {}


@each_notebook
def test_nothing_is_stored_in_it(path: Path) -> None:
    assert [cell["id"] for cell in code(path) if cell["outputs"] or cell["execution_count"] is not None] == []
    assert "widgets" not in json.loads(path.read_text(encoding="utf-8"))["metadata"]


@each_notebook
def test_it_belittles_nobody(path: Path) -> None:
    assert [cell["id"] for cell in cells(path) if BELITTLING.search(text(cell))] == []


@each_notebook
def test_no_cell_waits_blindly(path: Path) -> None:
    assert [cell["id"] for cell in code(path) if WAITING.search(text(cell))] == []


@each_notebook
def test_no_cell_hides_a_failure_or_defines_a_function_outside_exercises(path: Path) -> None:
    wrong = []
    for cell in code(path):
        if first_word(cell) == "exercise" or text(cell).startswith("%%"):
            continue
        kinds = [type(node) for node in ast.walk(ast.parse(without_shell(text(cell))))]
        if {ast.Try, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef} & set(kinds):
            wrong.append(cell["id"])
    assert wrong == []


def without_shell(source: str) -> str:
    """The Python of a cell; a line for the shell or a magic becomes `pass`, with the rows it goes on over."""
    kept: list[str] = []
    goes_on = False
    for row in source.splitlines():
        shell = goes_on or row.startswith(("!", "%"))
        goes_on = shell and row.endswith("\\")
        kept.append("pass" if shell else row)
    return "\n".join(kept)


@each_notebook
def test_only_what_is_meant_to_fail_may_raise(path: Path) -> None:
    known = {"raises-exception"}
    assert all(set(cell["metadata"].get("tags", ())) <= known for cell in cells(path))


@each_lesson
def test_it_begins_by_building_its_own_starting_point(path: Path) -> None:
    first, second, *_ = code(path)
    assert text(first) == FIRST_IMPORTS
    assert text(second).splitlines()[-1] == f'catch_up("{slug(path)}")'


@each_taught
def test_its_cycles_have_their_cells_in_order(path: Path) -> None:
    assert len(cycles(path)) in CYCLES
    for cycle in cycles(path):
        kinds = [first_word(cell) for cell in cycle]
        assert [kind for kind in NEEDED if kind not in kinds] == [], kinds
        assert kinds == sorted(kinds, key=CYCLE.index), kinds


@each_taught
def test_the_predictions_come_before_what_settles_them(path: Path) -> None:
    asked = [text(cell) for cell in code(path) if first_word(cell) == "predict"]
    assert all(source.startswith("predict(") for source in asked)


@each_taught
def test_each_concept_leads_to_its_source_and_the_notebook_to_a_man_page(path: Path) -> None:
    concepts = [cell for cell in prose(path) if first_word(cell) == "concept"]
    assert [cell["id"] for cell in concepts if len(LINK.findall(text(cell))) != 1] == []
    assert any(MAN_PAGE.search(text(cell)) for cell in concepts)


@each_taught
def test_the_old_spelling_stands_beside_todays(path: Path) -> None:
    tables = [
        cell
        for cell in prose(path)
        if re.search(r"^\|[^|]*tutorial[^|]*\|[^|]*today", text(cell), re.MULTILINE)
    ]
    assert tables


@each_taught
def test_it_ends_with_break_mend_exercises_words(path: Path) -> None:
    kinds = [first_word(cell) for cell in cells(path)]
    places = [kinds.index(kind) for kind in ENDING]
    assert places == sorted(places)
    assert kinds[-1] == "words"
    assert [cell["id"].split("-")[1] for cell in prose(path) if first_word(cell) == "exercise"] == list(
        EXERCISES
    )


@each_notebook
def test_it_names_only_steps_that_there_are(path: Path) -> None:
    known = {step.slug for step in course.steps()}
    assert {name for _, name in calls(path)} <= known


@each_lesson
def test_its_last_check_is_of_its_own_step(path: Path) -> None:
    assert [name for call, name in calls(path) if call == "check"][-1] == slug(path)


@each_notebook
def test_what_a_cell_asks_it_also_shows(path: Path) -> None:
    """A page shows the value of a cell's last line alone."""
    asking = ("check(", "picture(", "predict(", "commands(")
    early = [c["id"] for c in code(path) if any(row.startswith(asking) for row in text(c).splitlines()[:-1])]
    assert [name for name in early if not name.startswith("predict")] == []


@each_taught
def test_what_it_breaks_and_mends_it_also_checks(path: Path) -> None:
    checked = {first_word(cell) for cell in code(path) if "check(" in text(cell)}
    # Merging is switched for the whole machine: on the bench there is nothing of it to break.
    assert ({"mend"} if slug(path) == "ksm" else {"break", "mend"}) <= checked


def test_the_capstone_gives_the_specification_room_to_work_and_one_graded_check_of_all_that_it_asks() -> None:
    sources = {str(cell["id"]): text(cell) for cell in code(CAPSTONE)}
    assert sources["start"] == "from kvmbench import check, guest, look, outside, picture, specification"
    assert sources["specification-table"] == "specification()"
    assert {source for name, source in sources.items() if name.startswith("do-")} == {"# yours"}
    assert not re.search(r"\b(solve|catch_up|commands|hint)\(", "\n".join(sources.values()))
    graded = [cell for cell in code(CAPSTONE) if cell["metadata"].get("nbgrader", {}).get("grade")]
    assert [cell["id"] for cell in graded] == list(sources)[-1:] == ["check-1"]
    assert re.findall(r'"([a-z]+)"', text(graded[0])) == list(specification.STEPS)
    points = [check.points for slug in specification.STEPS for check in course.step(slug).checks]
    assert graded[0]["metadata"]["nbgrader"]["points"] == sum(points)


def test_the_script_that_a_student_writes_is_the_reference_so_that_the_next_notebook_leaves_it_alone() -> (
    None
):
    written = [text(cell) for cell in code(DIRECTORY / "07-guests.ipynb") if "%%writefile" in text(cell)]
    assert written == [f"%%writefile /etc/qemu-ifup\n{ifup.text('br-int')}".rstrip()]
