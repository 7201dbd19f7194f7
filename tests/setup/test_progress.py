"""Commands whose output goes to a log while the screen shows that they live."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest

from kvmbench.setup.progress import LoggedRun, Progress, Ran
from tests.setup.fakes import Told


def test_a_line_carries_the_seconds_since_the_start() -> None:
    to = io.StringIO()
    Progress(to)("environment: ready")
    assert re.fullmatch(r"\[   0\.\d s\] environment: ready\n", to.getvalue())


def test_what_a_command_prints_comes_back_and_stands_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "new" / "log"
    run = LoggedRun(log, Told())
    assert run(["sh", "-c", "echo out; echo err >&2; exit 3"]) == Ran(3, "out\nerr\n")
    run(["echo", "second"])
    assert log.read_text() == "\n$ sh -c echo out; echo err >&2; exit 3\nout\nerr\n\n$ echo second\nsecond\n"


def test_a_program_that_is_missing_is_code_127(tmp_path: Path) -> None:
    run = LoggedRun(tmp_path / "log", Told())
    assert run(["/no/such/program"]) == Ran(127, "/no/such/program: No such file or directory")


def test_a_silent_command_shows_that_it_lives(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def let_it_end(line: str) -> None:
        with fifo.open("w") as end:
            end.write("now\n")

    tell = Told(when=let_it_end)
    run = LoggedRun(tmp_path / "log", tell, heartbeat_s=0.05)
    assert run(["sh", "-c", f"echo Collecting rich; cat {fifo}"]).said == "Collecting rich\nnow\n"
    assert tell.lines[0] in ("  … Collecting rich", "  … still at it")


def test_an_interrupt_ends_the_command_too(tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    run = LoggedRun(tmp_path / "log", Told(when=interrupt), heartbeat_s=0.05)
    with pytest.raises(KeyboardInterrupt):
        run(["sh", "-c", f"echo $$ > {tmp_path}/pid; mkfifo {tmp_path}/never; exec cat {tmp_path}/never"])
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_bytes_that_are_no_text_do_not_hurt(tmp_path: Path) -> None:
    assert LoggedRun(tmp_path / "log", Told())(["printf", r"a\377b"]).said == "a\ufffdb"


def test_the_last_lines_are_those_that_say_something() -> None:
    assert Ran(1, "a\nb\n\n c\n\n").last_lines(2) == "    b\n     c"
