"""The capstone with a student's own numbers, graded with real guests: handed in untouched, and worked out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kvmbench.bench import places
from kvmbench.course.catalogue import step
from kvmbench.course.plan import TUTORIAL
from kvmbench.course.specification import STEPS, asked
from kvmbench.course.variants import Variant, steps_for
from kvmbench.grade.variants import ClassVariants
from tests.grade.classes import Class

KEY = b"the key of the capstone's class"
DRAWN = ClassVariants(KEY)


def given() -> dict[str, Any]:
    directory = places.notebooks_directory()
    assert directory is not None
    read: dict[str, Any] = json.loads((directory / "15-capstone.ipynb").read_text())
    return read


def worked_out() -> str:
    """Each part done where the notebook leaves room for it."""
    parts = (
        ("host", "image"),
        ("netns", "bridge"),
        ("guests", "consoles"),
        ("forwarding", "dnat"),
        ("dnsmasq",),
    )
    notebook = given()
    for number, part in enumerate(parts, 1):
        (cell,) = [cell for cell in notebook["cells"] if cell["id"] == f"do-{number}"]
        cell["source"] = f"from kvmbench import solve\nsolve(*{part!r})"
    return json.dumps(notebook)


@pytest.mark.bench
@pytest.mark.guest
def test_untouched_it_earns_nothing_and_worked_out_all_of_it(tmp_path: Path) -> None:
    room = Class(tmp_path)
    room.submissions.mkdir()
    (tmp_path / "class.key").write_bytes(KEY)
    (tmp_path / "class.key").chmod(0o600)
    room.course.write_text(
        'only = ["15-capstone"]\n[variants]\nkey = "class.key"\n[limits]\ncell_s = 300\nnotebook_s = 600\n'
    )
    (room.submissions / "ada.ipynb").write_text(worked_out())
    (room.submissions / "ben.ipynb").write_text(json.dumps(given()))
    graded = room.kvmbench("grade", "--jobs", "2", timeout_s=900)
    rows = room.rows()
    page = (room.results / "feedback" / "ada.html").read_text()
    assert graded.code == 0, (graded.out, page)
    assert rows["ada"]["points"] == rows["ada"]["of"] == "58", page
    assert rows["ben"]["points"] == "0"
    assert DRAWN.of("ada").plan.router in json.dumps(room.records("ada"))


def test_the_specification_has_every_number_of_the_student_and_none_of_the_tutorials() -> None:
    ada = DRAWN.of("ada")
    text = "\n".join(" ".join(line) for line in asked(ada.plan))
    # c2 leases its address: which one is the server's to say.
    assert [what for what, value in ada.values().items() if value not in text] == ["the MAC address of c3"]
    assert [value for value in Variant("", TUTORIAL).values().values() if f" {value}" in text] == []


def test_what_the_checks_ask_for_stands_in_the_specification() -> None:
    ada = DRAWN.of("ada")
    text = "\n".join(" ".join(line) for line in asked(ada.plan))
    covered = [each for each in steps_for(ada) if each.slug in STEPS]
    assert [each.slug for each in covered] == list(STEPS)
    named = {word for each in covered for check in each.checks for word in check.says.split() if "/" in word}
    assert [word for word in named if word.strip(",") not in text] == []
    assert step("dnsmasq").slug == STEPS[-1]
