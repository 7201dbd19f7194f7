"""The table of programs and packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmbench.setup import needs
from kvmbench.setup.needs import COURSE, TESTS, Need, find, missing, packages_for


def test_what_is_not_found_is_missing_in_the_tables_order() -> None:
    assert missing(COURSE, lambda name: None) == COURSE
    assert missing(COURSE, lambda name: "/bin/" + name) == ()


def test_any_of_several_programs_will_do() -> None:
    browser = TESTS[:1]
    assert missing(browser, {"google-chrome": "/usr/bin/google-chrome"}.get) == ()
    assert missing(browser, {"firefox": "/usr/bin/firefox"}.get) == browser


def test_the_sbin_directories_are_looked_at_though_an_ordinary_users_path_lacks_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "dnsmasq"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(needs, "SBIN", (str(tmp_path),))
    assert find("dnsmasq") == str(program)
    assert find("brctl-of-another-name") is None


def test_a_need_may_be_a_file() -> None:
    assert find("/etc/hostname-that-is-not-there") is None
    assert find(__file__) == __file__


def test_a_package_is_named_once() -> None:
    both = [Need(("ssh",), "openssh-client", ""), Need(("ssh-keygen",), "openssh-client", "")]
    assert packages_for(both) == ("openssh-client",)


@pytest.mark.parametrize(
    ("text", "name"),
    [('NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', "ubuntu"), ('ID="debian"\n', "debian"), ("", "")],
)
def test_the_distribution_is_read_from_os_release(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / "os-release").write_text(text)
    assert needs.distribution(tmp_path / "os-release") == name


def test_a_machine_without_os_release_has_no_distribution(tmp_path: Path) -> None:
    assert needs.distribution(tmp_path / "none") == ""


def test_this_machine_has_all_that_the_course_needs() -> None:
    """The command that runs the tests has just installed it."""
    assert missing(COURSE) == ()
