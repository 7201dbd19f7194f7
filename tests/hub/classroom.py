"""A JupyterHub of one's own with students at work on it; as a program it prints what a class costs.

sudo .venv/bin/python tests/hub/classroom.py 5
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from kvmbench.qemu import guestimage
from kvmbench.system import run

CONFIGURATION = """
from kvmbench import hub
from kvmbench.system.limits import Limits

c = get_config()
hub.configure(c, student=Limits(memory_mib={memory_mib}, cpus=1.0, processes=1024), idle_s={idle_s})
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.Spawner.start_timeout = c.Spawner.http_timeout = 120
c.JupyterHub.services = [*(c.JupyterHub.get("services") or []), dict(name="teacher", api_token="{token}")]
scopes = ["admin:users", "admin:servers", "access:servers"]
c.JupyterHub.load_roles = [
    *(c.JupyterHub.get("load_roles") or []), dict(name="teacher", services=["teacher"], scopes=scopes)
]
"""
WORK = """
from kvmbench import catch_up, check, look
catch_up("forwarding")
seen = look()
print("guests", sorted(guest.name for guest in seen.guests), len(seen.guests))
print("passed", sum(result.verdict == "passed" for result in check("guests").results))
"""
"""what a student does: two guests on a bridge, and the check of it"""


@dataclass
class Classroom:
    """A hub that runs, and its students, who are users of this system."""

    address: str
    token: str
    students: tuple[str, ...]
    log: Path
    kernels: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: Any = None, *, timeout_s: float = 180) -> Any:
        request = HTTPRequest(
            f"{self.address}{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
            body=None if method == "GET" else json.dumps(body or {}),
            allow_nonstandard_methods=True,
            request_timeout=timeout_s,
        )
        answer = await AsyncHTTPClient().fetch(request)
        return json.loads(answer.body) if answer.body else None

    async def start_server(self, student: str) -> float:
        """Start a student's server and wait until it is ready; seconds."""
        started = time.monotonic()
        await self.ask("POST", f"/hub/api/users/{student}/server")
        while not (await self.ask("GET", f"/hub/api/users/{student}"))["servers"].get("", {}).get("ready"):
            assert time.monotonic() < started + 120, self.log.read_text()
            await asyncio.sleep(0.2)
        return time.monotonic() - started

    async def run(self, student: str, code: str, *, timeout_s: float = 300) -> tuple[str, float]:
        """Run code in the student's kernel on their bench; what it printed, and the seconds it took."""
        started = time.monotonic()
        if student not in self.kernels:
            made = await self.ask("POST", f"/user/{student}/api/kernels", {"name": "kvmbench"})
            self.kernels[student] = made["id"]
        path = f"/user/{student}/api/kernels/{self.kernels[student]}/channels"
        request = HTTPRequest(
            f"ws{self.address.removeprefix('http')}{path}",
            headers={"Authorization": f"token {self.token}"},
            request_timeout=300,
        )
        connection = await websocket_connect(request)
        number = uuid.uuid4().hex
        header = {
            "msg_id": number,
            "msg_type": "execute_request",
            "username": "",
            "session": uuid.uuid4().hex,
        }
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        await connection.write_message(json.dumps(message | {"channel": "shell"}))
        said = ""
        while True:
            text = await asyncio.wait_for(connection.read_message(), timeout_s)
            assert text is not None, f"the kernel of {student} hung up\n{said}"
            answer = json.loads(text)
            if answer["content"].get("execution_state") == "restarting":  # it was killed
                connection.close()
                return said, time.monotonic() - started
            if answer["parent_header"].get("msg_id") != number:
                continue
            if answer["msg_type"] == "stream":
                said += answer["content"]["text"]
            elif answer["msg_type"] == "error":
                said += "\n".join(answer["content"]["traceback"])
            elif answer["content"].get("execution_state") == "idle":  # all that it printed has come by then
                connection.close()
                return said, time.monotonic() - started

    async def stop_server(self, student: str) -> None:
        await self.ask("DELETE", f"/hub/api/users/{student}/server")
        self.kernels.pop(student, None)
        deadline = time.monotonic() + 60
        while (await self.ask("GET", f"/hub/api/users/{student}"))["servers"]:
            assert time.monotonic() < deadline, self.log.read_text()
            await asyncio.sleep(0.2)

    def processes(self, student: str) -> list[str]:
        """The command lines of all that runs for a student on this machine."""
        wanted, found = pwd.getpwnam(student).pw_uid, []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):  # it ended meanwhile
                if os.stat(f"/proc/{entry}").st_uid == wanted:
                    found.append(Path(f"/proc/{entry}/cmdline").read_text().replace("\0", " "))
        return [line for line in found if line]


