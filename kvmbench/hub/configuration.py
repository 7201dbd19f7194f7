"""What a JupyterHub needs to be told so that its users work on benches."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from kvmbench.bench import stock
from kvmbench.errors import BadInput, BenchError
from kvmbench.hub.spawner import BenchSpawner
from kvmbench.system.limits import Limits

STUDENT = Limits(memory_mib=2048, cpus=1.0, processes=1024)
"""two guests of 256 MiB with their QEMU take 0.5 GiB, JupyterLab and a kernel 0.3 GiB"""
IDLE_S = 3600.0
_SERVICE = "idle"


def configure(c: Any, *, student: Limits | None = STUDENT, idle_s: float | None = IDLE_S) -> None:
    """Set a JupyterHub up for the course; `c` is the configuration object of jupyterhub_config.py.

    The hub runs as root, as it starts servers for the system's users. What is not set here is JupyterHub's
    own (authenticator, address, TLS), before or behind this line.

    Args:
        student: what one student's server, bench and guests may use together; None for no limit. On a machine
            without control groups to make, a server is not started rather than started without its limit.
        idle_s: a server without activity for that many seconds is stopped, and its benches with it; their
            files stay. None: never.

    Raises:
        BadInput: a limit that nothing could run under.
        BenchError: there is no guest image for everyone yet.
    """
    if student and student.memory_mib is not None and student.memory_mib < 512:
        raise BadInput(
            f"{student.memory_mib} MiB are too little for JupyterLab and a guest",
            "Give each student 1024 MiB at least: hub.configure(c, student=Limits(memory_mib=1024)).",
        )
    if stock.shared() is None:
        raise BenchError(
            "there is no guest image for everyone: each student would build one of their own",
            "Build it once, as root: kvmbench image build --everyone",
        )
    c.JupyterHub.spawner_class = BenchSpawner
    c.BenchSpawner.limits = student
    c.ConfigurableHTTPProxy.command = [str(Path(sys.executable).with_name("configurable-http-proxy"))]
    if idle_s is None:
        return
    c.JupyterHub.services = [*(c.JupyterHub.get("services") or []), _idle_service(idle_s)]
    c.JupyterHub.load_roles = [*(c.JupyterHub.get("load_roles") or []), _idle_role()]


def _idle_service(idle_s: float) -> dict[str, Any]:
    """JupyterHub's own idle culler: it asks the hub who did something when, and stops the others' servers."""
    line = [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={idle_s:g}"]
    return {"name": _SERVICE, "command": [*line, f"--cull-every={max(1.0, idle_s / 10):g}"]}


def _idle_role() -> dict[str, Any]:
    scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
    return {"name": _SERVICE, "services": [_SERVICE], "scopes": scopes}
