"""What the outside host does: a web page that tells who asks, and commands for students without power."""

from __future__ import annotations

import http.server
import json
import os
import selectors
import signal
import socket
from dataclasses import dataclass
from typing import Any, NoReturn

from kvmbench.bench import linux, seal


class _WhoAsks(http.server.BaseHTTPRequestHandler):
    """Answers with the address that the request came from: what source NAT made of it."""

    server_version = "outside"

    def do_GET(self) -> None:
        body = f"{self.client_address[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


def _serve_web(listening: socket.socket) -> NoReturn:
    server = http.server.ThreadingHTTPServer(("", 0), _WhoAsks, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.serve_forever()
    os._exit(0)


def _start_web(listening: socket.socket, others: list[socket.socket]) -> int:
    child = os.fork()
    if child == 0:
        for other in others:
            other.close()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _serve_web(listening)
    return child


@dataclass
class _Running:
    """A command on its way, and who asked for it."""

    asked_by: socket.socket
    pid: int


def serve(service: socket.socket, web: socket.socket, init: int) -> NoReturn:
    """Answer until the bench's first process ends; then end everything by ending.

    A request is one packet of JSON {"argv", "env"} with the three standard descriptors; the answer is the
    exit code as text. A client that goes away takes its command along.
    """
    waking, woken = socket.socketpair()
    for end in (waking, woken):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    web_server = _start_web(web, [service, waking, woken])
    running: list[_Running] = []
    with selectors.DefaultSelector() as selector:
        selector.register(service, selectors.EVENT_READ)
        selector.register(waking, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                if ready is service:
                    client, _ = service.accept()
                    selector.register(client, selectors.EVENT_READ)
                elif ready is waking:
                    waking.recv(4096)
                    for pid, code in _ended():
                        if pid == init:
                            os._exit(0)
                        if pid == web_server:
                            web_server = _start_web(web, [service, waking, woken])
                        for command in [c for c in running if c.pid == pid]:
                            running.remove(command)
                            _answer(command.asked_by, code)
                            selector.unregister(command.asked_by)
                            command.asked_by.close()
                else:
                    child = _take(ready, [service, waking, woken, web])
                    if child is None:
                        selector.unregister(ready)
                        for command in [c for c in running if c.asked_by is ready]:
                            running.remove(command)
                            os.killpg(command.pid, signal.SIGKILL)
                        ready.close()
                    else:
                        running.append(_Running(ready, child))


def _ended() -> list[tuple[int, int]]:
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.append((pid, _exit_code(status)))


def _answer(client: socket.socket, code: int) -> None:
    try:
        client.send(str(code).encode())
    except OSError:
        return  # whoever asked is gone


def _take(client: socket.socket, others: list[socket.socket]) -> int | None:
    """Start what a client asks for; None when it went away or spoke nonsense."""
    try:
        text, descriptors, _, _ = socket.recv_fds(client, 100_000, 3)
        request = json.loads(text) if text else None
        argv = [str(word) for word in request["argv"]] if request else []
        environment = {str(k): str(v) for k, v in request["env"].items()} if request else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    child = None
    if argv and len(descriptors) == 3:
        child = os.fork()
        if child == 0:
            for other in others:
                other.close()
            _become(argv, environment, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    return child


def _become(argv: list[str], environment: dict[str, str], descriptors: list[int]) -> NoReturn:
    """The student's command: in the outside network, without power over it, alone with its processes."""
    try:
        signal.set_wakeup_fd(-1)
        for handled in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(handled, signal.SIG_DFL)
        os.setsid()
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        seal.close_files()
        uid, gid = os.geteuid(), os.getegid()
        linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWPID | linux.CLONE_NEWNS)
        linux.show_to_peers()  # the keeper hides, and its children with it: /proc/self could not be written
        linux.map_self_to_root(uid, gid)
        seal.refuse_what_leads_out()
        first = os.fork()
        if first == 0:
            _attend(argv, environment)
        os._exit(_exit_code(os.waitpid(first, 0)[1]))
    except OSError as error:
        os.write(2, f"outside: {error}\n".encode())
    os._exit(126)


def _attend(argv: list[str], environment: dict[str, str]) -> NoReturn:
    """Process 1 of the command's own pid namespace: it collects the dead, and ends with the command."""
    linux.die_with_parent(signal.SIGKILL)
    linux.mount("proc", "/proc", "proc")
    os.chdir("/root")
    command = os.fork()
    if command == 0:
        try:
            os.execvpe(argv[0], argv, environment)
        except OSError as error:
            os.write(2, f"outside: {argv[0]}: {error.strerror}\n".encode())
            os._exit(127 if isinstance(error, FileNotFoundError) else 126)
    while True:
        pid, status = os.wait()
        if pid == command:
            os._exit(_exit_code(status))


def _exit_code(status: int) -> int:
    """As a shell gives it: 128 + n for a signal n."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code
