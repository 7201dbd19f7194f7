"""The pages that people read: what they say first, and that nobody needs colours or a wide screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kvmbench.grade import classpage, evidence, pages, submissions
from kvmbench.grade.html import prose
from kvmbench.grade.results import Results
from kvmbench.grade.rubric import Rubric
from kvmbench.grade.scoring import Score, score
from kvmbench.grade.task import Limits, Task
from kvmbench.grade.variants import ClassVariants
from tests.grade import test_scoring as written
from tests.grade.classes import handed_in
from tests.grade.test_scoring import DOWN, LOST, NONE, RUBRIC, UP


class Tables(HTMLParser):
    """The cells of a page's tables, with what is said of each."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[tuple[str, dict[str, str | None], str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            tag, attributes, text = self.rows[-1][-1]
            self.rows[-1][-1] = (tag, attributes, text + data)


def late(look: dict[str, Any]) -> list[dict[str, Any]]:
    records = written.evidence(look)
    records[1]["late"] = "a cell took longer than 9 s"
    return records


def a_class() -> Sequence[Score]:
    looks = {"anna": UP, "ben": DOWN, "cyd": DOWN, "张伟": NONE}
    made = [score(name, written.evidence(look), RUBRIC) for name, look in looks.items()]
    return [*made, score("fred", late(NONE), RUBRIC), score("gina", written.evidence(LOST), RUBRIC)]


def every_page() -> list[str]:
    scores = a_class()
    mine = [pages.student_page(one, written.evidence(DOWN), RUBRIC) for one in scores]
    return [classpage.class_page(scores, RUBRIC), *mine]


@pytest.mark.parametrize("page", every_page(), ids=range(len(every_page())))
def test_each_column_and_each_row_of_a_table_has_its_header(page: str) -> None:
    rows = Tables(page).rows
    assert rows
    titles: list[str] = []
    for row in rows:
        if all(attributes.get("scope") == "col" for _, attributes, _ in row):
            titles = [text for _, _, text in row]
            assert all(titles), titles
            continue
        assert [tag for tag, attributes, _ in row if attributes.get("scope") == "row"] == ["th"], row
        # Where a screen is narrow the cells of a row stand below each other, each behind its title.
        assert [attributes["data-title"] for _, attributes, _ in row] == titles


def test_no_verdict_is_told_by_its_colour_alone() -> None:
    told = set()
    for page in every_page()[1:]:
        told |= {row[0][2] for row in Tables(page).rows if row[0][0] == "td"}
    assert told == {"✓ passed", "✗ failed", "? for a person"}


def test_pages_follow_the_readers_light_and_are_printed_on_white() -> None:
    page = every_page()[0]
    assert "color-scheme: light dark" in page
    assert "@media screen and (prefers-color-scheme: dark)" in page
    assert "@media print" in page


def test_a_student_reads_first_what_failed_and_where_to_begin() -> None:
    records = written.evidence(NONE)
    page = pages.student_page(score("张伟", records, RUBRIC), records, RUBRIC)
    head = page[: page.index("<table>")]
    assert "0 of 2 checks passed" in head
    assert "2 checks failed. Begin with the first: <b>there is a bridge br-int</b>." in head
    right = written.evidence(UP)
    assert "failed" not in pages.student_page(score("anna", right, RUBRIC), right, RUBRIC).split("<body>")[1]


def test_a_student_is_told_that_an_open_check_is_no_zero_and_is_not_given_the_instructors_hint() -> None:
    records = late(NONE)
    page = pages.student_page(score("fred", records, RUBRIC), records, RUBRIC)
    assert "2 checks could not be decided by the program" in page
    assert "open: 1" in page
    assert "cell_s" not in page


def test_a_hint_shows_commands_as_commands() -> None:
    assert prose("`ip link` of <x>, `brctl`") == "<code>ip link</code> of &lt;x&gt;, <code>brctl</code>"


def test_the_instructor_sees_at_a_glance_what_most_failed_who_waits_and_who_is_missing() -> None:
    drawn = ClassVariants(b"a key of sixteen bytes", students=("anna", "ben", "ida", "Ada Lovelace"))
    scores = [*a_class(), Score("Ada_Lovelace", (), ())]
    page = classpage.class_page(scores, replace(RUBRIC, variants=drawn))
    glance = page[page.index("At a glance") : page.index("<h2>Points")]
    assert "Failed by most: <b>the bridge br-int is up</b> (3 of 7, <code>bridge/br-int-up</code>)." in glance
    assert [name for name in ("anna", "ben", "fred", "gina") if f"{name}.html" in glance] == ["fred", "gina"]
    assert "Nothing came from 1 student: ida." in glance


def test_whoever_waits_has_one_line_a_reason_with_what_to_do() -> None:
    page = classpage.class_page(a_class(), RUBRIC)
    asked = page[page.index("For a person to decide") : page.index("<h2>Mistakes")]
    rows = [[text for _, _, text in row] for row in Tables(asked).rows[1:]]
    assert [row[:3] for row in rows] == [
        ["fred", "a cell took longer than 9 s", "br-int-exists, br-int-up"],
        ["gina", "the kernel refused", "br-int-exists, br-int-up"],
    ]
    assert "Raise cell_s" in rows[0][3]
    assert "grade this submission once more" in rows[1][3]


def test_with_more_time_only_those_who_had_too_little_are_graded_again(tmp_path: Path) -> None:
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_bytes(b"a key of sixteen bytes")
    key = evidence.load_key(tmp_path / "key")
    kept = Results(tmp_path / "results", key)
    (tmp_path / "results" / "evidence").mkdir(parents=True)
    for student, was_late in (("anna", ""), ("fred", "a cell took longer than 9 s")):
        (tmp_path / f"{student}.ipynb").write_text(handed_in("", "bridge"))
        task = task_of(tmp_path, student, RUBRIC)
        head = task.named() | {"course": task.course, "limits": msgspec.to_builtins(task.limits)}
        run = {"kind": "run", "notebook": "06-bridge", "ended": "", "late": was_late}
        kept.keep(student, [head, run, {"kind": "end"}])
    more = replace(RUBRIC, course=type(RUBRIC.course)(limits=Limits(cell_s=500)))
    assert [kept.is_done(task_of(tmp_path, name, RUBRIC)) for name in ("anna", "fred")] == [True, True]
    assert [kept.is_done(task_of(tmp_path, name, more)) for name in ("anna", "fred")] == [True, False]


def task_of(place: Path, student: str, chosen: Rubric) -> Task:
    return submissions.task(submissions.Submission(student, place / f"{student}.ipynb"), chosen)
