"""Two guests created by clicks in a real JupyterLab; the boot is seen, and a link is broken in a shell."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages import SCREENSHOTS, errors_of, open_notebook, serving

pytestmark = [pytest.mark.browser, pytest.mark.bench, pytest.mark.guest]

NAME = "creator.ipynb"
CELLS = (
    """from kvmbench import *
from kvmbench.act import ifup
from kvmbench.act.action import apply
apply(ifup.write("br-int"))
solve("host", "bridge")
!mkdir -p /vms/cirros
!qemu-img create -q -f qcow2 -b /vms/base/guest.qcow2 -F qcow2 /vms/cirros/cirros1.img
!qemu-img create -q -f qcow2 -b /vms/base/guest.qcow2 -F qcow2 /vms/cirros/cirros2.img""",
    "VMCreator()",
    "GuestTable()",
    "live('guests')",
    "check('guests')",
    "!ip link set tap02 nomaster",
    "check('guests')",
    "form('image')",
)


@pytest.fixture(scope="module")
def own_notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A JupyterLab on a directory with one notebook."""
    root = tmp_path_factory.mktemp("notebooks")
    empty: dict[str, Any] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [empty | {"id": f"cell-{number}", "source": source} for number, source in enumerate(CELLS)]
    kernel = {"name": "kvmbench", "display_name": "kvmbench (on a bench)", "language": "python"}
    book = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (root / NAME).write_text(json.dumps(book))
    line = [
        *(sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root}", "--ServerApp.port={port}"),
        *("--Application.log_level=WARN", "--LanguageServerManager.autodetect=False", "--no-browser"),
        *("--allow-root", "--MultiKernelManager.default_kernel_name=kvmbench"),
    ]
    with serving(line, tmp_path_factory.mktemp("jupyter"), "creator-test") as address:
        yield address


class Notebook:
    """The notebook on the page, a cell at a time."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.cells = page.locator(".jp-Notebook .jp-CodeCell")

    def run(self, at: int, timeout_s: float = 120) -> Locator:
        """Run a cell; its output."""
        cell = self.cells.nth(at)
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        expect(cell.locator(".jp-InputPrompt").first).to_have_text(
            re.compile(r"\[\d+\]"), timeout=timeout_s * 1000
        )
        return cell.locator(".jp-Cell-outputWrapper")

    def shot(self, name: str, what: Locator) -> Path:
        what.scroll_into_view_if_needed()
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"creator-{name}.png"
        self.page.screenshot(path=path)
        return path


def fill(form: Locator, label: str, text: str) -> None:
    name = form.page.locator("label").filter(has_text=re.compile(f"^{label}$"))
    form.locator(".widget-inline-hbox").filter(has=name).first.locator("input").fill(text)


def line_of(form: Locator) -> str:
    return form.locator(".kvmbench-lines textarea").first.input_value()


def created(book: Notebook, form: Locator) -> None:
    form.get_by_role("button", name="Create", exact=True).click()
    expect(form.get_by_role("log")).to_contain_text("answers: log in", timeout=180_000)
    steps = form.get_by_role("log").locator("b").all_inner_texts()
    assert steps == ["line", "tap", "ifup", "QEMU", "firmware", "kernel", "login"]


@pytest.mark.timeout(500)
def test_two_guests_by_clicks_and_a_link_broken_in_a_shell(page: Page, own_notebook: str) -> None:
    said = errors_of(page)
    open_notebook(page, own_notebook, NAME)
    book = Notebook(page)
    expect(page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute(
        "data-status", "idle", timeout=60_000
    )
    book.run(0)
    form = book.run(1)
    expect(form.get_by_role("button", name="Create", exact=True)).to_be_enabled(timeout=30_000)
    book.shot("form", form)
    assert "-name c1" in line_of(form)
    assert "file=/vms/cirros/cirros1.img" in line_of(form)

    fill(form, "MAC", "52:54:00:00:00")
    expect(form.get_by_role("alert").filter(has_text="it has 5 bytes, not 6")).to_be_visible()
    expect(form.get_by_role("button", name="Create", exact=True)).to_be_disabled()
    book.shot("error", form.get_by_role("alert").first)
    fill(form, "MAC", "52:54:00:00:00:01")
    fill(form, "display", ":0")
    expect(form.get_by_role("button", name="Create", exact=True)).to_be_enabled()
    created(book, form)
    book.shot("c1", form.get_by_role("log"))

    form.get_by_role("button", name="Next guest").click()
    expect(form.locator(".kvmbench-lines textarea").first).to_have_value(re.compile("-name c2 .*cirros2.img"))
    # this time by typing: the form follows
    typed = line_of(form).replace("-vnc :1", "-vnc :2")
    form.locator(".kvmbench-lines textarea").first.fill(typed)
    expect(form.locator("input").filter(visible=True).nth(0)).to_have_value("c2")
    created(book, form)
    book.shot("c2", form.get_by_role("log"))

    table = book.run(2)
    expect(table.locator("table")).to_contain_text("tap02")
    book.shot("table", table)
    live = book.run(3)
    plugged = live.locator('[data-check="c2-on-br-int"]')
    expect(plugged).to_have_attribute("data-verdict", "passed", timeout=20_000)
    for tap in ("tap01", "tap02"):
        expect(live.locator(f'[data-node="link:{tap}"]')).to_be_visible()
    book.shot("picture", live)
    solved = book.run(4).locator("tr").filter(has_text="c2-on-br-int")
    expect(solved).to_contain_text("✓ passed")
    book.run(5)
    # what was done in the shell shows in the table and in the picture by themselves
    row = table.locator("tr").filter(has_text="tap02")
    expect(row).not_to_contain_text("br-int", timeout=2_000)
    expect(plugged).to_have_attribute("data-verdict", "failed", timeout=5_000)
    book.shot("picture-broken", live)
    broken = book.run(6)
    expect(broken.locator("tr").filter(has_text="c2-on-br-int")).to_contain_text("✗ failed")
    book.shot("check-broken", broken)
    book.shot("image", book.run(7))
    assert said == []
