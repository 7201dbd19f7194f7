"""Installing Debian packages: with apt-get where that is allowed, else the one line that does it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kvmbench.setup.progress import Ran, Run, Tell
from kvmbench.setup.trouble import SetupFailed, hint_for

# Another apt-get (a fresh cloud machine runs one at boot) is waited for: apt-get does so for dpkg's lock,
# and not for that of the package lists.
LOCK_WAIT_S = 300
LISTS_LOCKED = "Could not get lock /var/lib/apt/lists"
_APT_GET = ("apt-get", "-q", "-y", "-o", f"DPkg::Lock::Timeout={LOCK_WAIT_S}")


@dataclass(frozen=True)
class Power:
    """What this user may do about packages: the words before apt-get, or None where nothing can be done."""

    prefix: tuple[str, ...] | None
    has_apt: bool


def power_of(*, uid: int) -> Power:
    """Whether apt-get is there, and whether it may be run: as root, or by a sudo that asks no password."""
    has_apt = shutil.which("apt-get") is not None
    if uid == 0:
        return Power(() if has_apt else None, has_apt)
    if has_apt and shutil.which("sudo") and _sudo_asks_nothing():
        return Power(("sudo", "-n"), has_apt)
    return Power(None, has_apt)


def _sudo_asks_nothing() -> bool:
    try:
        asked = subprocess.run(
            ["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def line_for(packages: Sequence[str], *, uid: int) -> str:
    """The one line to type.

    >>> line_for(["nftables", "dnsmasq-base"], uid=1000)
    'sudo apt-get update && sudo apt-get install -y --no-install-recommends nftables dnsmasq-base'
    """
    sudo = "" if uid == 0 else "sudo "
    return f"{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {' '.join(packages)}"


def ensure(
    packages: Sequence[str],
    *,
    power: Power,
    uid: int,
    run: Run,
    tell: Tell,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Install packages that are missing.

    Raises:
        SetupFailed: it is not allowed (the hint is the line to type), or apt-get failed.
    """
    if not packages:
        return
    if not power.has_apt:
        raise SetupFailed(
            "these Debian packages are missing, and this machine has no apt-get: " + " ".join(packages),
            "Install what your distribution calls them, then type the same line again.",
        )
    if power.prefix is None:
        raise SetupFailed(
            f"system packages are missing ({len(packages)}), and you may not install them; have this typed:",
            line_for(packages, uid=uid),
        )
    tell(f"system: installing {' '.join(packages)}")
    done = _install(packages, prefix=power.prefix, run=run, tell=tell, wait=wait)
    if not done.ok:
        tell(f"system: apt-get said\n{done.last_lines()}")
        otherwise = f"Type it yourself to see all it says: {line_for(packages, uid=uid)}"
        raise SetupFailed(
            f"apt-get could not install {' '.join(packages)} ({done.code})", hint_for(done.said, otherwise)
        )
    tell("system: installed")


def _install(
    packages: Sequence[str], *, prefix: tuple[str, ...], run: Run, tell: Tell, wait: Callable[[float], None]
) -> Ran:
    """Fresh lists, then the packages; lists that could not be fetched get one more try.

    A failed update alone is no reason to stop: one dead third-party source fails it, and the packages come
    from elsewhere.
    """
    updated = _update(prefix, run, tell, wait)
    command = [*_APT_GET, "install", "--no-install-recommends", *packages]
    done = run(_with(prefix, command))
    if done.ok or (updated.ok and "Failed to fetch" not in done.said):
        return done
    tell("system: the package lists are stale; fetching them once more")
    _update(prefix, run, tell, wait)
    return run(_with(prefix, command))


def _update(prefix: tuple[str, ...], run: Run, tell: Tell, wait: Callable[[float], None]) -> Ran:
    """apt-get update, after whoever holds the lists has let them go."""
    waited_s = 0.0
    while True:
        updated = run(_with(prefix, [*_APT_GET, "update"]))
        if LISTS_LOCKED not in updated.said or waited_s >= LOCK_WAIT_S:
            return updated
        tell("system: another program reads the package lists; waiting for it")
        wait(5.0)
        waited_s += 5.0


def _with(prefix: tuple[str, ...], command: Sequence[str]) -> list[str]:
    """The command with the variables that keep apt-get from asking; sudo drops those of the caller."""
    quiet = ["DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1", "LC_ALL=C.UTF-8"]
    return [*prefix, "env", *quiet, f"PATH={os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin", *command]