@contextmanager
def classroom(
    students: int, home: Path, *, idle_s: float = 3600, memory_mib: int = 2048
) -> Iterator[Classroom]:
    """Make users of this system and a hub for them; both are gone afterwards. Needs root."""
    names = tuple(f"kb{secrets.token_hex(4)}x{number}" for number in range(1, students + 1))
    port, hub_port, proxy_port = _free_ports(3)
    token = secrets.token_hex(16)
    home.mkdir(parents=True, mode=0o755)
    log = home / "hub.log"
    (home / "jupyterhub_config.py").write_text(
        CONFIGURATION.format(
            port=port,
            hub_port=hub_port,
            proxy_port=proxy_port,
            token=token,
            idle_s=idle_s,
            memory_mib=memory_mib,
        )
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "KVMBENCH_SHARED": str(_share(home / "all")),
    }
    for name in names:
        run(["useradd", "--create-home", "--home-dir", str(home / name), name]).checked()
    with log.open("wb") as output:
        hub = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", "jupyterhub_config.py"],
            cwd=home,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    made = Classroom(f"http://127.0.0.1:{port}", token, names, log)
    try:
        asyncio.run(_wait_for(made, hub))
        yield made
    finally:
        hub.send_signal(signal.SIGTERM)  # it stops its students' servers, and the proxy
        try:
            hub.wait(60)
        finally:
            for name in names:
                run(["userdel", name])


def _share(directory: Path) -> Path:
    """An image, a key and templates for everyone there, as the machine's root makes them for a class."""
    directory.mkdir(mode=0o755)
    for made in guestimage.cache_directory().glob("guest*"):  # found there, they need not be built again
        shutil.copy2(made, directory)
    line = [sys.executable, "-m", "kvmbench.cli", "image", "build", "--everyone"]
    run(line, env=os.environ | {"KVMBENCH_SHARED": str(directory)}, timeout_s=300).checked()
    return directory


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


async def _wait_for(made: Classroom, hub: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        assert hub.poll() is None, made.log.read_text()
        assert time.monotonic() < deadline, made.log.read_text()
        try:
            await made.ask("POST", "/hub/api/users", {"usernames": list(made.students)})
            return
        except (OSError, HTTPClientError):  # the proxy is there before it knows the hub
            await asyncio.sleep(0.2)


async def a_lesson(made: Classroom) -> dict[str, list[float]]:
    """All students at once: servers up, two guests each, checked."""
    servers = await asyncio.gather(*(made.start_server(name) for name in made.students))
    print("servers:", ", ".join(f"{seconds:.1f} s" for seconds in servers), flush=True)
    worked = await asyncio.gather(*(made.run(name, WORK, timeout_s=900) for name in made.students))
    for name, (said, seconds) in zip(made.students, worked, strict=True):
        print(f"{name}: {seconds:.1f} s; {' | '.join(said.strip().splitlines()[-2:])}", flush=True)
    return {"servers": list(servers), "work": [seconds for _, seconds in worked]}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    home = Path(f"/tmp/kvmbench-class-{os.getpid()}")
    try:
        with classroom(count, home) as made:
            asyncio.run(a_lesson(made))
            from kvmbench.system.limits import Limits, group

            for name in made.students:
                used = group(f"student-{name}", Limits(memory_mib=2048, cpus=1.0, processes=1024))
                print(f"{name}: {used.memory_mib():.0f} MiB in {len(used.members())} processes")
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
