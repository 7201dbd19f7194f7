"""Control groups: the kernel's own where root runs the tests, and the other version's files on paper."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmbench.errors import BadInput, BenchError
from kvmbench.system.limits import CGROUPS, Group, Limits, group

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only the machine's root makes control groups")


@pytest.fixture
def own() -> Iterator[Group]:
    made = group(f"test-{os.getpid()}", Limits(memory_mib=64, cpus=0.5, processes=8))
    try:
        yield made
    finally:
        made.remove()


def inside(of: Group, program: str) -> subprocess.Popen[str]:
    """A Python that runs in the group."""
    return subprocess.Popen(
        [sys.executable, "-c", program],
        preexec_fn=of.join,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@needs_root
def test_what_wants_more_memory_than_its_group_has_is_ended(own: Group) -> None:
    modest = inside(own, "print(len(bytearray(8 << 20)))")
    assert modest.communicate(timeout=30)[0].strip() == str(8 << 20)
    greedy = inside(own, "print(len(bytearray(b'x' * (200 << 20))))")
    out, _ = greedy.communicate(timeout=30)
    assert (out, greedy.returncode) == ("", -9)


@needs_root
def test_what_forks_without_end_comes_to_an_end(own: Group) -> None:
    program = """
import os
made = 0
try:
    for made in range(64):
        if os.fork() == 0:
            import time
            time.sleep(1)
            os._exit(0)
except BlockingIOError:
    print("refused after", made)
"""
    forking = inside(own, program)
    assert forking.communicate(timeout=30)[0].strip() == "refused after 7"


@needs_root
def test_what_detaches_itself_is_still_in_its_group_and_ends_with_it(own: Group) -> None:
    program = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(300)"
    assert inside(own, program).wait(30) == 0
    (left,) = own.members()
    assert own.memory_mib() > 0
    own.remove()
    assert own.members() == ()
    assert not Path(f"/proc/{left}").exists() or "Z" in Path(f"/proc/{left}/stat").read_text()
    assert not any(directory.exists() for directory in own.directories)


@needs_root
def test_the_same_group_is_found_again_with_new_limits(own: Group) -> None:
    again = group(f"test-{os.getpid()}", Limits(processes=99))
    assert again == own
    said = [file.read_text().strip() for d in own.directories if (file := d / "pids.max").exists()]
    assert said == ["99"]


def test_on_a_machine_with_one_tree_the_controllers_are_switched_on_from_the_top(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    made = tmp_path / "kvmbench" / "anna"
    made.mkdir(parents=True)
    for name in ("memory.max", "pids.max", "cpu.max", "cgroup.procs"):
        (made / name).touch()
    assert group("anna", Limits(memory_mib=1, cpus=1.5), root=tmp_path) == Group((made,))
    for above in (tmp_path, tmp_path / "kvmbench"):
        assert (above / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"
    found = {name: (made / name).read_text() for name in ("memory.max", "pids.max", "cpu.max")}
    assert found == {"memory.max": "1048576", "pids.max": "max", "cpu.max": "150000 100000"}


def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    for name in ("../x", "a/b", "", ".."):
        with pytest.raises(BadInput):
            group(name, Limits(), root=tmp_path)


def test_where_there_are_no_groups_that_is_told_in_two_lines(tmp_path: Path) -> None:
    with pytest.raises(BenchError) as told:
        group("anna", Limits(), root=tmp_path)
    assert str(told.value).splitlines()[0].startswith(f"no control group could be made in {tmp_path}")


@needs_root
def test_nothing_is_made_outside_of_kvmbenchs_own_group(own: Group) -> None:
    assert all(d.parent.name == "kvmbench" and CGROUPS in d.parents for d in own.directories)
