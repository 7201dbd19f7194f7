"""A student works through the notebooks in JupyterLab: in order, in the wrong order, with each usual mistake.

    .venv/bin/python -m tests.browser.student [NOTEBOOK…]     such as 04-veth; all when none is named

Each way has a JupyterLab and a fresh bench. A line tells how many cells were run, and below it stands what a
student would stumble over; the exit code is 1 when there was anything. Pictures of the page are kept in
`lab.SCREENSHOTS`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, Error, Locator, Page, expect

from kvmbench import course
from kvmbench.act.action import Action
from kvmbench.course.step import Mistake
from tests.browser.lab import NOTEBOOKS, chromium, open_notebook, served, shoot

RUN = re.compile(r"\[\d+\]")
BLANKS = {
    "01": ("-cpu",),
    "02": ("menu",),
    "03": ("map",),
    "04": ("details",),
    "05": ("10.2.2.1",),
    "06": ("ageing_time",),
    "07": ("model",),
    "08": ("sendkey",),
    "09": ("source",),
    "10": ("PREROUTING", "10.1.1.2:22"),
    "11": ("host", "52:54:00:00:00:02"),
    "12": ("sda",),
    "13": ("pages_sharing",),
    "14": ("no-rule",),
}
"""what belongs where an exercise has blanks, by the notebook's number"""
YOURS = {
    "do-1": ("host", "image"),
    "do-2": ("veth", "netns", "bridge"),
    "do-3": ("guests", "consoles"),
    "do-4": ("forwarding", "dnat"),
    "do-5": ("dnsmasq",),
}
"""the steps that are worked out in each cell of the capstone"""


@contextmanager
def copied(name: str) -> Iterator[str]:
    """A notebook of the course, copied beside it: what the page saves does not change the course's own."""
    directory = Path(tempfile.mkdtemp(prefix="try-", dir=NOTEBOOKS))
    try:
        shutil.copy(NOTEBOOKS / f"{name}.ipynb", directory)
        shutil.copytree(NOTEBOOKS / "pictures", directory / "pictures")
        yield f"{directory.name}/{name}.ipynb"
    finally:
        shutil.rmtree(directory)


