"""Devices opened for a while. A terminal of the test's own stands in for /dev/net/tun."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmbench.setup.devices import open_tun, opened_to_all
from kvmbench.setup.progress import Ran
from tests.setup.fakes import FakeRun, Told


@pytest.fixture
def device() -> Iterator[Path]:
    """A character device that this user may change."""
    master, slave = os.openpty()
    path = Path(os.ttyname(slave))
    path.chmod(0o600)
    yield path
    os.close(master)
    os.close(slave)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_device_is_open_for_the_block_and_as_before_afterwards(device: Path, tmp_path: Path) -> None:
    with opened_to_all(Told(), [device], tmp_path):
        assert mode(device) == 0o666
    assert mode(device) == 0o600
    assert not list(tmp_path.glob("*.json"))


def test_it_is_put_back_when_the_block_fails(device: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), opened_to_all(Told(), [device], tmp_path):
        raise KeyboardInterrupt
    assert mode(device) == 0o600


def test_a_device_that_is_open_already_is_left_as_it_is(device: Path, tmp_path: Path) -> None:
    device.chmod(0o666)
    with opened_to_all(Told(), [device], tmp_path):
        pass
    assert mode(device) == 0o666


def test_the_last_of_two_puts_it_back(device: Path, tmp_path: Path) -> None:
    first, second = (opened_to_all(Told(), [device], tmp_path) for _ in range(2))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert mode(device) == 0o666
    second.__exit__(None, None, None)
    assert mode(device) == 0o600


def test_what_a_killed_run_left_open_the_next_one_puts_back(device: Path, tmp_path: Path) -> None:
    (tmp_path / "kvmbench-test-devices.json").write_text(json.dumps({str(device): 0o620}))
    device.chmod(0o666)
    with opened_to_all(Told(), [device], tmp_path):
        assert mode(device) == 0o666
    assert mode(device) == 0o620


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": "y"}'])
def test_a_record_that_was_cut_off_counts_for_nothing(device: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "kvmbench-test-devices.json").write_text(text)
    with opened_to_all(Told(), [device], tmp_path):
        assert mode(device) == 0o666
    assert mode(device) == 0o600


def test_what_is_missing_or_no_device_is_passed_over(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    plain.chmod(0o600)
    with opened_to_all(Told(), [plain, tmp_path / "none"], tmp_path):
        assert mode(plain) == 0o600


def test_the_tun_device_is_opened_by_chmod_and_it_is_told(device: Path) -> None:
    run, tell = FakeRun(), Told()
    open_tun(prefix=("sudo", "-n"), run=run, tell=tell, device=device)
    assert run.ran == [f"sudo -n chmod 0666 {device}"]
    assert str(tell) == f"system: {device} is now open to all (it had mode 0600; 0666 is udev's default)"


def test_a_tun_device_that_is_open_or_missing_is_left_alone(device: Path, tmp_path: Path) -> None:
    device.chmod(0o666)
    run = FakeRun()
    open_tun(prefix=(), run=run, tell=Told(), device=device)
    open_tun(prefix=(), run=run, tell=Told(), device=tmp_path / "none")
    assert run.ran == []


def test_a_tun_device_that_cannot_be_opened_is_no_reason_to_stop(device: Path) -> None:
    tell = Told()
    open_tun(prefix=(), run=FakeRun({"chmod": [Ran(1, "not permitted")]}), tell=tell, device=device)
    assert tell.lines == []
