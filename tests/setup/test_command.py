"""`up`, `test` and handing over: with made-up tools, and once with a real python and pip."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer

from kvmbench.setup import command, needs
from kvmbench.setup.apt import Power
from kvmbench.setup.command import Setup, check_up_options, environ_for_tests, prepare, run_tests
from kvmbench.setup.environment import Environment, State, state_of
from kvmbench.setup.places import own_environment, places_of, readable_environments
from kvmbench.setup.progress import Ran
from kvmbench.setup.trouble import SetupFailed, from_os_error
from tests.setup.fakes import BACKEND, PYPROJECT, FakeRun, Told, make_clone

HERE = Path(__file__).resolve().parents[2]
UID = os.geteuid()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return make_clone(tmp_path / "clone")


def setup_of(
    clone: Path, run: FakeRun, *, uid: int = UID, tell: Told | None = None, may_install: bool = False
) -> Setup:
    places = places_of(clone, {"HOME": str(clone.parent / "home")})
    power = Power(() if may_install else None, has_apt=True)
    return Setup(places, uid, tell or Told(), run, lambda: power)


# Which environment -----------------------------------------------------------------------------------------


def test_the_clones_owner_has_the_environment_in_the_clone(clone: Path) -> None:
    places = places_of(clone, {"HOME": "/home/ann"})
    assert own_environment(places, UID) == clone / ".venv"


def test_another_user_has_one_below_the_own_home_and_may_run_the_owners(clone: Path) -> None:
    places = places_of(clone, {"HOME": "/home/ben"})
    assert own_environment(places, UID + 1) == places.in_home
    assert places.in_home.parent == Path("/home/ben/.local/share/kvmbench")
    assert readable_environments(places, UID + 1) == (places.in_home,)
    (clone / ".venv").mkdir()
    assert readable_environments(places, UID + 1) == (places.in_home, clone / ".venv")


def test_the_base_directories_are_those_of_the_xdg_specification(clone: Path) -> None:
    places = places_of(clone, {"HOME": "/h", "XDG_DATA_HOME": "/data", "XDG_STATE_HOME": "relative"})
    assert places.in_home.parent == Path("/data/kvmbench")
    assert places.log.parent == Path("/h/.local/state/kvmbench")


def test_two_clones_of_one_user_do_not_share_an_environment(tmp_path: Path) -> None:
    first, second = (places_of(tmp_path / name, {"HOME": "/h"}) for name in ("a", "b"))
    assert not {first.in_home, first.log, first.lock} & {second.in_home, second.log, second.lock}


# Preparing -------------------------------------------------------------------------------------------------


def test_a_fresh_clone_gets_an_environment_and_the_next_time_nothing_is_run(clone: Path) -> None:
    run, tell = FakeRun(), Told()
    made = prepare(setup_of(clone, run, tell=tell), extras=(), wanted=())
    assert made.root == clone / ".venv"
    assert (run.count("-m venv"), run.count("pip install")) == (1, 1)
    again, told = FakeRun(), Told()
    assert prepare(setup_of(clone, again, tell=told), extras=(), wanted=()) == made
    assert (again.ran, told.lines) == ([], ["set-up: nothing to do"])


def test_an_environment_that_pip_left_half_made_is_made_anew(clone: Path) -> None:
    failing = FakeRun({"pip install": [Ran(1, "Killed\n")]})
    with pytest.raises(SetupFailed):
        prepare(setup_of(clone, failing), extras=(), wanted=())
    assert (clone / ".venv").exists()
    run = FakeRun()
    prepare(setup_of(clone, run), extras=(), wanted=())
    assert (run.count("-m venv"), run.count("pip install")) == (1, 1)


def test_a_changed_pyproject_is_installed_into_the_environment_that_is_there(clone: Path) -> None:
    prepare(setup_of(clone, FakeRun()), extras=(), wanted=())
    (clone / "pyproject.toml").write_text(PYPROJECT + "# changed\n")
    run = FakeRun()
    prepare(setup_of(clone, run), extras=(), wanted=())
    assert (run.count("-m venv"), run.count("pip install")) == (0, 1)


def test_another_user_runs_the_owners_environment_and_changes_nothing(clone: Path) -> None:
    prepare(setup_of(clone, FakeRun()), extras=(), wanted=())
    run = FakeRun()
    found = prepare(setup_of(clone, run, uid=UID + 1), extras=(), wanted=())
    assert (found.root, run.ran) == (clone / ".venv", [])


def test_where_the_owners_environment_is_out_of_date_another_user_makes_an_own_one(clone: Path) -> None:
    owners = prepare(setup_of(clone, FakeRun()), extras=(), wanted=())
    found = prepare(setup_of(clone, FakeRun(), uid=UID + 1), extras=("test",), wanted=())
    assert found.root.parent == clone.parent / "home/.local/share/kvmbench"
    assert state_of(owners, clone, (), uid=UID) is State.CURRENT
    assert state_of(owners, clone, ("test",), uid=UID) is State.STALE


def test_a_second_set_up_waits_for_the_first_and_then_has_nothing_to_do(clone: Path) -> None:
    places = setup_of(clone, FakeRun()).places
    places.lock.parent.mkdir(parents=True)
    with places.lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        def the_first_ends(line: str) -> None:
            if "waiting for it" in line:
                fcntl.flock(held, fcntl.LOCK_UN)
                prepare(setup_of(clone, FakeRun()), extras=(), wanted=())

        run = FakeRun()
        prepare(setup_of(clone, run, tell=Told(when=the_first_ends)), extras=(), wanted=())
    assert run.ran == []


def test_missing_packages_are_installed_before_the_environment_is_made(clone: Path) -> None:
    run = FakeRun()
    wanted = [needs.Need(("no-such-program",), "no-such-package", "")]
    prepare(setup_of(clone, run, may_install=True), extras=(), wanted=wanted)
    order = [line.split()[-1] for line in run.ran if "apt-get" in line and "install" in line]
    assert order == ["no-such-package"]
    assert run.ran.index(next(line for line in run.ran if "-m venv" in line)) > 1


def test_without_the_right_to_install_packages_nothing_is_made_and_the_line_is_told(clone: Path) -> None:
    run = FakeRun()
    wanted = [needs.Need(("no-such-program",), "no-such-package", "")]
    with pytest.raises(SetupFailed) as caught:
        prepare(setup_of(clone, run), extras=(), wanted=wanted)
    assert caught.value.hint.endswith("apt-get install -y --no-install-recommends no-such-package")
    assert run.ran == []


# The options of `up` ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args", [[], ["--no-browser"], ["--port", "8888"], ["--port=8889", "--check", "--no-browser"]]
)
def test_the_options_of_up_are_taken(args: list[str]) -> None:
    check_up_options(args)


@pytest.mark.parametrize(
    "args",
    [["--prot", "1"], ["--port"], ["--port", "x"], ["--port=0"], ["--port", "65536"], ["--check=1"], ["x"]],
)
def test_a_misspelt_option_of_up_is_refused_before_anything_is_installed(args: list[str]) -> None:
    with pytest.raises(SetupFailed) as caught:
        check_up_options(args)
    assert caught.value.code == 2
    assert caught.value.hint == command.UP_USAGE


def test_every_option_that_the_command_line_has_for_up_is_let_through() -> None:
    from kvmbench.cli import app

    up = typer.main.get_command(app).commands["up"]  # type: ignore[attr-defined]  # it is a group
    for parameter in up.params:
        for option in (*parameter.opts, *parameter.secondary_opts):
            check_up_options([option] if parameter.is_flag else [option, "8888"])


# Errors ----------------------------------------------------------------------------------------------------


def test_a_full_disk_is_two_lines() -> None:
    lines = str(from_os_error(OSError(28, "No space left on device", "/home/ann/.venv"))).splitlines()
    assert lines[0] == "/home/ann/.venv: No space left on device"
    assert lines[1].startswith("Free a gigabyte")


# For good, in a scratch clone ------------------------------------------------------------------------------

STUB = """
import sys

