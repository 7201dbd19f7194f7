"""A JupyterLab that `kvmbench up` started, and a page of a real browser that keeps what its console says."""

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
from playwright.sync_api import Browser, Page, sync_playwright

from kvmbench.bench import lifecycle
from kvmbench.errors import NoSuchBench

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


@pytest.fixture(scope="module")
def bench_name(request: pytest.FixtureRequest) -> str:
    """A bench for each file of tests, as two files run at the same time."""
    return f"browser-{Path(request.node.name).stem.removeprefix('test_').replace('_', '-')}"


@pytest.fixture(scope="module")
def jupyterlab(bench_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab that `kvmbench up --no-browser` started, with its token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = tmp_path_factory.mktemp("jupyter")
    whole = settings / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    whole.parent.mkdir(parents=True)
    whole.write_text('{"windowingMode": "none"}')  # every cell is in the page, also what is not on the screen
    environment = dict(os.environ) | {
        "KVMBENCH_BENCH": bench_name,
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
            lifecycle.destroy(bench_name)


@pytest.fixture
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        try:
            yield started
        finally:
            started.close()


@pytest.fixture
def page(browser: Browser) -> Page:
    return browser.new_page(viewport={"width": 1500, "height": 1100})


@pytest.fixture
def said(page: Page) -> list[str]:
    """The errors that the browser's console has shown so far."""
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors
