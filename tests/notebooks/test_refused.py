"""A file system that knows no O_DIRECT: the cache modes that need it are named, and the others measured."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from kvmbench.start import passing_bench

IMAGE = Path(__file__).resolve().parents[2] / "notebooks" / "03-image.ipynb"
WITHOUT_O_DIRECT = "!mkdir -p /vms/centos && mount -t ramfs none /vms/centos"

pytestmark = [pytest.mark.bench, pytest.mark.guest]


def test_a_cache_mode_that_the_file_system_refuses_is_named_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(IMAGE.read_text())["cells"]}
    wanted = ["start", "start-here", "do-4", "do-4b", "look-4"]
    sources = [cells[name] for name in wanted]
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(each) for each in (*sources[:2], WITHOUT_O_DIRECT, *sources[2:])
    ]
    monkeypatch.setenv("KVMBENCH_BENCH", "without-o-direct")
    with passing_bench("without-o-direct", tmp_path):
        NotebookClient(notebook, kernel_name="kvmbench", timeout=200).execute()
    started, measured = ("".join(o.get("text", "") for o in c.outputs) for c in notebook.cells[3:5])
    refused = [line for line in started.splitlines() if "does not support O_DIRECT" in line]
    assert ["cache-none.img" in line for line in refused] == [True, False]
    assert "cache-directsync.img" in refused[1]
    assert "{'vdb': 'writeback', 'vdc': 'writethrough', 'vdd': 'unsafe'}" in measured
    drawn = notebook.cells[-1].outputs[-1]["data"]
    assert "200 writes, each with a flush; compared with writeback:" in drawn["text/plain"]
    assert "none:" not in drawn["text/plain"]
    assert "<svg" in drawn["text/html"]
