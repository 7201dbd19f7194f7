"""The house's rules, as tests: style, types, and which room may import which."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CLONE = Path(__file__).resolve().parents[1]
PACKAGE = CLONE / "kvmbench"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_MODULE = 350

# DESIGN.md, "Who may import whom". `errors` and the nouns of `model` are for everybody; the room of the
# set-up is for nobody but doctor, which names the packages that the set-up installs. Building it taught two
# more: looking at a guest is asking QEMU (observe → qemu), and a step describes its guests in QEMU's words
# and runs on a machine that may be a recorded one (course → qemu, system).
MAY_IMPORT: dict[str, set[str]] = {
    "model": set(),
    "setup": set(),
    "system": {"model", "setup"},
    "bench": {"system", "model"},
    "observe": {"qemu", "system", "model"},
    "qemu": {"system", "model"},
    "act": {"qemu", "system", "model"},
    "check": {"model"},
    "topology": {"model"},
    "course": {"act", "observe", "check", "qemu", "system", "model"},
    "hub": {"bench", "system", "model"},
    # It breaks what steps state, on a recorded look or a look of its own.
    "mutate": {"course", "check", "observe", "model"},
    # The grader's own look is made of the same parts as the student's, and its pages show the same picture.
    "grade": {"course", "bench", "observe", "qemu", "system", "topology", "model"},
    # The command line stands above all of them, beside the modules at the top of the package.
    "cli": {"act", "bench", "system", "course", "grade", "qemu", "topology", "model"}
    | {"learner", "lesson", "measure", "mutate", "report", "start", "tour"},
    # It times all of them, from outside a bench and on one.
    "measure": {"act", "bench", "course", "observe", "qemu", "system", "topology", "start"},
    # What a widget fills in and lists is decided here: a form becomes actions, and a row comes of a look.
    "forms": {"act", "observe", "qemu", "system", "model"},
    # What a command said looks the same, whichever way it went: `shown` is at the top of the package.
    "widgets": {"forms", "course", "check", "topology", "act", "observe", "qemu", "model", "shown"},
}
# Only these may start processes or speak netlink: the two rooms of DESIGN.md, and the set-up, which runs
# before there is anything to lean on.
TOUCHES_THE_MACHINE = {"system", "bench", "setup"}
MACHINE_MODULES = {"subprocess", "pyroute2", "multiprocessing", "pty", "_posixsubprocess"}
MACHINE_CALLS = {"fork", "forkpty", "system", "popen", "posix_spawn", "posix_spawnp", "AF_NETLINK"}
WIDGET_MODULES = {"ipywidgets", "anywidget"}


@dataclass(frozen=True)
class Import:
    """One import, wherever in the file it stands."""

    path: Path
    line: int
    module: str

    @property
    def top(self) -> str:
        return self.module.split(".")[0]

    @property
    def room(self) -> str | None:
        """The room of kvmbench that is imported from; None for anything else."""
        parts = self.module.split(".")
        return parts[1] if parts[0] == "kvmbench" and len(parts) > 1 else None

    def __str__(self) -> str:
        return f"{self.path.relative_to(CLONE)}:{self.line} imports {self.module}"


def room_of(path: Path) -> str | None:
    """The room that a module lies in; None for the modules at the top of the package."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else None


