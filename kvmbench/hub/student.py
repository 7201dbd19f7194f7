"""A student's server, started as that student: lays the notebooks out, then is JupyterHub's own program."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from kvmbench.bench import places
from kvmbench.system import jupyter_terminals

COURSE = "kvmbench"
"""the directory in a student's home that holds their notebooks"""
OPTIONS = (
    "--MultiKernelManager.default_kernel_name=kvmbench",
    "--LanguageServerManager.autodetect=False",  # it would run npm, which writes into the home
)


def lay_out(source: Path | None, home: Path) -> Path:
    """Copy the course's notebooks that the student has not yet; what they have is theirs and stays."""
    mine = home / COURSE
    mine.mkdir(mode=0o700, exist_ok=True)
    for path in sorted(source.rglob("*")) if source else ():
        there = mine / path.relative_to(source)  # type: ignore[arg-type]  # (there is a path only with a source)
        if path.is_dir():
            there.mkdir(exist_ok=True)
        elif not there.exists() and ".ipynb_checkpoints" not in path.parts:
            shutil.copyfile(path, there)
    return mine


def main() -> None:
    """argv: what JupyterHub gives its single-user server."""
    mine = lay_out(places.notebooks_directory(), Path.home())
    os.chdir(mine)
    line = [sys.executable, "-m", "jupyterhub.singleuser", f"--ServerApp.root_dir={mine}", *OPTIONS]
    line += [jupyter_terminals.option(), *sys.argv[1:]]
    os.execve(sys.executable, line, jupyter_terminals.with_our_programs())


if __name__ == "__main__":
    main()
