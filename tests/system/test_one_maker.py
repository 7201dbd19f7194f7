"""Who makes what takes long: one at a time, and what a killed one left is swept away."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from kvmbench.errors import ImageBuildFailed
from kvmbench.system.one_maker import SCRATCH, one_maker

WAIT_S = 20


def test_a_second_maker_says_that_it_waits_and_comes_after_the_first(tmp_path: Path) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def report(line: str) -> None:
        order.append(line)
        waiting.set()

    def second() -> None:
        with one_maker(tmp_path, "cake", ImageBuildFailed, report):
            order.append("second")

    with one_maker(tmp_path, "cake", ImageBuildFailed):
        other = threading.Thread(target=second)
        other.start()
        assert waiting.wait(WAIT_S)
        order.append("first")
    other.join(WAIT_S)
    assert order == ["another kvmbench makes the cake: waiting for it", "first", "second"]


def test_what_was_left_half_made_is_gone_and_the_rest_stays(tmp_path: Path) -> None:
    left, kept = tmp_path / f"{SCRATCH}x", tmp_path / "cake"
    for each in (left, kept):
        each.mkdir()
    with one_maker(tmp_path, "cake", ImageBuildFailed):
        assert not left.exists()
        assert kept.exists()


def test_a_place_that_cannot_be_written_is_told_in_two_lines(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImageBuildFailed) as raised, one_maker(tmp_path / "file", "cake", ImageBuildFailed):
        pass
    assert str(raised.value).splitlines() == [
        f"no cake can be kept in {tmp_path / 'file'}: File exists",
        "Make that directory writable for you, or name another cache in XDG_CACHE_HOME.",
    ]
