"""The widgets without a mouse, in a real JupyterLab: their keys are their own, and every one can be left."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import open_notebook, run_cell, written

pytestmark = [pytest.mark.browser, pytest.mark.bench]

CELLS = (
    'from kvmbench import *\nfrom kvmbench.widgets import tcpdump as listen\nsolve("host", "bridge")',
    'predict("Is it up?", "yes", "no", "it has no such state")',
    "VMCreator()",
    'form("image")',
    'live("bridge")',
    'terminal("cat -v")',
    "listen()",
)
QUESTION, CREATOR, IMAGE, LIVE, TERMINAL, LISTEN = range(1, len(CELLS))


@pytest.mark.timeout(240)
def test_every_widget_is_worked_and_left_by_keyboard(page: Page, said: list[str], jupyterlab: str) -> None:
    with written("keyboard", *CELLS) as name:
        open_notebook(page, jupyterlab, name)
        for number in range(len(CELLS)):
            run_cell(page, number, timeout_s=120)
        a_question_is_answered_with_the_arrow_keys(page)
        letters_on_a_button_leave_the_notebook_alone(page)
        a_row_that_comes_takes_no_focus_away(page)
        a_choice_is_made_with_the_arrow_keys(page)
        the_picture_shows_a_row_and_closes_it(page)
        a_terminal_takes_tab_and_is_left(page)
        interfaces_are_typed(page)
        expect(page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(len(CELLS))
        assert not said


def cell(page: Page, number: int) -> Locator:
    return page.locator(".jp-Notebook .jp-CodeCell").nth(number)


def a_question_is_answered_with_the_arrow_keys(page: Page) -> None:
    group = cell(page, QUESTION).get_by_role("radiogroup", name="Is it up?")
    answers = group.get_by_role("radio")
    answers.first.focus()
    page.keyboard.press("Space")
    expect(cell(page, QUESTION).get_by_role("status")).to_contain_text("Noted.")
    page.keyboard.press("ArrowDown")
    expect(answers.nth(1)).to_be_checked()
    expect(answers.nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(cell(page, QUESTION)).to_be_focused()


def letters_on_a_button_leave_the_notebook_alone(page: Page) -> None:
    button = cell(page, CREATOR).get_by_role("button", name="Next guest")
    button.focus()
    for key in ("b", "d", "d", "ArrowDown"):
        page.keyboard.press(key)
    expect(button).to_be_focused()
    fold = cell(page, CREATOR).get_by_role("button", name="as a script")
    fold.focus()
    page.keyboard.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "true")


def a_row_that_comes_takes_no_focus_away(page: Page) -> None:
    creator = cell(page, CREATOR)
    more = creator.get_by_role("button", name="One more network card")
    more.focus()
    page.keyboard.press("Enter")
    second = creator.get_by_role("group", name="Network card 2", exact=True)
    expect(second).to_be_visible()
    expect(more).to_be_focused()
    second.get_by_role("button", name="Remove").focus()
    page.keyboard.press("Space")
    expect(second).to_have_count(0)
    # another control of the form has it now, and not the page
    expect(creator.locator(":focus")).to_have_count(1)


def a_choice_is_made_with_the_arrow_keys(page: Page) -> None:
    chosen = cell(page, IMAGE).get_by_label("format", exact=True)
    chosen.focus()
    page.keyboard.press("ArrowDown")
    expect(chosen).to_have_value("raw")
    expect(chosen).to_be_focused()


def the_picture_shows_a_row_and_closes_it(page: Page) -> None:
    live = cell(page, LIVE).locator(".kvmbench-live")
    box = live.locator('[data-node="link:br-int"]')
    box.focus()
    page.keyboard.press("Enter")
    expect(live.locator(".kvmbench-detail")).to_contain_text("brctl show br-int")
    page.keyboard.press("Escape")
    expect(live.locator(".kvmbench-detail")).not_to_contain_text("brctl show br-int")
    expect(box).to_be_focused()
    page.set_viewport_size({"width": 650, "height": 900})
    expect(live.get_by_text("wider than the page")).to_be_visible()
    page.set_viewport_size({"width": 1500, "height": 1100})
    expect(live.get_by_text("wider than the page")).to_be_hidden()
    box.focus()
    page.keyboard.press("Escape")
    expect(cell(page, LIVE)).to_be_focused()


def a_terminal_takes_tab_and_is_left(page: Page) -> None:
    terminal = cell(page, TERMINAL).locator(".kvmbench-terminal")
    expect(terminal).to_contain_text("Ctrl-Alt-G leaves it")
    terminal.get_by_role("textbox", name=re.compile("Ctrl-Alt-G leaves it")).focus()
    for key in ("b", "Control+a", "Tab", "c"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(terminal.locator(".xterm-rows")).to_contain_text("b^A", timeout=20_000)
    page.keyboard.press("Control+Alt+g")
    expect(cell(page, TERMINAL)).to_be_focused()


def interfaces_are_typed(page: Page) -> None:
    listen = cell(page, LISTEN)
    field = listen.get_by_label("interfaces", exact=True)
    field.focus()
    page.keyboard.type("br-int ")
    box = listen.locator('[data-node="link:ens33"]')
    box.focus()
    page.keyboard.press("Space")
    expect(field).to_have_value("br-int ens33")
    listen.get_by_role("button", name="Listen").focus()
    page.keyboard.press("Enter")
    expect(listen.get_by_role("button", name="Stop")).to_be_focused()
    page.keyboard.press("Enter")
    expect(listen.get_by_role("button", name="Listen")).to_be_visible()
