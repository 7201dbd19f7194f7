"""A JupyterHub with two students at once, each with two guests: limits, walls, and what stopping ends."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from kvmbench.errors import BadInput, BenchError
from kvmbench.hub import configure
from kvmbench.hub.student import lay_out
from kvmbench.system.limits import CGROUPS, Limits
from tests.hub.classroom import WORK, Classroom, classroom

pytestmark = [pytest.mark.bench, pytest.mark.guest, pytest.mark.timeout(900)]

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="a hub starts servers for the system's users")


@pytest.fixture(scope="module")
def room() -> Iterator[Classroom]:
    home = Path(f"/tmp/kvmbench-class-{os.getpid()}")
    try:
        with classroom(2, home, idle_s=3600, memory_mib=1536) as made:
            yield made
    finally:
        shutil.rmtree(home, ignore_errors=True)


@only_root
def test_students_work_side_by_side_and_what_they_had_ends_with_their_server(room: Classroom) -> None:
    asyncio.run(_a_class(room))


async def _a_class(room: Classroom) -> None:
    anna, ben = room.students
    await asyncio.gather(*(room.start_server(each) for each in room.students))
    for said, _ in await asyncio.gather(*(room.run(each, WORK) for each in room.students)):
        assert "guests ['c1', 'c2'] 2" in said, said

    # Each sees a machine of their own: no process, file or bench of the other.
    said, _ = await room.run(
        anna, f"!ps ax | grep -c [q]emu-system; ls /home {room.log.parent / ben} 2>&1 | wc -l"
    )
    assert said.split() == ["2", "0"] or "No such file" in said or said.split()[0] == "2", said
    said, _ = await room.run(anna, f"!ls {room.log.parent / ben}")
    assert "No such file or directory" in said or "Permission denied" in said
    with pytest.raises(HTTPClientError):
        await room.ask("GET", f"/user/{ben}/api/kernels/{room.kernels[anna]}")

    # What one of them asks for beyond the limit is refused to that one alone.
    said, _ = await room.run(anna, "x = bytearray(b'x' * (1600 << 20))\nprint('had it')", timeout_s=60)
    assert "had it" not in said
    said, _ = await room.run(ben, "print('still here')")
    assert said.strip() == "still here"

    # Stopping ends the benches and their guests, and keeps the files.
    await room.run(ben, "!echo mine > /root/note")
    await room.stop_server(ben)
    assert room.processes(ben) == []
    assert not list(CGROUPS.glob(f"*/kvmbench/student-{ben}"))
    await room.start_server(ben)
    said, _ = await room.run(ben, "!cat /root/note; ip link show br-int")
    assert "mine" in said
    assert "does not exist" in said


@only_root
def test_a_server_that_nobody_uses_is_stopped_and_its_bench_with_it() -> None:
    home = Path(f"/tmp/kvmbench-class-idle-{os.getpid()}")
    try:
        with classroom(1, home, idle_s=5) as made:
            asyncio.run(_an_idle_student(made))
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def _an_idle_student(room: Classroom) -> None:
    (anna,) = room.students
    await room.start_server(anna)
    said, _ = await room.run(anna, "!ip link add br-int type bridge && echo made")
    assert "made" in said
    deadline = asyncio.get_running_loop().time() + 60
    while room.processes(anna):
        assert asyncio.get_running_loop().time() < deadline, room.log.read_text()
        await asyncio.sleep(0.3)


class Said(dict[str, Any]):
    """A configuration object as in jupyterhub_config.py: a section is there when it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            self[name] = Said()
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


def test_a_limit_that_nothing_could_run_under_is_refused() -> None:
    with pytest.raises(BadInput, match="200 MiB are too little"):
        configure(Said(), student=Limits(memory_mib=200))


def test_without_an_image_for_everyone_it_says_how_to_build_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KVMBENCH_SHARED", str(tmp_path / "nothing"))
    with pytest.raises(BenchError, match="kvmbench image build --everyone"):
        configure(Said())


def test_what_a_student_has_changed_is_never_written_over(tmp_path: Path) -> None:
    source, home = tmp_path / "notebooks", tmp_path / "anna"
    (source / "pictures").mkdir(parents=True)
    (source / "00-welcome.ipynb").write_text("new")
    (source / "pictures" / "tutorial.svg").write_text("<svg/>")
    (source / "01-host.ipynb").write_text("one")
    home.mkdir()
    mine = lay_out(source, home)
    (mine / "00-welcome.ipynb").write_text("what anna wrote")
    (mine / "01-host.ipynb").unlink()
    assert lay_out(source, home) == mine
    assert (mine / "00-welcome.ipynb").read_text() == "what anna wrote"
    assert (mine / "01-host.ipynb").read_text() == "one"
    assert (mine / "pictures" / "tutorial.svg").read_text() == "<svg/>"
