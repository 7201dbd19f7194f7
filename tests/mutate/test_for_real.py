"""Recorded mutants are what the kernel really shows when the same thing is broken by commands."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmbench.system import run

pytestmark = pytest.mark.bench

PROGRAM = Path(__file__).with_name("broken_for_real.py")
NAME = "broken"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    home = tmp_path_factory.mktemp("mutate")
    environment = {**os.environ, "KVMBENCH_HOME": str(home)}

    def kvmbench(*words: str) -> str:
        argv = [sys.executable, "-m", "kvmbench.cli", *words]
        return run(argv, timeout_s=300, cwd=PROGRAM.parents[2], env=environment).checked().out

    kvmbench("bench", "reset", NAME)
    try:
        yield json.loads(kvmbench("exec", "--bench", NAME, "--", sys.executable, str(PROGRAM)))
    finally:
        kvmbench("bench", "destroy", NAME)


def test_the_kernel_says_of_each_mistake_what_its_mutant_says(answers: dict[str, Any]) -> None:
    pairs = {(name, check): pair for name, found in answers.items() for check, pair in found.items()}
    different = {each: pair for each, pair in pairs.items() if pair[0] != pair[1]}
    assert different == {}
    assert len(answers) > 20


def test_each_mistake_is_noticed_by_a_check_and_none_by_all(answers: dict[str, Any]) -> None:
    for name, found in answers.items():
        passed = [check for check, (real, _) in found.items() if real[0] == "passed"]
        assert passed, name
        assert (len(passed) == len(found)) == (name == "solved"), name
