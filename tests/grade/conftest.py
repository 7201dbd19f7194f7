"""A strict bench, as the grader makes one for each notebook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmbench.bench import lifecycle
from kvmbench.bench.lifecycle import Bench
from kvmbench.bench.stock import Stock
from kvmbench.bench.strict import Strict

STRICT = Strict(disk_mib=64, processes=100)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("KVMBENCH_HOME", str(tmp_path / "kb"))
    made = lifecycle.ensure("still", Stock(), workdir=Path("/root"), strict=STRICT)
    try:
        yield made
    finally:
        made.let_go()
        lifecycle.destroy("still")
