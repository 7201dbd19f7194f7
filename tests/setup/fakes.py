"""A pip, a venv module and an apt-get that do what the real ones do to the disk, in no time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kvmbench.setup import interpreter
from kvmbench.setup.progress import Ran

PYTHON = interpreter.choose(uid=0)
VERSION = f"{PYTHON.version[0]}.{PYTHON.version[1]}"

# A scratch clone that pip installs without any network: it brings its own little build backend.
BACKEND = """
import zipfile

METADATA = "Metadata-Version: 2.1\\nName: kvmbench\\nVersion: 0\\nProvides-Extra: test\\n"
WHEEL = "Wheel-Version: 1.0\\nGenerator: tiny\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
FILES = {
    "kvmbench.pth": "@CLONE@",
    "kvmbench-0.dist-info/METADATA": METADATA,
    "kvmbench-0.dist-info/WHEEL": WHEEL,
    "kvmbench-0.dist-info/entry_points.txt": "[console_scripts]\\nkvmbench = kvmbench.__main__:main\\n",
}

def get_requires_for_build_editable(config_settings=None):
    return []

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    record = "".join(f"{name},,\\n" for name in FILES) + "kvmbench-0.dist-info/RECORD,,\\n"
    with zipfile.ZipFile(wheel_directory + "/kvmbench-0-py3-none-any.whl", "w") as wheel:
        for name, text in FILES.items():
            wheel.writestr(name, text)
        wheel.writestr("kvmbench-0.dist-info/RECORD", record)
    return "kvmbench-0-py3-none-any.whl"
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "tiny_backend"
backend-path = ["."]
[project]
name = "kvmbench"
version = "0"
"""


@dataclass
class FakeRun:
    """Answers for commands by a word in them; `venv` and `pip` change the disk as the real ones do."""

    answers: Mapping[str, Sequence[Ran]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Ran:
        # Any word may be part of a path.
        line = " ".join(word for word in argv if not word.startswith("PATH="))
        self.ran.append(line)
        for word, answers in self.answers.items():
            if word in line:
                turn = sum(word in earlier for earlier in self.ran) - 1
                answer = answers[min(turn, len(answers) - 1)]
                if not answer.ok:
                    return answer
        if "-m venv" in line:
            make_fake_venv(Path(argv[-1]))
        if "pip install" in line:
            fill_fake_venv(Path(argv[0]).parents[1])
        return Ran(0, "")

    def count(self, word: str) -> int:
        return sum(word in line for line in self.ran)


def make_fake_venv(root: Path) -> None:
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "python").symlink_to(PYTHON.path)
    (root / "lib" / f"python{VERSION}" / "site-packages").mkdir(parents=True)


def fill_fake_venv(root: Path) -> None:
    """What pip leaves: two packages, each with a list of its files."""
    packages = root / "lib" / f"python{VERSION}" / "site-packages"
    for name in ("kvmbench-0.1.0", "rich-15.0"):
        described = packages / f"{name}.dist-info"
        described.mkdir(exist_ok=True)
        module = packages / f"{name.split('-')[0]}.py"
        module.write_text("x = 1\n")
        (packages / "typed").write_text("")
        listed = (
            f'{module.name},sha256=x,6\ntyped,sha256=x,0\n__pycache__/x.pyc,,\n"{described.name}/RECORD",,\n'
        )
        (described / "RECORD").write_text(listed)


def make_clone(root: Path) -> Path:
    """A directory that looks like a clone to the set-up."""
    (root / "kvmbench" / "bench" / "kernelspec").mkdir(parents=True)
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "kvmbench" / "bench" / "kernelspec" / "kernel.json").write_text(json.dumps({"argv": []}))
    return root


@dataclass
class Told:
    """Keeps what was told, and does something when a line comes."""

    lines: list[str] = field(default_factory=list)
    when: Callable[[str], None] = lambda line: None

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self.when(line)

    def __str__(self) -> str:
        return "\n".join(self.lines)