@dataclass
class Student:
    """Somebody before an open notebook, and what made them stumble."""

    page: Page
    name: str
    """the notebook, without .ipynb"""
    cell_s: float = 180
    ran: int = 0
    stumbled: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        notebook = nbformat.read(NOTEBOOKS / f"{self.name}.ipynb", as_version=4)
        self.cells = [cell for cell in notebook.cells if cell.cell_type == "code"]

    @property
    def checks(self) -> list[int]:
        return [n for n, cell in enumerate(self.cells) if re.match(r"check\(", cell.source)]

    @property
    def steps(self) -> list[str]:
        named = re.findall(r'(?m)^check\("([\w-]+)"\)', "\n".join(cell.source for cell in self.cells))
        return list(dict.fromkeys(named))

    def cell(self, number: int) -> Locator:
        return self.page.locator(".jp-CodeCell").nth(number)

    def type_into(self, number: int, text: str) -> None:
        """Replace what stands in a cell, key by key."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        for row, line in enumerate(text.split("\n")):
            if row:
                self.page.keyboard.press("Enter")
                self.page.keyboard.press("Shift+Home")  # the editor indents by itself
            self.page.keyboard.type(line)
        self.page.keyboard.press("Escape")  # what completes the word would take the next key

    def run(self, number: int, when: str) -> str:
        """Shift+Enter in a code cell; what it says. A cell that is stuck is interrupted, and told of."""
        cell, prompt = self.cell(number), self.cell(number).locator(".jp-InputPrompt")
        before = prompt.inner_text()
        for _ in range(5):  # a key is lost where an output above moves the cell away under the mouse
            cell.locator(".cm-content").click()
            self.page.keyboard.press("Shift+Enter")
            with suppress(AssertionError):
                expect(prompt).not_to_have_text(before, timeout=5_000)
                break
        self.ran += 1
        try:
            expect(prompt).to_have_text(RUN, timeout=self.cell_s * 1000)
        except AssertionError:
            self.stumble(number, when, f"not done after {self.cell_s:.0f} s")
            self.page.keyboard.press("Escape")
            self.page.keyboard.press("i")
            self.page.keyboard.press("i")
            expect(prompt).to_have_text(RUN, timeout=30_000)
        said = self.said(number)
        if "Traceback" in said and ("/kvmbench/" in said or when == "in order"):
            self.stumble(number, when, said[-300:])
        return said

    def said(self, number: int) -> str:
        outputs = self.cell(number).locator(".jp-OutputArea-output")
        return "\n".join(outputs.all_inner_texts())

    def stumble(self, number: int, when: str, what: str) -> None:
        of = self.cells[number].id if number < len(self.cells) else "a cell of their own"
        self.stumbled.append(f"{when}, {of}: {what}")
        self.cell(number).scroll_into_view_if_needed()
        self.shoot(f"stumbled-{len(self.stumbled)}")

    def shoot(self, what: str) -> None:
        shoot(self.page, f"student-{self.name}-{what}")

    def look_through(self) -> None:
        """Pictures of the whole notebook, a screen at a time."""
        panel = self.page.locator(".jp-WindowedPanel-outer").first
        screen, height = panel.evaluate("panel => [panel.clientHeight, panel.scrollHeight]")
        for number, top in enumerate(range(0, height, screen), 1):
            panel.evaluate("(panel, top) => panel.scrollTo(0, top)", top)
            self.page.wait_for_timeout(200)
            self.shoot(f"page-{number:02}")

    def in_order(self) -> None:
        """All cells from the top: predictions chosen, blanks filled in, the last check passed."""
        for number, cell in enumerate(self.cells):
            blank = "____" in cell.source and self.name[:2] in BLANKS
            if blank:
                self.type_into(number, self._filled(cell.source))
            elif cell.source == "# yours":
                self.type_into(number, _typed(_worked_out(cell.id)))
            said = self.run(number, "in order")
            if cell.id.startswith("break") and "check(" in cell.source and "failed" not in said:
                self.stumble(number, "in order", "it was to be broken, and the check passes")
            if cell.source.startswith("predict("):
                self._choose(number)
            elif blank or number in self.checks:
                self.cell(number).scroll_into_view_if_needed()
                self.shoot(cell.id)
        checking = [n for n, cell in enumerate(self.cells) if re.search(r"(?m)^check\(", cell.source)]
        if self.name == "00-welcome":  # its one check is there to show what a failing one looks like
            checking = []
        if checking and "failed" in self.said(checking[-1]):
            self.stumble(checking[-1], "in order", "the last check failed")
        self.look_through()

    def _filled(self, source: str) -> str:
        for word in BLANKS[self.name[:2]]:
            source = source.replace("____", word, 1)
        return re.sub(r"(?m)^# ", "", source)

    def _choose(self, number: int) -> None:
        self.cell(number).locator("input[type=radio]").first.click()
        try:
            expect(self.cell(number)).to_contain_text("Noted.", timeout=30_000)
        except AssertionError:
            self.stumble(number, "in order", "a choice was not noted")

    def in_the_wrong_order(self) -> None:
        """A check before all else, the last cells first, one twice, a kernel restarted in the middle."""
        when = "in the wrong order"
        check = self.checks[0] if self.checks else len(self.cells) - 1
        middle = len(self.cells) // 2
        self.run(check, when)  # before the first cell: two lines, see kvmbench.tracebacks
        self.run(0, when)
        if "Traceback" in self.run(check, when):
            self.stumble(check, when, "a check before anything was done is no check")
        self.cell(check).scroll_into_view_if_needed()
        self.shoot("check-first")
        doing = [n for n, cell in enumerate(self.cells) if cell.id.startswith("do-")]
        for number in (*doing[-1:], *doing[:1], *doing[:1], middle):
            self.run(number, when)
        self.restart()
        self.shoot("restarted")
        self.run(check, when)
        self.cell(check).scroll_into_view_if_needed()
        self.shoot("after-restart")
        for number in (0, 1, *range(middle, len(self.cells))):
            self.run(number, when)
        self.look_through()

    def restart(self) -> None:
        """The toolbar's button, the question answered, and the new kernel awaited."""
        self.page.locator("[data-jp-item-name=restart] jp-button").click()
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.page.locator(".jp-Dialog").wait_for(state="detached")
        self.page.wait_for_timeout(500)  # the status bar says Idle of the old kernel for a moment
        self.page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=60_000)

    def write(self, source: str, when: str) -> tuple[int, str]:
        """A new cell at the end, typed and run; its number and what it says."""
        self.page.locator(".jp-Notebook .jp-Cell").last.click()
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("b")
        number = self.page.locator(".jp-CodeCell").count() - 1
        self.type_into(number, source)
        return number, self.run(number, when)

    def with_mistakes(self, most: int | None = None) -> None:
        """Each usual mistake of the notebook's steps, typed; the check that follows must hold its hint."""
        for slug in self.steps:
            self.write(
                f'from kvmbench import catch_up, check, solve\ncatch_up("{slug}")\nsolve("{slug}")', slug
            )
            for mistake in course.step(slug).mistakes[:most]:
                self._mistaken(slug, mistake)

    def _mistaken(self, slug: str, mistake: Mistake) -> None:
        when = f"{slug}, {mistake.name}"
        self.write(_typed(mistake.do), when)
        number, said = self.write(f'check("{slug}")', when)
        self.cell(number).scroll_into_view_if_needed()
        self.shoot(f"mistake-{slug}-{mistake.name}".replace(" ", "-"))
        hint = mistake.hint.replace("`", "")  # the page sets it as code
        if hint not in " ".join(said.split()):
            self.stumble(number, when, f"the hint {hint!r} is not in {said!r}")
        if mistake.mend:
            self.write(_typed(mistake.mend), when)
        number, _ = self.write(f'solve("{slug}")\ncheck("{slug}")', when)
        if "✗" in self.said(number):
            self.stumble(number, when, f"not mended: {self.said(number)}")


