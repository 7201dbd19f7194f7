"""JupyterLab's terminals, in which a student types what has to be typed outside the bench."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def with_our_programs(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables with our own programs first, so that `kvmbench` is found where it is typed."""
    path = environ.get("PATH", os.defpath)
    return {**environ, "PATH": os.pathsep.join((str(Path(sys.executable).parent), path))}


def option(environ: Mapping[str, str] = os.environ) -> str:
    """What Jupyter's server is told: no login shell, which would set a path of its own (/etc/profile)."""
    shell = environ.get("SHELL") or "/bin/bash"
    return f"--ServerApp.terminado_settings={{'shell_command': [{shell!r}]}}"
