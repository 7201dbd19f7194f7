"""Two guests created by clicks in a real JupyterLab; the boot is seen, and a link is broken in a shell."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import open_notebook, run_cell, shoot, the_screen_says, written
from tests.browser.test_consoles import serial_line_is_logged_in

pytestmark = [pytest.mark.browser, pytest.mark.bench, pytest.mark.guest]

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
    'console("c1")',
    'screen("c2")',
    "GuestTable()",
    "live('guests')",
    "check('guests')",
    "!ip link set tap02 nomaster",
    "check('guests')",
    "form('image')",
)


class Notebook:
    """The notebook on the page, a cell at a time."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.cells = page.locator(".jp-Notebook .jp-CodeCell")

    def run(self, at: int) -> Locator:
        """Run a cell; its output."""
        run_cell(self.page, at, timeout_s=120)
        return self.cells.nth(at).locator(".jp-Cell-outputWrapper")

    def shot(self, name: str, what: Locator) -> None:
        what.scroll_into_view_if_needed()
        shoot(self.page, f"creator-{name}")


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
def test_two_guests_by_clicks_and_a_link_broken_in_a_shell(
    page: Page, said: list[str], jupyterlab: str, bench_name: str
) -> None:
    with written("creator", *CELLS) as name:
        open_notebook(page, jupyterlab, name)
        book = Notebook(page)
        book.run(0)
        two_guests_are_created(book)
        they_are_used(book, bench_name)
        the_link_breaks(book)
        assert said == []


def two_guests_are_created(book: Notebook) -> None:
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


def they_are_used(book: Notebook, bench: str) -> None:
    book.run(2)
    serial_line_is_logged_in(book.page)
    screen = book.run(3)
    expect(screen).to_contain_text("click or Tab into it to type", timeout=30_000)
    screen.locator("canvas").click()
    for text, then in (("", "login:"), ("root", "Password:"), ("kvmbench", "root@c2")):
        book.page.keyboard.type(f"{text}\n", delay=30)
        the_screen_says(bench, "c2", then)
    book.shot("screen", screen)


def the_link_breaks(book: Notebook) -> None:
    table = book.run(4)
    expect(table.locator("table")).to_contain_text("tap02")
    book.shot("table", table)
    live = book.run(5)
    plugged = live.locator('[data-check="c2-on-br-int"]')
    expect(plugged).to_have_attribute("data-verdict", "passed", timeout=20_000)
    for tap in ("tap01", "tap02"):
        expect(live.locator(f'[data-node="link:{tap}"]')).to_be_visible()
    book.shot("picture", live)
    solved = book.run(6).locator("tr").filter(has_text="c2-on-br-int")
    expect(solved).to_contain_text("✓ passed")
    book.run(7)
    # what was done in the shell shows in the table and in the picture by themselves
    row = table.locator("tr").filter(has_text="tap02")
    expect(row).not_to_contain_text("br-int", timeout=2_000)
    expect(plugged).to_have_attribute("data-verdict", "failed", timeout=5_000)
    book.shot("picture-broken", live)
    broken = book.run(8)
    expect(broken.locator("tr").filter(has_text="c2-on-br-int")).to_contain_text("✗ failed")
    book.shot("check-broken", broken)
    book.shot("image", book.run(9))
