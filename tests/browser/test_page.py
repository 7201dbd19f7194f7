"""A notebook in a real JupyterLab in a real browser: `up` started it, a student presses Run All."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import open_notebook, run_all, shoot

pytestmark = [pytest.mark.browser, pytest.mark.bench]


@pytest.mark.timeout(300)
def test_the_bridge_notebook_runs_in_a_browser_with_picture_and_checks(
    page: Page, said: list[str], jupyterlab: str
) -> None:
    open_notebook(page, jupyterlab, "06-bridge.ipynb")
    run_all(page, timeout_s=180)
    shoot(page, "06-bridge")
    picture = page.locator(".jp-OutputArea-output svg, .jp-OutputArea-output img").first
    picture.scroll_into_view_if_needed()
    shoot(page, "06-bridge-picture")
    expect(picture).to_be_visible()
    outcomes = page.locator(".jp-OutputArea-output table").filter(has_text="br-int-up")
    solved = outcomes.filter(has_text="✓ passed").filter(has_not_text="✗ failed").first
    solved.scroll_into_view_if_needed()
    shoot(page, "06-bridge-check")
    expect(solved).to_contain_text("the bridge br-int is up")
    assert not said
