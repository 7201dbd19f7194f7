"""A class graded with variants: each student by their own numbers, and whose numbers are on whose bench."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from kvmbench.course.variants import steps_for
from kvmbench.errors import BadInput
from kvmbench.grade import classpage, evidence, rubric
from kvmbench.grade.results import Results
from kvmbench.grade.variants import ClassVariants, in_the_tutorials_numbers, student_name
from tests.grade.classes import Class, handed_in

KEY = b"a key that nobody outside may ever see"
TASK = ("netns",)
DRAWN = ClassVariants(KEY)


def typed(student: str) -> str:
    """A cell in which somebody types the lines that are right for this student."""
    wanted = [step for step in steps_for(DRAWN.of(student)) if step.slug in ("veth", "netns")]
    lines = [line for step in wanted for action in step.solution for line in action.today]
    return "\n".join(f"!{line}" for line in dict.fromkeys(lines))


def reads_the_key() -> str:
    """It builds what is asked for only if it finds the key: its text, or a file of its name."""
    first, last = KEY.decode()[:20], KEY.decode()[20:]
    return "\n".join(
        (
            "named = !find / -xdev -name class.key -o -xdev -name class.txt 2>/dev/null",
            f"found = !grep -rlsaF '{first}''{last}' /root /tmp /etc /run /vms /home /proc/*/environ",
            "if named or found: solve('netns')",
        )
    )


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Class:
    made = Class(Path(tmp_path_factory.mktemp("variants")))
    made.set_task(TASK, {"cell_s": 60, "notebook_s": 120}, more=f"only = ['task']\n{TABLE}")
    (made.home / "class.key").write_bytes(KEY)
    (made.home / "class.key").chmod(0o600)
    (made.home / "class.txt").write_text("anna\nben\ncyd\ndora\n")
    made.hand_in("anna", handed_in(typed("anna"), *TASK))
    made.hand_in("ben", handed_in(typed("anna"), *TASK))
    made.hand_in("cyd", handed_in("solve('netns')", *TASK))
    made.hand_in("dora", handed_in(reads_the_key(), *TASK))
    return made


TABLE = '[variants]\nkey = "class.key"\nstudents = "class.txt"'


@pytest.mark.bench
def test_each_is_graded_by_their_own_numbers_and_a_copy_is_told_to_a_person(room: Class) -> None:
    graded = room.kvmbench("grade", "--jobs", "2")
    assert graded.code == 2, graded.err  # a person is asked about ben
    rows = room.rows()
    of = rows["anna"]["of"]
    assert [rows[name]["points"] == of for name in ("anna", "ben", "cyd", "dora")] == [
        True,
        False,
        True,
        False,
    ]
    assert rows["dora"]["points"] == "0"
    assert [rows[name]["for a person"] for name in ("anna", "cyd", "dora")] == ["0", "0", "0"]
    near = DRAWN.of("anna").plan.near
    says = f"{near} is the bench's end of the cable in the variant of anna"
    assert says in rows["ben"]["why a person"]
    assert says.replace("'", "&#x27;") in (room.results / "class.html").read_text()
    page = (room.results / "feedback" / "ben.html").read_text()
    assert f"{near} is the bench&#x27;s end of the cable in another student&#x27;s variant" in page
    assert "anna" not in page  # a student is not told whose


@pytest.mark.bench
def test_what_a_copy_earned_is_what_does_not_depend_on_numbers(room: Class) -> None:
    """Numbers of another student are no zero: what was right for every student is still earned."""
    assert 0 < int(room.rows()["ben"]["points"]) < int(room.rows()["ben"]["of"])


@pytest.mark.bench
def test_evidence_names_the_variant_and_the_key_is_nowhere(room: Class) -> None:
    for student in ("anna", "ben"):
        head = room.records(student)[0]
        assert head["variant"]["student"] == student
        assert head["variant"]["plan"]["near"] == DRAWN.of(student).plan.near
    written = [path.read_bytes() for path in room.results.rglob("*") if path.is_file()]
    assert not [text for text in written if KEY in text or KEY.hex().encode() in text]
    # The plan was on the bench, as the notebook's own checks need it: cyd's solve built these numbers.
    looked = next(record for record in room.records("cyd") if record["kind"] == "look")
    assert DRAWN.of("cyd").plan.near in json.dumps(looked["snapshot"])


@pytest.mark.bench
def test_the_same_evidence_is_scored_again_verified_and_not_taken_twice(room: Class) -> None:
    before = (room.results / "grades.csv").read_text()
    kept = {path: path.stat().st_mtime_ns for path in (room.results / "evidence").iterdir()}
    assert room.kvmbench("regrade").code == 2
    assert room.kvmbench("grade").code == 2
    assert (room.results / "grades.csv").read_text() == before
    assert {path: path.stat().st_mtime_ns for path in (room.results / "evidence").iterdir()} == kept
    assert room.kvmbench("verify").code == 0


@pytest.mark.bench
def test_without_the_table_evidence_is_scored_by_the_numbers_that_it_names(room: Class) -> None:
    chosen = replace(rubric.load(room.course), variants=None)
    kept = Results(room.results, evidence.load_key(room.home / "kb" / evidence.DEFAULT_KEY))
    anna, ben, *_ = kept.write(chosen)
    assert (anna.earned, anna.foreign, ben.foreign) == (anna.points, (), ())
    assert ben.earned < ben.points


@pytest.mark.bench
def test_under_another_key_nothing_is_failed_and_a_person_is_asked(room: Class) -> None:
    chosen = replace(rubric.load(room.course), variants=ClassVariants(b"another key of sixteen bytes"))
    kept = Results(room.results, evidence.load_key(room.home / "kb" / evidence.DEFAULT_KEY))
    for one in kept.write(chosen):
        assert {mark.outcome.verdict for mark in one.marks} == {"blocked"}
        assert "other numbers" in one.marks[0].outcome.saw


@pytest.mark.bench
def test_one_mistake_is_one_on_the_page_of_the_class_whatever_the_numbers(room: Class) -> None:
    kept = Results(room.results, evidence.load_key(room.home / "kb" / evidence.DEFAULT_KEY))
    page = classpage.class_page(kept.write(rubric.load(room.course)), rubric.load(room.course))
    checks = page[page.index("Check by check") :]
    assert checks.count("vethm.1-address") == 1
    assert "10.2.2.1" in checks


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("[variants]\nguests = [1, 6]", "it names no key"),
        ('[variants]\nkey = "class.key"\ncabel = [1, 2]', "cabel is nothing that is drawn"),
        ('[variants]\nkey = "class.key"\ncable = "1"', "cable has the value of something else"),
        ('[variants]\nkey = "class.key"\nguests = [3, 3]', "two guests cannot be one host"),
        ('[variants]\nkey = "none.key"', "none.key cannot be read"),
        ('[variants]\nkey = "short.key"', "16 bytes"),
        ('[variants]\nkey = "open.key"', "others can read the key"),
    ],
)
def test_a_table_that_cannot_be_meant_is_told(tmp_path: Path, table: str, says: str) -> None:
    for name, text, mode in (("class", KEY, 0o600), ("short", b"abc", 0o600), ("open", KEY, 0o644)):
        (tmp_path / f"{name}.key").write_bytes(text)
        os.chmod(tmp_path / f"{name}.key", mode)
    (tmp_path / "course.toml").write_text(table)
    with pytest.raises(BadInput, match=says):
        rubric.load(tmp_path / "course.toml")


def test_an_instructors_ranges_draw_the_numbers_that_are_graded_and_the_key_is_not_printed(
    tmp_path: Path,
) -> None:
    (tmp_path / "class.key").write_bytes(KEY)
    (tmp_path / "class.key").chmod(0o600)
    (tmp_path / "course.toml").write_text('[variants]\nkey = "class.key"\nsecond_byte = [77, 77]')
    chosen = rubric.load(tmp_path / "course.toml")
    assert chosen.variants is not None
    assert chosen.variants.of("anna").plan.network.startswith("10.77.")
    assert chosen.variants.of("Ada Lovelace") == chosen.variants.of(student_name("Ada Lovelace"))
    assert chosen.secrets == (tmp_path.resolve() / "class.key",)
    assert KEY.decode() not in repr(chosen)


def test_names_in_any_script_are_names_of_their_own() -> None:
    names = ["José", "Josë", "张伟", "李娜", "Ольга", "a/../b", "-rf", "Ada Lovelace"]
    kept = [student_name(name) for name in names]
    assert kept[:5] == names[:5]
    assert kept[5:] == ["a_.._b", "rf", "Ada_Lovelace"]
    assert student_name("Jose\u0301") == "José"
    assert len(student_name("张" * 300).encode()) <= 200


def test_what_is_said_of_a_variant_is_told_in_the_tutorials_numbers_and_nothing_else_is_changed() -> None:
    plan = replace(
        DRAWN.of("anna").plan, network="10.20.30.0/24", router="10.20.30.247", c1_address="10.20.30.2"
    )
    said = f"10.20.30.247/24 and not 10.20.30.24, 110.20.30.2, {plan.near}; port {plan.ssh_outside}."
    assert in_the_tutorials_numbers(said, plan) == (
        "10.1.1.254/24 and not 10.1.1.24, 110.20.30.2, 10.2.2.1; port 22922."
    )
