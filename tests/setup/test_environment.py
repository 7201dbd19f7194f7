"""The virtual environment: made whole, known when it is not, and never thrown away without need."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kvmbench.setup import environment
from kvmbench.setup.environment import Environment, State, install, make, read_stamp, remove, state_of
from kvmbench.setup.progress import LoggedRun, Ran
from kvmbench.setup.trouble import SetupFailed
from tests.setup.fakes import PYTHON, VERSION, FakeRun, Told, make_clone

UID = 1000


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return make_clone(tmp_path / "clone")


@pytest.fixture
def made(clone: Path) -> Environment:
    """A whole environment without extras."""
    found = Environment(clone / ".venv")
    run, tell = FakeRun(), Told()
    make(found, PYTHON, run=run, tell=tell)
    install(found, clone, (), run=run, tell=tell, log=clone / "log")
    return found


def packages(made: Environment) -> Path:
    return made.root / "lib" / f"python{VERSION}" / "site-packages"


def test_what_was_made_and_installed_is_current(made: Environment, clone: Path) -> None:
    assert state_of(made, clone, (), uid=UID) is State.CURRENT
    assert environment.runs(made, clone)


def test_nothing_at_all_is_to_be_made(clone: Path) -> None:
    assert state_of(Environment(clone / ".venv"), clone, (), uid=UID) is State.BROKEN


def test_an_environment_that_was_made_and_not_filled_is_to_be_made_anew(clone: Path) -> None:
    found = Environment(clone / ".venv")
    make(found, PYTHON, run=FakeRun(), tell=Told())
    assert state_of(found, clone, (), uid=UID) is State.BROKEN
    assert not environment.runs(found, clone)


@pytest.mark.parametrize(
    "name",
    [
        "pyproject.toml",
        "kvmbench/bench/kernelspec/kernel.json",
        "kvmbench/widgets/frontend/package-lock.json",
        "kvmbench/widgets/frontend/src/new.ts",
    ],
)
def test_a_changed_input_is_installed_without_making_anew(made: Environment, clone: Path, name: str) -> None:
    (clone / name).parent.mkdir(parents=True, exist_ok=True)
    (clone / name).write_text("{}")
    assert state_of(made, clone, (), uid=UID) is State.STALE


def test_an_extra_that_is_missing_is_installed_and_those_that_are_there_stay(
    made: Environment, clone: Path
) -> None:
    assert state_of(made, clone, ("test",), uid=UID) is State.STALE
    run = FakeRun()
    install(made, clone, ("test",), run=run, tell=Told(), log=clone / "log")
    assert run.ran[0].endswith(f"--editable {clone}[test]")
    assert state_of(made, clone, ("test",), uid=UID) is State.CURRENT
    assert state_of(made, clone, (), uid=UID) is State.CURRENT
    run = FakeRun()
    install(made, clone, (), run=run, tell=Told(), log=clone / "log")
    assert run.ran[0].endswith(f"--editable {clone}[test]")


@pytest.mark.parametrize("name", ["rich.py", "kvmbench-0.1.0.dist-info/RECORD", "kvmbench.py"])
def test_a_file_that_is_gone_is_noticed(made: Environment, clone: Path, name: str) -> None:
    (packages(made) / name).unlink()
    assert state_of(made, clone, (), uid=UID) is State.BROKEN


def test_a_file_that_a_power_cut_left_empty_is_noticed_and_one_that_is_meant_so_is_not(
    made: Environment, clone: Path
) -> None:
    assert (packages(made) / "typed").stat().st_size == 0
    (packages(made) / "rich.py").write_text("")
    assert environment.first_gap(made, PYTHON.version) == "rich.py"


def test_compiled_files_may_come_and_go(made: Environment) -> None:
    assert not (packages(made) / "__pycache__").exists()
    assert environment.first_gap(made, PYTHON.version) is None


def test_a_python_that_the_system_replaced_makes_it_anew(
    made: Environment, clone: Path, tmp_path: Path
) -> None:
    other = tmp_path / "python3.99"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    made.python.unlink()
    made.python.symlink_to(other)
    assert state_of(made, clone, (), uid=UID) is State.BROKEN


def test_a_python_that_is_gone_makes_it_anew(made: Environment, clone: Path, tmp_path: Path) -> None:
    made.python.unlink()
    made.python.symlink_to(tmp_path / "nothing")
    assert state_of(made, clone, (), uid=UID) is State.BROKEN
    assert not environment.runs(made, clone)


def test_a_clone_that_was_moved_needs_another_environment(made: Environment, clone: Path) -> None:
    moved = clone.rename(clone.with_name("moved"))
    assert state_of(Environment(moved / ".venv"), moved, (), uid=UID) is State.BROKEN


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"clone": 1, "inputs": 2, "extras": 3}'])
def test_a_stamp_that_was_not_written_to_its_end_counts_for_nothing(
    made: Environment, clone: Path, text: str
) -> None:
    (made.root / environment.STAMP).write_text(text)
    assert read_stamp(made) is None
    assert state_of(made, clone, (), uid=UID) is State.BROKEN


def test_for_root_a_python_that_only_root_can_read_does_not_do(
    made: Environment, clone: Path, tmp_path: Path
) -> None:
    private = tmp_path / "private" / "bin"
    private.mkdir(parents=True)
    hidden = private / f"python{VERSION}"
    hidden.write_text("#!/bin/sh\n")
    hidden.chmod(0o755)
    made.python.unlink()
    made.python.symlink_to(hidden)
    stamp = json.loads((made.root / environment.STAMP).read_text())
    (made.root / environment.STAMP).write_text(json.dumps({**stamp, "interpreter": str(hidden)}))
    assert state_of(made, clone, (), uid=UID) is State.CURRENT
    private.chmod(0o700)
    assert state_of(made, clone, (), uid=0) is State.BROKEN


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("ERROR: [Errno 28] No space left on device\n", "Free a gigabyte"),
        (
            "WARNING: Retrying: NewConnectionError('[Errno 101] Network is unreachable')\nERROR: No rich\n",
            "There is no way to the package server",
        ),
        (
            "WARNING: x: [Errno -3] Temporary failure in name resolution\nERROR: No matching\n",
            "There is no network",
        ),
        (
            "BundlingFailed: the page's programs could not be bundled\nERROR: Failed to build\n",
            "The npm registry is out of reach",
        ),
        ("ERROR: something new\n", "Read /tmp/log"),
    ],
)
def test_a_pip_that_fails_is_two_lines_and_what_was_there_goes_on_working(
    made: Environment, clone: Path, said: str, hint: str
) -> None:
    tell = Told()
    with pytest.raises(SetupFailed) as caught:
        install(
            made, clone, (), run=FakeRun({"pip install": [Ran(1, said)]}), tell=tell, log=Path("/tmp/log")
        )
    assert str(caught.value).splitlines()[0] == "pip could not install kvmbench (log: /tmp/log)"
    assert caught.value.hint.startswith(hint)
    assert len(str(caught.value).splitlines()) == 2
    assert said.splitlines()[-1][:60] in str(tell)
    assert environment.runs(made, clone)
    assert state_of(made, clone, (), uid=UID) is State.STALE


def test_a_disk_without_room_is_told_before_anything_is_made(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "SIZE_MIB", 10**9)
    run = FakeRun()
    with pytest.raises(SetupFailed, match=r"MiB are free and 1000000000 are wanted") as caught:
        make(Environment(clone / ".venv"), PYTHON, run=run, tell=Told())
    assert caught.value.hint.startswith("Free a gigabyte")
    assert run.ran == []


def test_a_python_that_cannot_make_one_is_two_lines(clone: Path) -> None:
    tell = Told()
    failing = FakeRun({"-m venv": [Ran(1, "Error: ensurepip is not available\n")]})
    with pytest.raises(SetupFailed) as caught:
        make(Environment(clone / ".venv"), PYTHON, run=failing, tell=tell)
    assert len(str(caught.value).splitlines()) == 2
    assert "ensurepip is not available" in str(tell)


def test_where_the_environment_is_a_link_only_the_link_goes(made: Environment, clone: Path) -> None:
    link = Environment(clone / "link")
    link.root.symlink_to(made.root)
    remove(link)
    assert not link.root.is_symlink()
    assert made.python.exists()


def test_a_file_in_its_place_goes(clone: Path) -> None:
    (clone / ".venv").write_text("")
    make(Environment(clone / ".venv"), PYTHON, run=FakeRun(), tell=Told())
    assert (clone / ".venv").is_dir()


def test_variables_that_lead_pip_astray_are_dropped() -> None:
    given = {
        "PIP_TARGET": "/x",
        "PYTHONPATH": "/y",
        "PIP_USER": "1",
        "PIP_INDEX_URL": "https://x",
        "HOME": "/h",
    }
    assert environment.clean_environ(given) == {"PIP_INDEX_URL": "https://x", "HOME": "/h"}


def test_a_real_python_makes_a_real_environment_in_place_of_garbage(clone: Path, tmp_path: Path) -> None:
    found = Environment(clone / ".venv")
    (found.root / "bin").mkdir(parents=True)
    (found.root / "bin" / "python").write_text("garbage")
    tell = Told()
    make(found, PYTHON, run=LoggedRun(tmp_path / "log", tell), tell=tell)
    assert found.python.resolve() == PYTHON.path
    assert (packages(found) / "pip").is_dir()
