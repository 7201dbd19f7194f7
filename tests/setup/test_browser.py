"""The browser for the tests, where the distribution has no package of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmbench.setup import needs
from kvmbench.setup.apt import Power
from kvmbench.setup.browser import ensure_own, packaged
from kvmbench.setup.progress import Ran
from kvmbench.setup.trouble import SetupFailed
from tests.setup.fakes import FakeRun, Told

PYTHON = Path("/v/bin/python")


@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has one; a table that names another program has none."""
    monkeypatch.setattr(needs, "TESTS", (needs.Need(("no-such-browser",), "chromium", ""),))


def ensure(run: FakeRun, distribution: str = "ubuntu", prefix: tuple[str, ...] | None = ()) -> None:
    ensure_own(
        PYTHON, distribution=distribution, power=lambda: Power(prefix, has_apt=True), run=run, tell=Told()
    )


def test_debian_brings_it_by_apt(no_browser: None) -> None:
    assert [need.package for need in packaged("debian")] == ["chromium"]
    run = FakeRun()
    ensure(run, "debian")
    assert run.ran == []


def test_on_ubuntu_playwright_fetches_it_and_its_libraries(no_browser: None) -> None:
    assert packaged("ubuntu") == ()
    run = FakeRun()
    ensure(run, prefix=("sudo", "-n"))
    assert run.ran == [
        "/v/bin/python -m playwright install chromium",
        "sudo -n /v/bin/python -m playwright install-deps chromium",
    ]


def test_who_may_not_install_packages_gets_the_browser_alone(no_browser: None) -> None:
    run = FakeRun()
    ensure(run, prefix=None)
    assert run.ran == ["/v/bin/python -m playwright install chromium"]


def test_a_browser_that_is_there_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "TESTS", (needs.Need(("sh",), "chromium", ""),))
    run = FakeRun()
    ensure(run)
    assert run.ran == []


def test_a_browser_that_cannot_be_fetched_is_two_lines(no_browser: None) -> None:
    with pytest.raises(SetupFailed) as caught:
        ensure(FakeRun({"playwright": [Ran(1, "Error: getaddrinfo ENOTFOUND\n")]}))
    assert str(caught.value).splitlines() == [
        "Playwright could not fetch its Chromium",
        "Install any Chromium or Chrome: sudo snap install chromium",
    ]
