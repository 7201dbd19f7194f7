"""Installing packages, and the one line where that is not allowed."""

from __future__ import annotations

import pytest

from kvmbench.setup.apt import LISTS_LOCKED, LOCK_WAIT_S, Power, ensure, line_for, power_of
from kvmbench.setup.progress import Ran
from kvmbench.setup.trouble import SetupFailed
from tests.setup.fakes import FakeRun, Told

ROOT = Power((), has_apt=True)
SUDO = Power(("sudo", "-n"), has_apt=True)
FETCH = Ran(100, "E: Failed to fetch http://x/y.deb  404  Not Found\n")


def install(run: FakeRun, power: Power = ROOT, uid: int = 0) -> Told:
    tell = Told()
    ensure(["nftables", "tcpdump"], power=power, uid=uid, run=run, tell=tell, wait=lambda seconds: None)
    return tell


def test_the_lists_are_fetched_and_the_packages_installed_without_questions() -> None:
    run = FakeRun()
    install(run)
    update, packages = run.ran
    assert update.endswith("update")
    assert packages.endswith("install --no-install-recommends nftables tcpdump")
    for line in run.ran:
        assert "DEBIAN_FRONTEND=noninteractive" in line
        assert f"apt-get -q -y -o DPkg::Lock::Timeout={LOCK_WAIT_S}" in line


def test_nothing_missing_runs_nothing() -> None:
    run = FakeRun()
    ensure([], power=Power(None, has_apt=False), uid=1000, run=run, tell=Told())
    assert run.ran == []


def test_sudo_that_asks_nothing_is_used_and_hands_the_variables_on() -> None:
    run = FakeRun()
    install(run, SUDO, uid=1000)
    assert all(line.startswith("sudo -n env DEBIAN_FRONTEND=noninteractive") for line in run.ran)


def test_who_may_not_install_gets_the_one_line_and_nothing_is_run() -> None:
    run = FakeRun()
    with pytest.raises(SetupFailed) as caught:
        install(run, Power(None, has_apt=True), uid=1000)
    assert caught.value.hint == line_for(["nftables", "tcpdump"], uid=1000)
    assert caught.value.code != 0
    assert len(str(caught.value).splitlines()) == 2
    assert run.ran == []


def test_a_machine_without_apt_is_told_which_packages() -> None:
    with pytest.raises(SetupFailed, match="nftables tcpdump"):
        install(FakeRun(), Power(None, has_apt=False))


def test_stale_lists_are_fetched_once_more_and_the_packages_tried_again() -> None:
    run = FakeRun({"install": [FETCH, Ran(0, "")]})
    install(run)
    assert [line.rpartition("Timeout=300 ")[2].split()[0] for line in run.ran] == [
        "update",
        "install",
        "update",
        "install",
    ]


def test_an_update_that_fails_for_one_source_does_not_stop_the_packages() -> None:
    run = FakeRun({"update": [Ran(100, "E: The repository 'http://dead x' does not have a Release file\n")]})
    install(run)
    assert (run.count("update"), run.count("install --no")) == (1, 1)


def test_without_a_network_it_ends_after_the_second_try_with_two_lines() -> None:
    offline = Ran(100, "E: Failed to fetch http://x  Temporary failure resolving 'deb.debian.org'\n")
    run = FakeRun({"update": [offline], "install": [offline]})
    with pytest.raises(SetupFailed) as caught:
        install(run)
    assert str(caught.value).splitlines() == [
        "apt-get could not install nftables tcpdump (100)",
        "There is no network, or no name server: connect, then type the same line again.",
    ]
    assert run.count("install --no") == 2


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("E: Unable to locate package nftables", "add-apt-repository universe"),
        ("E: dpkg was interrupted, you must manually run 'dpkg --configure -a'", "sudo dpkg --configure -a"),
        ("E: You don't have enough free space in /var/cache/apt/archives/.", "Free a gigabyte"),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7", "Another program"),
        ("The following packages have unmet dependencies:", "sudo apt-get -f install"),
        ("E: something new", "apt-get install -y --no-install-recommends nftables tcpdump"),
    ],
)
def test_each_usual_trouble_has_its_own_hint(said: str, hint: str) -> None:
    with pytest.raises(SetupFailed) as caught:
        install(FakeRun({"install": [Ran(100, said)]}))
    assert hint in caught.value.hint


def test_lists_that_another_program_holds_are_waited_for() -> None:
    held = Ran(100, f"E: {LISTS_LOCKED}/lock. It is held by process 4711 (apt-get)\n")
    run = FakeRun({"update": [held, held, Ran(0, "")]})
    tell = install(run)
    assert run.count("update") == 3
    assert str(tell).count("waiting for it") == 2


def test_lists_that_are_never_let_go_are_not_waited_for_forever() -> None:
    held = Ran(100, f"E: {LISTS_LOCKED}/lock\n")
    run = FakeRun({"update": [held], "install": [held]})
    with pytest.raises(SetupFailed, match="could not install"):
        install(run)
    assert run.count("update") <= 2 * (LOCK_WAIT_S // 5 + 1)


def test_root_needs_no_sudo() -> None:
    power = power_of(uid=0)
    assert power.prefix == (() if power.has_apt else None)
    assert "sudo" not in line_for(["nftables"], uid=0)
