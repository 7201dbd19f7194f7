"""What a person does in JupyterLab: open a notebook, write one, run it, keep a picture of the page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
from playwright.sync_api import Page, expect

SCREENSHOTS = Path(os.environ.get("KVMBENCH_SCREENSHOTS", "/tmp/kvmbench-screenshots"))
NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def open_notebook(page: Page, address: str, name: str) -> None:
    base, token = address.split("?token=")
    root = base.split("/lab")[0].rstrip("/").removesuffix("/tree")
    page.goto(f"{root}/lab/tree/{name}?token={token}&reset")
    page.get_by_role("tab", name=Path(name).name).wait_for(timeout=60_000)
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
    # The status bar waits for the kernel's word; the dot in the notebook's toolbar is idle from the start.
    page.locator("#jp-main-statusbar").get_by_text("kvmbench (on a bench) | Idle").wait_for(timeout=60_000)


def run_all(page: Page, timeout_s: float) -> None:
    """Run All Cells, and wait until no cell is waiting any more."""
    page.locator(".jp-NotebookPanel-toolbar").wait_for()
    page.get_by_text("Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.wait_for_function(
        """() => {
            const cells = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];
            const prompts = cells.map(cell => cell.innerText);
            return prompts.length && prompts.every(p => /\\[\\d+\\]/.test(p));
        }""",
        timeout=timeout_s * 1000,
    )


def run_cell(page: Page, number: int, timeout_s: float = 60) -> None:
    """Run one cell, by its place among the code cells, and wait until it is done.

    JupyterLab drops what is run before the kernel is there, and a click misses a cell that an output above
    it moves away: a cell that was not taken up is run again.
    """
    cell = page.locator(".jp-CodeCell").nth(number)
    idle = page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")
    idle.first.wait_for(timeout=60_000)
    prompt = cell.locator(".jp-InputPrompt")
    before = prompt.inner_text()
    for _ in range(6):
        cell.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        with suppress(AssertionError):
            expect(prompt).not_to_have_text(before, timeout=5_000)
            break
    expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=timeout_s * 1000)


def on_the_bench(bench: str, *words: str) -> None:
    """Run a command on the bench, as in a shell; the options of `kvmbench exec` come before `--`."""
    line = [sys.executable, "-m", "kvmbench.cli", "exec", "--bench", bench, *words]
    subprocess.run(line, check=True, capture_output=True, timeout=120)


def the_screen_says(bench: str, guest: str, words: str) -> None:
    """What is typed while a login changes over from the name to the password is lost: each is waited for."""
    asked = f"until grep -q {words} /dev/vcs1; do usleep 100000; done"
    on_the_bench(bench, "--guest", guest, "--timeout", "90", "--", asked)


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


@contextmanager
def written(name: str, *cells: str) -> Iterator[str]:
    """A notebook with these code cells, beside the course's for as long as the block runs; its path there."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {
        "name": "kvmbench",
        "display_name": "kvmbench (on a bench)",
        "language": "python",
    }
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    directory = Path(tempfile.mkdtemp(prefix="try-", dir=NOTEBOOKS))
    try:
        nbformat.write(notebook, directory / f"{name}.ipynb")
        yield f"{directory.name}/{name}.ipynb"
    finally:
        shutil.rmtree(directory)
