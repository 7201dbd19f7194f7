"""Three graded exercises are the tutorial's own text: who types its lines, and no others, has all points."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kvmbench.bench import places
from tests.grade.classes import Class

pytestmark = [pytest.mark.bench, pytest.mark.guest]

OUTER = "172.16.0.67"
TYPED = {
    "04-veth": (
        "ip link add vethm.1 type veth peer name vethm.2",
        "ifconfig vethm.1 up",
        "ifconfig vethm.2 up",
    ),
    "06-bridge": ("brctl addbr br-int", "ifconfig br-int up", "brctl show"),
    "10-dnat": (
        f"iptables -t nat -A PREROUTING -d {OUTER} -p tcp --dport 22922 -j DNAT --to-destination 10.1.1.1:22",
        "iptables -t nat -vnL",
    ),
}
KEPT = ("start", "start-here", "check")


def worked_through(name: str, *lines: str) -> str:
    """The notebook as it was given out; of its other cells one has these lines, and all others are empty."""
    directory = places.notebooks_directory()
    assert directory is not None
    notebook: dict[str, Any] = json.loads((directory / f"{name}.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    free = [cell for cell in cells if not cell["id"].startswith(KEPT)]
    for cell in free:
        cell["source"] = ""
    free[0]["source"] = "\n".join(f"!{line}" for line in lines)
    return json.dumps(notebook)


def test_who_types_the_tutorials_lines_has_all_the_points(tmp_path: Path) -> None:
    room = Class(tmp_path)
    room.course.write_text(f"only = {json.dumps(list(TYPED))}\n[limits]\ncell_s = 200\nnotebook_s = 300\n")
    for student, typed in (("types", True), ("watches", False)):
        (room.submissions / student).mkdir(parents=True)
        for name, lines in TYPED.items():
            text = worked_through(name, *(lines if typed else ()))
            (room.submissions / student / f"{name}.ipynb").write_text(text)
    graded = room.kvmbench("grade", "--jobs", "2", timeout_s=900)
    rows = room.rows()
    page = (room.results / "feedback" / "types.html").read_text()
    assert rows["types"]["points"] == rows["types"]["of"] != "0", graded.out + page
    assert (rows["watches"]["points"], rows["watches"]["for a person"]) == ("0", "0"), graded.out
