"""Run a Python snippet in namespaces of its own: a small host that is gone when the snippet ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_START = """set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/kvmbench/guests
mount -t sysfs sysfs /sys
ip link set lo up
"""


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
