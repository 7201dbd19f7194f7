"""Every notebook from top to bottom without a screen, each on a fresh bench, with its outcomes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from kvmbench.bench import places
from kvmbench.course.catalogue import own_place
from kvmbench.course.own import places_of
from kvmbench.errors import BadInput, KvmbenchError, NoSuchStep
from kvmbench.report import MARKS
from kvmbench.start import passing_bench
from kvmbench.system.course_place import around

RESULTS = "application/vnd.kvmbench.results+json"
"""the MIME type under which a notebook's check shows its outcomes to programs"""


@dataclass(frozen=True)
class Told:
    """How one notebook ran."""

    notebook: str
    ran: bool
    """each cell ran, and none raised that was not meant to"""
    seconds: float
    error: str
    outcomes: tuple[dict[str, Any], ...]
    """what each check in it showed, in order, with the number of its cell"""


def run(notebooks: Sequence[Path], *, as_json: bool = False) -> int:
    """Run them and tell; 0 when each ran through."""
    console = Console(stderr=as_json)
    tales = []
    for path in find(notebooks):
        tale = run_notebook(path)
        tales.append(tale)
        counts = [sum(o["verdict"] == verdict for o in tale.outcomes) for verdict in MARKS]
        shown = ", ".join(f"{n} {verdict}" for n, verdict in zip(counts, MARKS, strict=True) if n)
        mark = "✓" if tale.ran else "✗"
        console.print(f"{mark} {tale.notebook} ({tale.seconds:.1f} s): {shown or 'no check'}", markup=False)
        if not tale.ran:
            console.print(tale.error, markup=False)
    if as_json:
        print(json.dumps([asdict(tale) for tale in tales], indent=2, ensure_ascii=False))
    return 0 if tales and all(tale.ran for tale in tales) else 1


def find(notebooks: Sequence[Path]) -> list[Path]:
    """The notebooks that were named, by path or by name; all of the course when none was.

    Raises:
        NoSuchStep: there is none of that name.
    """
    own = own_place()
    directory = own / places_of(own).notebooks if own else places.notebooks_directory()
    course = sorted(directory.glob("*.ipynb")) if directory else []
    if not notebooks:
        if not course:
            raise BadInput("there are no notebooks here", "Go into a clone of kvmbench, or name notebooks.")
        return course
    found = []
    for wanted in notebooks:
        named = [
            path for path in course if str(wanted) in (path.name, path.stem, path.stem.split("-", 1)[-1])
        ]
        if wanted.is_file():
            found.append(wanted.resolve())
        elif named:
            found += named
        else:
            known = ", ".join(path.stem for path in course) or "none"
            raise NoSuchStep(f"there is no notebook {wanted}", f"The course has: {known}.")
    return found


def run_notebook(path: Path, *, timeout_s: int = 300) -> Told:
    """One notebook on a bench of its own; the file is not changed."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook: Any = nbformat.read(path, as_version=4)
    started = time.monotonic()
    error = ""
    name = f"tour-{os.getpid()}"
    try:
        with passing_bench(name, own_place() or around(path.parent) or path.parent):
            client = NotebookClient(
                notebook,
                kernel_name="kvmbench",
                timeout=timeout_s,
                store_widget_state=False,
                resources={"metadata": {"path": str(path.parent)}},
            )
            client.execute(env=dict(os.environ) | {"KVMBENCH_BENCH": name})
    except (CellExecutionError, CellTimeoutError, DeadKernelError, RuntimeError, KvmbenchError) as trouble:
        error = str(trouble)
    seconds = time.monotonic() - started
    return Told(path.stem, not error, round(seconds, 2), error, tuple(outcomes_of(notebook)))


def outcomes_of(notebook: Any) -> list[dict[str, Any]]:
    """What the checks of an executed notebook showed."""
    found: list[dict[str, Any]] = []
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", ()):
            shown = output.get("data", {}).get(RESULTS, ())
            found += [{"cell": number, **outcome} for outcome in shown]
    return found
