"""Starts a student's server as that user, in a control group, and ends their benches with it."""

from __future__ import annotations

import asyncio
import os
import pwd
import sys
from collections.abc import Callable
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner
from traitlets import Any as AnyTrait
from traitlets import default

from kvmbench.system.limits import Group, group

_STOP_TIMEOUT_S = 30.0


class BenchSpawner(LocalProcessSpawner):  # type: ignore[misc]  # (JupyterHub ships no types)
    """A server for a user of this system; their benches live in its control group and end with it."""

    limits: Any = AnyTrait(None, help="What one student may use (kvmbench.system.limits.Limits).").tag(
        config=True
    )

    @default("cmd")
    def _student(self) -> list[str]:
        return [sys.executable, "-m", "kvmbench.hub.student"]

    @default("env_keep")
    def _kept(self) -> list[str]:
        return [*super()._env_keep_default(), "KVMBENCH_SHARED"]

    async def start(self) -> Any:
        """Start it; the control group is there before the first process of the student's is.

        Raises:
            BenchError: no control group could be made, and there are limits to keep.
        """
        self._make_group()
        return await super().start()

    def make_preexec_fn(self, name: str) -> Callable[[], None]:
        """What the new process does before it is the student's server: join its group, become the student."""
        account, joined = pwd.getpwnam(name), self._make_group()
        groups = os.getgrouplist(name, account.pw_gid)

        def become() -> None:
            if joined is not None:
                joined.join()
            os.setgroups(groups)
            os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
            os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
            os.chdir(account.pw_dir)

        return become

    async def stop(self, now: bool = False) -> None:
        """Stop the server, then the benches; what is left in the group after that is ended by the kernel."""
        await super().stop(now)
        await self._stop_benches()
        left = self._make_group()
        if left is not None:
            await asyncio.to_thread(left.remove)

    def _make_group(self) -> Group | None:
        """Found again by its name: a hub that was restarted knows its students' groups too."""
        return group(f"student-{self.user.name}", self.limits) if self.limits is not None else None

    async def _stop_benches(self) -> None:
        """As the student, since benches are found in their home."""
        line = [sys.executable, "-m", "kvmbench.cli", "bench", "stop", "--all"]
        ended = await asyncio.create_subprocess_exec(
            *line,
            env=self.get_env(),
            preexec_fn=self.make_preexec_fn(self.user.name),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await asyncio.wait_for(ended.communicate(), _STOP_TIMEOUT_S)
        except asyncio.TimeoutError:
            ended.kill()
            said = b"it took too long"
        if ended.returncode:
            self.log.warning("benches of %s: %s", self.user.name, said.decode(errors="replace").strip())