def _worked_out(cell: str) -> tuple[Action, ...]:
    return tuple(action for slug in YOURS[cell] for action in course.step(slug).solution)


def _typed(actions: tuple[Action, ...]) -> str:
    return "%%bash\n" + "\n".join(line for action in actions for line in action.lines())


WAYS = ("in order", "wrong order", "mistakes")


def worked_through(browser: Browser, name: str, ways: tuple[str, ...] = WAYS) -> tuple[int, list[str]]:
    """One notebook, each way on a bench of its own: how many cells were run, and what was stumbled over."""
    ran, stumbled = 0, []
    for way in ways:
        bench = f"student-{name[:2]}-{way.split()[0]}"
        with (
            tempfile.TemporaryDirectory() as settings,
            served(bench, Path(settings)) as address,
            copied(name) as path,
        ):
            page = browser.new_page(viewport={"width": 1300, "height": 1000})
            student = Student(page, name)
            try:
                open_notebook(page, address, path)
                _work(student, way)
            except (Error, AssertionError) as error:
                stumbled.append(f"{way}: could not go on: {str(error)[:400]}")
                student.shoot(f"{way}-could-not-go-on".replace(" ", "-"))
            ran, stumbled = ran + student.ran, stumbled + student.stumbled
            page.close()
    return ran, stumbled


def _work(student: Student, way: str) -> None:
    if way == "in order":
        student.in_order()
    elif way == "wrong order":
        student.in_the_wrong_order()
    else:
        student.with_mistakes()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebook", nargs="*")
    parser.add_argument("--way", choices=WAYS, action="append", help="all three when none is named")
    given = parser.parse_args()
    names = [Path(name).stem for name in given.notebook] or sorted(p.stem for p in NOTEBOOKS.glob("*.ipynb"))
    bad = False
    with chromium() as browser:
        for name in names:
            ran, stumbled = worked_through(browser, name, tuple(given.way or WAYS))
            print(f"{name}: {ran} cells run, {len(stumbled)} stumbled over", flush=True)
            for each in stumbled:
                print(f"    {each}", flush=True)
            bad = bad or bool(stumbled)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
