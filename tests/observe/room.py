"""Run a Python snippet in namespaces of its own: a small host that is gone when the snippet ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

_START = """set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/kvmbench/guests
mount -t sysfs sysfs /sys
ip link set lo up
"""

SETTLES_S = 20.0


def kept() -> tuple[int, int]:
    """How many descriptors this process has open, and how many threads.

    Fonts do not count: matplotlib keeps those of each thread that drew, 64 at most.
    """
    opened = [Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd")]
    there = [os.readlink(each) for each in opened if each.is_symlink()]  # not that of the listing itself
    return sum(not target.endswith(".ttf") for target in there), threading.active_count()


def back_at(before: tuple[int, int]) -> bool:
    """Whether nothing more is kept than before, once what is on its way out has gone."""
    ends = time.monotonic() + SETTLES_S
    while kept() != before and time.monotonic() < ends:
        time.sleep(0.02)
    return kept() == before


def inside(setup: str, snippet: str, timeout_s: float = 60) -> str:
    """What the snippet prints, run after these shell lines; both run as the root of the room."""
    script = f'{_START}{setup}\nexec "$PYTHON" -c "$SNIPPET"'
    done = subprocess.run(
        ["unshare", "-Urnmpf", "--kill-child", "--mount-proc", "sh", "-c", script],
        env={
            "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin",
            "PYTHON": sys.executable,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SNIPPET": snippet,
        },
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
