"""Screen, serial console, monitor and terminal in a real JupyterLab, at real guests."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import on_the_bench, open_notebook, run_cell, shoot, the_screen_says, written

pytestmark = [pytest.mark.browser, pytest.mark.bench, pytest.mark.guest]

CELLS = (
    'from kvmbench import catch_up, console, guest, monitor, screen, terminal\ncatch_up("consoles")',
    'screen("c1")',
    'console("c1")',
    'monitor("c1")',
    'terminal("qemu-kvm -name c3 -m 32 -nographic -nodefaults -serial mon:stdio -S")',
    'import os, time\nwhile not os.path.exists("/run/typed"):\n    time.sleep(0.1)',
    'print(guest("c1", "cat /dev/vcs1").out)',
    'print(repr(console("c1").run("echo run-$((40 + 2))").out))',
)
BUSY = 5
SCREEN_SAYS = 6
RUN = 7
WITH_PASSWORD = (
    """import os
from kvmbench import monitor, screen
for name, vnc in (("p1", "unix:/run/p1.sock,password=on"), ("p2", ":9")):
    os.system(f"/usr/libexec/qemu-kvm -name {name} -m 32 -nodefaults -vga std -vnc {vnc} -daemonize")
monitor("p1", "set_password vnc secret")""",
    'import ipywidgets\nipywidgets.HBox([screen("p1"), screen("p2")])',
)


@pytest.mark.timeout(240)
def test_a_password_is_asked_for_in_the_page_and_screens_stand_side_by_side(
    page: Page, said: list[str], jupyterlab: str
) -> None:
    with written("password", *WITH_PASSWORD) as name:
        open_notebook(page, jupyterlab, name)
        run_cell(page, 0)
        run_cell(page, 1)
        first, second = page.locator(".kvmbench-screen").first, page.locator(".kvmbench-screen").nth(1)
        asked = first.get_by_label("VNC password")
        asked.fill("wrong")
        asked.press("Enter")
        expect(asked).to_have_value("", timeout=30_000)  # asked anew
        shoot(page, "consoles-password")
        asked.fill("secret")
        asked.press("Enter")
        for screen in (first, second):
            state = screen.locator(".kvmbench-state")
            expect(state).to_have_text("click or Tab into it to type", timeout=30_000)
            expect(screen.locator("canvas")).to_be_visible()
        shoot(page, "consoles-side-by-side")
        one, other = (screen.evaluate("shown => shown.offsetWidth") for screen in (first, second))
        assert abs(one - other) <= 1
        assert all("Authentication failed" in error for error in said), said


@pytest.mark.timeout(400)
def test_a_student_sits_down_at_screen_serial_line_and_monitor(
    page: Page, said: list[str], jupyterlab: str, bench_name: str
) -> None:
    with written("consoles", *CELLS) as name:
        open_notebook(page, jupyterlab, name)
        run_cell(page, 0, timeout_s=150)
        for number in range(1, BUSY):
            run_cell(page, number)
        serial_line_is_logged_in(page)
        run_says_what_the_command_said(page)
        monitor_answers_and_completes(page)
        ctrl_a_reaches_the_monitor(page)
        screen_takes_keys_while_a_cell_runs(page, bench_name)
        page.get_by_text("File", exact=True).first.click()
        page.get_by_text("Save Notebook", exact=True).click()
        page.keyboard.press("Escape")
        page.reload()
        page.locator(".kvmbench-screen canvas").wait_for(timeout=60_000)
        console = page.locator(".kvmbench-terminal").first
        console.scroll_into_view_if_needed()
        expect(console.locator(".xterm-rows")).to_contain_text("seen-42", timeout=30_000)
        shoot(page, "consoles-reloaded")
        assert not said


def run_says_what_the_command_said(page: Page) -> None:
    """The terminal in the page tells the guest where its cursor is: no letter of that among the output."""
    run_cell(page, RUN)
    output = page.locator(".jp-CodeCell").nth(RUN).locator(".jp-OutputArea-output")
    expect(output).to_have_text(re.compile(r"^\s*'run-42\\n'\s*$"))


def serial_line_is_logged_in(page: Page) -> None:
    console = page.locator(".kvmbench-terminal").first
    rows = console.locator(".xterm-rows")
    console.scroll_into_view_if_needed()
    console.locator(".xterm-screen").click()
    for _ in range(12):  # whoever sits at a line that shows nothing presses Enter again
        page.keyboard.press("Enter")
        with suppress(AssertionError):
            expect(rows).to_contain_text("login:", timeout=5_000)
            break
    expect(rows).to_contain_text("login:")
    page.keyboard.type("root\n")
    expect(rows).to_contain_text("Password:", timeout=30_000)
    page.keyboard.type("kvmbench\n")
    expect(rows).to_contain_text("root@c1", timeout=30_000)
    page.keyboard.type("echo seen-$((6*7))\n")
    expect(rows).to_contain_text("seen-42", timeout=30_000)
    page.keyboard.press("Control+a")
    expect(console.locator(".kvmbench-state")).to_have_text("Ctrl-a …")
    page.keyboard.press("Control+c")
    shoot(page, "consoles-serial")


def monitor_answers_and_completes(page: Page) -> None:
    monitor = page.locator(".kvmbench-monitor")
    monitor.scroll_into_view_if_needed()
    line = monitor.get_by_label("a line for the monitor")
    line.fill("info versi")
    line.press("Tab")
    expect(line).to_have_value("info version ", timeout=30_000)
    line.press("Enter")
    expect(monitor.locator(".kvmbench-log")).to_contain_text("7.", timeout=30_000)
    line.fill("info b")
    line.press("Tab")
    expect(monitor.locator(".kvmbench-hints")).to_contain_text("blockstats", timeout=30_000)
    shoot(page, "consoles-monitor")


def ctrl_a_reaches_the_monitor(page: Page) -> None:
    terminal = page.locator(".kvmbench-terminal").nth(1)
    rows = terminal.locator(".xterm-rows")
    terminal.scroll_into_view_if_needed()
    terminal.locator(".xterm-screen").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("h")
    expect(rows).to_contain_text("exit emulator", timeout=30_000)
    page.keyboard.press("Control+a")
    page.keyboard.press("c")
    expect(rows).to_contain_text("(qemu)", timeout=30_000)
    shoot(page, "consoles-terminal")
    page.keyboard.press("Control+a")
    page.keyboard.press("x")
    expect(terminal.locator(".kvmbench-state")).to_have_text("it ended", timeout=30_000)


def screen_takes_keys_while_a_cell_runs(page: Page, bench: str) -> None:
    screen = page.locator(".kvmbench-screen")
    busy = page.locator(".jp-CodeCell").nth(BUSY)
    busy.locator(".jp-InputArea-editor").click()
    page.keyboard.press("Control+Enter")
    expect(busy.locator(".jp-InputPrompt")).to_have_text("[*]:")
    screen.scroll_into_view_if_needed()
    before = screen.locator("canvas").screenshot()
    screen.locator("canvas").click()
    page.keyboard.type("root\n", delay=30)
    the_screen_says(bench, "c1", "Password:")
    assert screen.locator("canvas").screenshot() != before
    expect(busy.locator(".jp-InputPrompt")).to_have_text("[*]:")
    page.keyboard.type("kvmbench\n", delay=30)
    the_screen_says(bench, "c1", "root@c1")
    on_the_bench(bench, "--", "touch", "/run/typed")
    expect(busy.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]"), timeout=60_000)
    run_cell(page, SCREEN_SAYS)
    expect(page.locator(".jp-CodeCell").nth(SCREEN_SAYS)).to_contain_text("root@c1")
    screen.scroll_into_view_if_needed()
    shoot(page, "consoles-screen")
