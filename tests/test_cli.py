"""What somebody reads who mistypes a command line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kvmbench.system import Completed, run


def typed(home: Path, *words: str) -> Completed:
    return run(
        [sys.executable, "-m", "kvmbench.cli", *words],
        timeout_s=60,
        env={"KVMBENCH_HOME": str(home), "PATH": ""},
    )


@pytest.mark.parametrize(
    ("line", "what", "hint"),
    [
        ("nosuch", "No such command 'nosuch'.", "kvmbench --help"),
        ("bench frob", "Invalid value for 'verb': 'frob' is not one of", "kvmbench bench --help"),
        ("bench", "Missing argument 'verb'. Choose from: create, list", "kvmbench bench --help"),
        ("draw", "Missing option '-o' / '--output'.", "kvmbench draw --help"),
        ("look --bench", "Option '--bench' requires an argument.", "kvmbench --help"),
        ("exec --guest c1 --outside -- ls", "--outside and --guest are two places", "Name one of them."),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused_in_two_lines(
    tmp_path: Path, line: str, what: str, hint: str
) -> None:
    ended = typed(tmp_path, *line.split())
    first, second = ended.err.splitlines()
    assert first.startswith(what)
    assert second.endswith(hint)
    assert (ended.code, ended.out) == (2, "")


@pytest.mark.parametrize("line", ["bench destroy labb", "check --bench labb", "shell -b labb"])
def test_a_misspelt_bench_is_told_and_not_made(tmp_path: Path, line: str) -> None:
    ended = typed(tmp_path, *line.split())
    first, second = ended.err.splitlines()
    assert (first, ended.code) == ("there is no bench 'labb'", 1)
    assert "kvmbench bench" in second
    assert not (tmp_path / "benches" / "labb").exists()


def test_the_program_alone_says_what_it_can(tmp_path: Path) -> None:
    ended = typed(tmp_path)
    assert ended.ok
    assert ended.out.startswith("Usage: kvmbench [OPTIONS] COMMAND")