def imports_of(path: Path) -> Iterator[Import]:
    """All imports of a module. `from kvmbench import model` counts as an import of that room."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(path, node.lineno, name.name)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are written in full"
            module = node.module or ""
            for name in node.names:
                whole = f"{module}.{name.name}" if module == "kvmbench" else module
                yield Import(path, node.lineno, whole)


def all_imports() -> list[Import]:
    return [found for path in MODULES for found in imports_of(path)]


def told(wrong: list[Import]) -> str:
    return "\n".join(str(found) for found in wrong)


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_the_rooms_that_it_may(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room} | (set() if room == "setup" else {"errors", "__version__"})
    wrong = [
        found
        for found in all_imports()
        if room_of(found.path) == room and found.top == "kvmbench" and found.room not in allowed
    ]
    assert not wrong, told(wrong)


def test_every_room_has_its_rule() -> None:
    rooms = {room for path in MODULES if (room := room_of(path)) is not None}
    assert rooms <= set(MAY_IMPORT)


def test_only_doctor_imports_from_the_set_up() -> None:
    outsiders = {"kvmbench/__main__.py", "kvmbench/system/doctor.py"}
    wrong = [
        found
        for found in all_imports()
        if found.room == "setup"
        and room_of(found.path) != "setup"
        and str(found.path.relative_to(CLONE)) not in outsiders
    ]
    assert not wrong, told(wrong)


def test_the_set_up_needs_the_standard_library_alone() -> None:
    wrong = [
        found
        for found in all_imports()
        if room_of(found.path) == "setup"
        and found.room != "setup"
        and found.top not in sys.stdlib_module_names
    ]
    assert not wrong, told(wrong)


def test_only_system_and_bench_start_processes_or_speak_netlink() -> None:
    outside = [path for path in MODULES if room_of(path) not in TOUCHES_THE_MACHINE]
    wrong = [str(found) for path in outside for found in imports_of(path) if found.top in MACHINE_MODULES]
    wrong += [
        f"{path.relative_to(CLONE)}:{node.lineno} uses {ast.unparse(node)}"
        for path in outside
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in MACHINE_CALLS
        and isinstance(node.value, ast.Name)
        and node.value.id in ("os", "socket", "pty")
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_drawing_imports_matplotlib() -> None:
    wrong = [
        found
        for found in all_imports()
        if found.top == "matplotlib" and not (room_of(found.path) == "topology" and "draw" in found.path.stem)
    ]
    assert not wrong, told(wrong)


def test_only_widgets_imports_widgets() -> None:
    wrong = [
        found for found in all_imports() if found.top in WIDGET_MODULES and room_of(found.path) != "widgets"
    ]
    assert not wrong, told(wrong)


def test_pure_rooms_reach_for_nothing_but_pure_modules() -> None:
    impure = {"os", "socket", "shutil", "tempfile", "fcntl", "ctypes", "asyncio", "threading", "time"}
    wrong = [
        found for found in all_imports() if room_of(found.path) in ("model", "check") and found.top in impure
    ]
    assert not wrong, told(wrong)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_says_what_it_is_and_is_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    head = ast.get_docstring(ast.parse(text))
    assert head, "a module starts with a sentence that says what it is"
    assert head.splitlines()[0].endswith((".", ":")), head
    assert len(text.splitlines()) <= LONGEST_MODULE


def test_no_test_replaces_a_part_of_the_house_by_a_mock() -> None:
    tests = sorted((CLONE / "tests").rglob("*.py"))
    wrong = [found for path in tests for found in imports_of(path) if "mock" in found.module.split(".")]
    assert not wrong, told(wrong)


def test_importing_kvmbench_is_light() -> None:
    heavy = ("matplotlib", "ipywidgets", "pyroute2", "networkx", "jupyter_client", "typer", "subprocess")
    program = f"import sys, kvmbench, kvmbench.__main__; print([m for m in {heavy!r} if m in sys.modules])"
    seen = subprocess.run(
        [sys.executable, "-c", program], cwd=CLONE, capture_output=True, text=True, check=True
    )
    assert seen.stdout.strip() == "[]"


def run_tool(tmp_path: Path, *argv: str) -> None:
    """Run a checker over the clone; its cache lies beside the code where that may be written."""
    environ = dict(os.environ)
    if not os.access(CLONE, os.W_OK):
        environ |= {"MYPY_CACHE_DIR": str(tmp_path), "RUFF_NO_CACHE": "true"}
    done = subprocess.run(
        [sys.executable, "-m", *argv], cwd=CLONE, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing(tmp_path: Path) -> None:
    run_tool(tmp_path, "ruff", "check", "--quiet", "kvmbench", "tests")


def test_everything_is_formatted(tmp_path: Path) -> None:
    run_tool(tmp_path, "ruff", "format", "--check", "kvmbench", "tests")


def test_mypy_finds_nothing(tmp_path: Path) -> None:
    run_tool(tmp_path, "mypy", "--no-error-summary")
