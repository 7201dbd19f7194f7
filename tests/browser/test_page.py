"""A notebook in a real JupyterLab in a real browser: `up` started it, a student presses Run All."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from kvmbench.bench import lifecycle
from kvmbench.errors import NoSuchBench

pytestmark = [pytest.mark.browser, pytest.mark.bench]

CLONE = Path(__file__).resolve().parents[2]
SCREENSHOTS = Path(os.environ.get("KVMBENCH_SCREENSHOTS", "/tmp/kvmbench-screenshots"))
BENCH = "browser-test"
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


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab that `kvmbench up --no-browser` started, with its token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = tmp_path_factory.mktemp("jupyter")
    whole = settings / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    whole.parent.mkdir(parents=True)
    whole.write_text('{"windowingMode": "none"}')  # every cell is in the page, also what is not on the screen
    environment = dict(os.environ) | {
        "KVMBENCH_BENCH": BENCH,
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
            lifecycle.destroy(BENCH)


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser's page that keeps what its console says in `errors`."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        try:
            yield browser.new_page(viewport={"width": 1500, "height": 1100})
        finally:
            browser.close()


def open_notebook(page: Page, address: str, name: str) -> None:
    base, token = address.split("?token=")
    root = base.split("/lab")[0].rstrip("/").removesuffix("/tree")
    page.goto(f"{root}/lab/tree/{name}?token={token}&reset")
    page.get_by_role("tab", name=name).wait_for(timeout=60_000)
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
    expect(page.get_by_text("kvmbench (on a bench)").first).to_be_visible(timeout=30_000)


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


@pytest.mark.timeout(300)
def test_the_bridge_notebook_runs_in_a_browser_with_picture_and_checks(page: Page, jupyterlab: str) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    open_notebook(page, jupyterlab, "05-bridge.ipynb")
    run_all(page, timeout_s=180)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "05-bridge.png")
    picture = page.locator(".jp-OutputArea-output svg, .jp-OutputArea-output img").first
    picture.scroll_into_view_if_needed()
    page.screenshot(path=SCREENSHOTS / "05-bridge-picture.png")
    expect(picture).to_be_visible()
    outcomes = page.locator(".jp-OutputArea-output table").filter(has_text="br-int-up")
    solved = outcomes.filter(has_text="✓ passed").filter(has_not_text="✗ failed").first
    solved.scroll_into_view_if_needed()
    page.screenshot(path=SCREENSHOTS / "05-bridge-check.png")
    expect(solved).to_contain_text("the bridge br-int is up")
    assert not said