def main():
    print(sys.prefix, sys.argv[1:])

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A clone with the real set-up and a stub of the command line, which installs without a network."""
    clone = tmp_path / "clone"
    for name in ("__init__.py", "__main__.py", "errors.py", "setup"):
        source, target = HERE / "kvmbench" / name, clone / "kvmbench" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    (clone / "kvmbench" / "cli.py").write_text(STUB)
    (clone / "tiny_backend.py").write_text(BACKEND.replace("@CLONE@", str(clone)))
    (clone / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "home").mkdir()
    return clone


def typed(clone: Path, args: Sequence[str], python: str = sys.executable) -> tuple[int, str, str]:
    """What one types in a clone: exit code, output, errors."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTHON"))}
    done = subprocess.run(
        [python, *args],
        cwd=clone,
        env={**kept, "HOME": str(clone.parent / "home")},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def base_python() -> str:
    """A python in which kvmbench is not installed."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}")


@pytest.mark.parametrize("args", [["steps"], [], ["check", "--json"]])
def test_without_an_environment_each_command_says_to_make_it(scratch: Path, args: list[str]) -> None:
    code, out, err = typed(scratch, ["-m", "kvmbench", *args], base_python())
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "there is no environment for this clone yet",
        "Make it first (once): python3 -m kvmbench up",
    ]


def test_without_an_environment_a_wrong_option_makes_none(scratch: Path) -> None:
    code, _, err = typed(scratch, ["-m", "kvmbench", "up", "--chekc"], base_python())
    assert (code, len(err.splitlines())) == (2, 2)
    assert not (scratch / ".venv").exists()


def test_help_for_up_needs_no_environment(scratch: Path) -> None:
    code, out, _ = typed(scratch, ["-m", "kvmbench", "up", "--help"], base_python())
    assert code == 0
    assert command.UP_USAGE in out


def test_a_home_that_cannot_be_written_is_two_lines(scratch: Path) -> None:
    (scratch.parent / "home").rmdir()
    (scratch.parent / "home").write_text("a file")
    code, _, err = typed(scratch, ["-m", "kvmbench", "up"], base_python())
    assert (code, len(err.splitlines())) == (1, 2)
    assert "Traceback" not in err


def test_up_makes_the_environment_and_everything_is_handed_over_to_it(scratch: Path) -> None:
    venv = scratch / ".venv"
    code, out, err = typed(scratch, ["-m", "kvmbench", "up", "--check"], base_python())
    assert (code, out) == (0, f"{venv} ['up', '--check']\n"), err
    assert "environment: ready" in err
    code, out, err = typed(scratch, ["-m", "kvmbench", "up"], base_python())
    assert (out, "nothing to do" in err) == (f"{venv} ['up']\n", True)
    spaced = ["exec", "--", "echo", "a b", "--help"]
    assert typed(scratch, ["-m", "kvmbench", *spaced], base_python()) == (0, f"{venv} {spaced}\n", "")
    # In the environment itself there is nothing to hand over to.
    for again in ([str(venv / "bin" / "kvmbench")], [str(venv / "bin" / "python"), "-m", "kvmbench"]):
        assert typed(scratch, [*again[1:], "steps"], again[0]) == (0, f"{venv} ['steps']\n", "")
    # A damaged one is made anew.
    shutil.rmtree(next((venv / "lib").iterdir()) / "site-packages" / "pip")
    code, out, err = typed(scratch, ["-m", "kvmbench", "up"], base_python())
    assert (code, "environment: making" in err) == (0, True)
    assert Environment(venv).python.exists()


# The tests -------------------------------------------------------------------------------------------------


def test_the_exit_code_of_the_tests_is_pytests(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text("def test_x():\n    assert False\n")
    args = ["-q", "-p", "no:cacheprovider", "test_x.py"]
    assert run_tests(Path(sys.executable), tmp_path, args, uid=UID or 1, tell=Told()) == 1
    (tmp_path / "test_x.py").write_text("def test_x():\n    pass\n")
    assert run_tests(Path(sys.executable), tmp_path, args, uid=UID or 1, tell=Told()) == 0


def test_the_tests_find_the_environments_programs_first_and_the_sbin_directories_last() -> None:
    path = environ_for_tests(Path("/v/bin/python"), {"PATH": "/usr/bin", "PYTHONPATH": "/x"})
    assert path == {"PATH": "/v/bin:/usr/bin:/usr/local/sbin:/usr/sbin:/sbin"}


def test_the_environment_that_runs_this_has_the_kernelspec_as_the_clone_has_it() -> None:
    installed = Path(sys.prefix) / "share" / "jupyter" / "kernels" / "kvmbench" / "kernel.json"
    assert installed.read_text() == (HERE / "kvmbench/bench/kernelspec/kernel.json").read_text()
