"""A browser for the tests: Debian has a package; on Ubuntu, which has none, Playwright fetches one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kvmbench.setup import needs
from kvmbench.setup.apt import Power
from kvmbench.setup.progress import Run, Tell
from kvmbench.setup.trouble import SetupFailed, hint_for


def packaged(distribution: str) -> tuple[needs.Need, ...]:
    """What apt-get is to bring for the browser tests.

    Ubuntu's `chromium-browser` is a hull around a snap, which does not install in a container and may not
    read a test's files.
    """
    return () if distribution == "ubuntu" else needs.TESTS


def ensure_own(python: Path, *, distribution: str, power: Callable[[], Power], run: Run, tell: Tell) -> None:
    """Have Playwright fetch its own Chromium where there is neither a package nor a browser.

    Raises:
        SetupFailed: it could not be fetched.
    """
    if packaged(distribution) or not needs.missing(needs.TESTS):
        return
    tell("browser: having Playwright fetch its Chromium, for the tests")
    fetched = run([str(python), "-m", "playwright", "install", "chromium"])
    if not fetched.ok:
        tell(f"browser: playwright said\n{fetched.last_lines()}")
        raise SetupFailed(
            "Playwright could not fetch its Chromium",
            hint_for(fetched.said, "Install any Chromium or Chrome: sudo snap install chromium"),
        )
    prefix = power().prefix
    if prefix is not None:
        run([*prefix, str(python), "-m", "playwright", "install-deps", "chromium"])
