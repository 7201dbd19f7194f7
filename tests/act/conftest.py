"""A machine in namespaces of its own, on which actions are really carried out."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Sequence

import pytest

from kvmbench.qemu import launcher
from kvmbench.system import Completed, Machine, run

_SET_UP = """set -e
mount -t tmpfs none /run; mkdir -p /run/netns /run/kvmbench/guests /run/layer/upper /run/layer/work
mount -t sysfs none /sys
mount -t overlay -o lowerdir=/etc,upperdir=/run/layer/upper,workdir=/run/layer/work,userxattr none /etc
mount -t tmpfs none /var/lib/misc
mkdir /run/bin; cp "$LAUNCHER" /run/bin/qemu-kvm
rm -f /etc/qemu-ifup
printf '#!/bin/sh\\nexec /usr/sbin/dnsmasq --user= --group= "$@"\\n' >/run/bin/dnsmasq
chmod +x /run/bin/dnsmasq
ip link set lo up; ip link add ens33 type veth peer name out; ip address add 172.16.0.67/16 dev ens33
echo $$; cat; :  # a shell that waits buries whoever else ended, as the first process has to
"""


class RoomMachine:
    """Asks and changes the room instead of the machine itself."""

    def __init__(self, pid: int) -> None:
        self._enter = ["nsenter", f"--target={pid}", "-U", "--preserve-credentials", "-m", "-n", "-p"]

    def run(self, argv: Sequence[str] | str, *, timeout_s: float = 30.0, input: str = "") -> Completed:
        words = ["sh", "-c", argv] if isinstance(argv, str) else list(argv)
        env = {"PATH": "/run/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        return run([*self._enter, *words], timeout_s=timeout_s, input=input, env=env)

    def read(self, path: str) -> str | None:
        ended = self.run(["cat", path])
        return ended.out if ended.ok else None

    def listdir(self, path: str) -> tuple[str, ...]:
        return tuple(self.run(f"ls -A {shlex.quote(path)}").out.split())


@pytest.fixture
def room() -> Iterator[Machine]:
    """A room that is gone, with all that runs in it, when its first process loses its standard input."""
    with subprocess.Popen(
        ["unshare", "-Urnmpf", "--kill-child", "--mount-proc", "sh", "-c", _SET_UP],
        env={
            **os.environ,
            "LAUNCHER": str(launcher.source()),
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as keeper:
        assert keeper.stdout is not None
        assert keeper.stdin is not None
        assert keeper.stdout.readline() == "1\n", "the room was not made"
        children = f"/proc/{keeper.pid}/task/{keeper.pid}/children"
        with open(children) as file:
            first = int(file.read())
        yield RoomMachine(first)
        keeper.stdin.close()
