"""What a person does in JupyterLab: open a notebook, write one, run it, keep a picture of the page."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, Page, expect, sync_playwright

from kvmbench.bench import lifecycle
from kvmbench.errors import NoSuchBench

SCREENSHOTS = Path(os.environ.get("KVMBENCH_SCREENSHOTS", "/tmp/kvmbench-screenshots"))
CLONE = Path(__file__).resolve().parents[2]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NOTEBOOKS = CLONE / "notebooks"


@contextmanager
def served(bench: str, settings: Path) -> Iterator[str]:
    """A JupyterLab that `kvmbench up` started, its notebooks on this bench; its address, with the token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    whole = settings / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    whole.parent.mkdir(parents=True)
    whole.write_text('{"windowingMode": "none"}')  # every cell is in the page, also what is not on the screen
    environment = dict(os.environ) | {
        "KVMBENCH_BENCH": bench,
        "JUPYTER_CONFIG_DIR": str(settings / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(settings / "workspaces"),
    }
    line = [sys.executable, "-m", "kvmbench.cli", "up", "--no-browser", "--port", str(port)]
    log = settings / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(line, env=environment, cwd=CLONE, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 120
        while not (
            found := re.search(r"http://\S+127\.0\.0\.1:\S+token=\S+|http://127\S+token=\S+", log.read_text())
        ):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"JupyterLab did not start:\n{log.read_text()}"
            time.sleep(0.1)
        yield found[0]
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        with suppress(NoSuchBench):  # no notebook was opened
            lifecycle.destroy(bench)


@contextmanager
def chromium() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        try:
            yield started
        finally:
            started.close()


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
