"""Starts a notebook's kernel on a bench.

Jupyter finds it by the entry point group jupyter_client.kernel_provisioners and the kernelspec's metadata, so
JupyterLab, nbclient, papermill and nbgrader use it without knowing (jupyter_client documentation, "Kernel
provisioning").
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from kvmbench.bench import places


class BenchProvisioner(LocalProvisioner):
    """A local kernel whose sockets are files, as a bench has a network of its own.

    The bench is that of the environment variable KVMBENCH_BENCH, else `default`; it is made when
    missing. It outlives its kernels.
    """

    _lifeline: tuple[int, int] | None = None
    _meeting: Path | None = None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        manager: Any = self.parent
        environment = kwargs.get("env") or dict(os.environ)
        name = places.checked_name(environment.get("KVMBENCH_BENCH") or places.DEFAULT)
        home = places.benches_directory() / name
        self._meeting = meeting = places.meeting_directory(home) / f"k-{self.kernel_id[:8]}"
        manager.transport = "ipc"
        manager.ip = str(meeting / "s")
        manager.cache_ports = False
        kwargs = await super().pre_launch(**kwargs)
        self._close_lifeline()
        self._lifeline = reading, _ = os.pipe()
        command = [sys.executable, "-m", "kvmbench.bench.launch", name, str(meeting), manager.connection_file]
        kernel = [sys.executable if word == "python" else word for word in kwargs["cmd"]]
        kwargs["cmd"] = [*command, str(reading), kwargs.get("cwd") or os.getcwd(), *kernel]
        kwargs["cwd"] = "/"
        kwargs["pass_fds"] = (reading,)
        kwargs["env"] = environment
        return kwargs

    async def cleanup(self, restart: bool = False) -> None:
        self._close_lifeline()
        if not restart and self._meeting is not None:
            shutil.rmtree(self._meeting, ignore_errors=True)  # destroying the bench may have been quicker
        await super().cleanup(restart=restart)

    def _close_lifeline(self) -> None:
        """The launcher kills its kernel when this pipe closes, also because the Jupyter server was killed."""
        for end in self._lifeline or ():
            os.close(end)
        self._lifeline = None
