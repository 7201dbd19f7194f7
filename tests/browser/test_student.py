"""What `student` does with every notebook, here with two: the wrong order, and two usual mistakes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.lab import open_notebook
from tests.browser.student import Student, copied

pytestmark = [pytest.mark.browser, pytest.mark.bench]


@pytest.mark.timeout(300)
def test_the_wrong_order_and_a_restart_in_the_middle_leave_nobody_stuck(page: Page, jupyterlab: str) -> None:
    with copied("04-veth") as path:
        student = Student(page, "04-veth")
        open_notebook(page, jupyterlab, path)
        student.in_the_wrong_order()
    assert not student.stumbled, "\n".join(student.stumbled)


@pytest.mark.timeout(300)
def test_a_mistake_that_is_typed_is_told_with_its_own_hint(page: Page, jupyterlab: str) -> None:
    with copied("06-bridge") as path:
        student = Student(page, "06-bridge")
        open_notebook(page, jupyterlab, path)
        student.with_mistakes(most=2)
    assert not student.stumbled, "\n".join(student.stumbled)
