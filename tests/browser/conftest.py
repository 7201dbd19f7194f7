"""A JupyterLab that `kvmbench up` started, and a page of a real browser that keeps what its console says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.lab import chromium, served


@pytest.fixture(scope="module")
def bench_name(request: pytest.FixtureRequest) -> str:
    """A bench for each file of tests, as two files run at the same time."""
    return f"browser-{Path(request.node.name).stem.removeprefix('test_').replace('_', '-')}"


@pytest.fixture(scope="module")
def jupyterlab(bench_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab that `kvmbench up --no-browser` started, with its token."""
    with served(bench_name, tmp_path_factory.mktemp("jupyter")) as address:
        yield address


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


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
