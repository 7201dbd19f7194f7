"""Runs a submitted notebook on a grading bench, cell by cell, and waits at the marked ones for the grader.

It is a program of its own that needs nothing but nbclient, and lives where the submission lives: what it says
is the submission's word, and decides only when the grader looks.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

_GO = "go\n"


def main() -> None:
    """argv: the notebook, seconds that a cell may take, the ids of the marked cells."""
    path, cell_s, *marks = sys.argv[1:]
    try:
        _play(path, int(cell_s), set(marks))
    except Exception as error:  # noqa: BLE001 (whatever it is, the grader is told that the run ended with it)
        _say(ended=f"{type(error).__name__}: {error}"[:500])


def _play(path: str, cell_s: int, marks: set[str]) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook: Any = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=cell_s,
        interrupt_on_timeout=True,
        allow_errors=True,
        store_widget_state=False,
        record_timing=False,
        resources={"metadata": {"path": os.path.dirname(path)}},
    )
    with client.setup_kernel():
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                client.execute_cell(cell, number)
                _say(cell=cell.get("id", str(number)), error=_error(cell))
                cell.outputs = []
            if cell.get("id") in marks:
                _wait_for_the_grader(cell.id)
        _wait_for_the_grader("")


def _error(cell: Any) -> str | None:
    """The name and the words of the exception that a cell ended with."""
    errors = [output for output in cell.get("outputs", ()) if output.get("output_type") == "error"]
    return f"{errors[-1].get('ename')}: {errors[-1].get('evalue')}"[:300] if errors else None


def _wait_for_the_grader(mark: str) -> None:
    _say(mark=mark)
    if sys.stdin.readline() != _GO:
        os._exit(1)


def _say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
