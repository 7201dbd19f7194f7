"""The live picture in a real page: a shell on the bench turns it, a click shows a row, the focus stays."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import SCREENSHOTS, open_notebook, run_all

pytestmark = [pytest.mark.browser, pytest.mark.bench]
BENCH = "browser-live"


def on_the_bench(line: str) -> None:
    words = [sys.executable, "-m", "kvmbench.cli", "exec", "--bench", BENCH, "--", "sh", "-ec", line]
    subprocess.run(words, check=True, capture_output=True, timeout=60)


def shot(page: Page, name: str, of: Locator | None = None) -> Path:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"live-{name}.png"
    (of or page).screenshot(path=path)
    return path


def places(live: Locator) -> dict[str, list[float]]:
    """Where each box stands within the picture, in its own units."""
    found: dict[str, list[float]] = json.loads(
        live.evaluate(
            """el => JSON.stringify(Object.fromEntries([...el.querySelectorAll('[data-node]')].map(g => {
                const b = g.getBBox(); return [g.dataset.node, [Math.round(b.x), Math.round(b.y)]];
            })))"""
        )
    )
    return found


@pytest.mark.timeout(300)
def test_a_shell_turns_the_picture_and_a_click_shows_the_row(page: Page, jupyterlab: str) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    open_notebook(page, jupyterlab, "06-bridge.ipynb")
    run_all(page, timeout_s=180)
    live = page.locator(".kvmbench-live").first
    live.scroll_into_view_if_needed()
    bridge = live.locator('[data-node="link:br-int"]')
    verdict = live.locator('[data-check="br-int-up"]')
    expect(verdict).to_have_attribute("data-verdict", "passed", timeout=20_000)
    before = places(live)

    bridge.click()
    detail = live.locator(".kvmbench-detail")
    expect(detail).to_contain_text("ip -d link show br-int")
    expect(detail).to_contain_text("brctl show br-int")
    expect(bridge).to_be_focused()
    shot(page, "light", live)

    on_the_bench("ip link set br-int down")
    expect(verdict).to_have_attribute("data-verdict", "failed", timeout=5_000)
    expect(live.locator(".kvmbench-news")).to_contain_text("br-int: bridge, down")
    expect(detail).to_contain_text("down")
    expect(bridge).to_be_focused()
    shot(page, "broken", live)

    on_the_bench(
        "ip link set br-int up; ip link add va type veth peer name vb; ip link set va master br-int up"
    )
    expect(live.locator('[data-node="link:va"]')).to_be_visible(timeout=5_000)
    after = places(live)
    assert {node: after[node] for node in before} == before, "what was there has moved"
    expect(bridge).to_be_focused()

    page.keyboard.press("ArrowUp")
    expect(bridge).not_to_be_focused()
    page.keyboard.press("Enter")
    expect(detail).not_to_contain_text("brctl show br-int")

    page.get_by_text("Settings", exact=True).click()
    page.get_by_text("Theme", exact=True).hover()
    page.get_by_text("JupyterLab Dark", exact=True).click()
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    live.scroll_into_view_if_needed()
    shot(page, "dark", live)
    page.set_viewport_size({"width": 1000, "height": 1100})
    live.scroll_into_view_if_needed()
    shot(page, "narrow", live)
    on_the_bench("ip link del va")
    assert not said
