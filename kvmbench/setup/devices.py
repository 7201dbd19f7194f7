"""/dev/net/tun and /dev/kvm opened to all for the time of the tests, and put back afterwards.

Several test runs at a time share one record: the first opens the devices, the last puts them back. A run
that was killed leaves the record, and the next one puts back what it finds there.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kvmbench.setup.progress import Run, Tell

DEVICES = (Path("/dev/net/tun"), Path("/dev/kvm"))
# Only root writes in /run, so that nobody else can put a file in its place; a reboot empties it.
RECORDS = Path("/run")
OPEN_TO_ALL = 0o666


def open_tun(*, prefix: Sequence[str], run: Run, tell: Tell, device: Path = DEVICES[0]) -> None:
    """Let everybody make tap devices in namespaces of their own, as udev's rules do by default.

    A minimal machine without udev has this device closed, also to the benches that root makes: their root is
    an ordinary user to it. Where it cannot be opened, `kvmbench doctor` says so.
    """
    mode = _mode(device)
    if mode is None or mode & 0o006 == 0o006:
        return
    if run([*prefix, "chmod", "0666", str(device)]).ok:
        tell(f"system: {device} is now open to all (it had mode {mode:04o}; 0666 is udev's default)")


@contextmanager
def opened_to_all(tell: Tell, devices: Sequence[Path] = DEVICES, records: Path = RECORDS) -> Iterator[None]:
    """Let everybody read and write these devices, for as long as the block runs; needs root.

    A device that cannot be opened so (in a container, say) is told of, and is no reason to stop.
    """
    record = records / "kvmbench-test-devices.json"
    with (
        _file(records / "kvmbench-test-devices.turn") as turn,
        _file(records / "kvmbench-test-devices.users") as users,
    ):
        with _locked(turn):
            fcntl.flock(users, fcntl.LOCK_SH)
            _open(devices, record, tell)
        try:
            yield
        finally:
            with _locked(turn):
                if _is_last(users):
                    _put_back(record)


@contextmanager
def _file(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _locked(handle: int) -> Iterator[None]:
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)


def _is_last(users: int) -> bool:
    """Whether no other test run goes on."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open(devices: Sequence[Path], record: Path, tell: Tell) -> None:
    modes = _modes(record)
    for device in devices:
        mode = _mode(device)
        if mode is not None and mode != OPEN_TO_ALL:
            modes.setdefault(str(device), mode)
    # Written before anything changes, so that a kill between the two loses nothing.
    record.write_text(json.dumps(modes), encoding="utf-8")
    for device in devices:
        if _mode(device) not in (None, OPEN_TO_ALL):
            try:
                device.chmod(OPEN_TO_ALL)
            except OSError as error:
                tell(f"tests: {device} stays closed to ordinary users ({error.strerror})")


def _put_back(record: Path) -> None:
    for name, mode in _modes(record).items():
        if _mode(Path(name)) not in (None, mode):
            Path(name).chmod(mode)
    record.unlink(missing_ok=True)


def _mode(device: Path) -> int | None:
    """The permissions of a character device; None where it is missing or something else."""
    try:
        found = device.stat()
    except OSError:
        return None
    return stat.S_IMODE(found.st_mode) if stat.S_ISCHR(found.st_mode) else None


def _modes(record: Path) -> dict[str, int]:
    try:
        kept = json.loads(record.read_text(encoding="utf-8"))
        return {str(name): int(mode) for name, mode in kept.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
