"""What the outside host does: a web page that tells who asks, and commands for students without power."""

from __future__ import annotations

import http.server
import json
import os
import selectors
import signal
import socket
from contextlib import suppress
from typing import Any, NoReturn

from kvmbench.bench import linux, seal


class _WhoAsks(http.server.BaseHTTPRequestHandler):
    """Answers with the address that the request came from: what source NAT made of it."""

    server_version = "outside"
    timeout = 10
    """seconds that a client may keep a thread waiting"""

    def do_GET(self) -> None:
        body = f"{self.client_address[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


class _Web(http.server.ThreadingHTTPServer):
    """One that keeps its troubles to itself: nobody reads the log, and it must not fill the disk."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up, or no thread to be had: the next one is served."""


def _serve_web(listening: socket.socket) -> NoReturn:
    server = _Web(("", 0), _WhoAsks, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.serve_forever()
    os._exit(0)


def serve(service: socket.socket, web: socket.socket, init: int, lifeline: int | None = None) -> NoReturn:
    """Answer until the bench's first process ends, or the lifeline does; then end everything by ending.

    A request is one packet of JSON {"argv", "env"} with the three standard descriptors; the answer is the
    exit code as text. A client that goes away takes its command along.
    """
    _Desk(service, web, init, lifeline).serve()


class _Desk:
    """Takes commands and answers; what a client does wrong, or the machine lacks, ends only that client."""

    def __init__(self, service: socket.socket, web: socket.socket, init: int, lifeline: int | None) -> None:
        self.service, self.web, self.init, self.lifeline = service, web, init, lifeline
        self.web_server: int | None = None
        self.waking, self.woken = socket.socketpair()
        self.idle: set[socket.socket] = set()
        """connected, and nothing asked yet"""
        self.running: dict[int, socket.socket] = {}
        """the command's pid → who asked for it"""
        self.selector = selectors.DefaultSelector()

    def serve(self) -> NoReturn:
        for end in (self.service, self.waking, self.woken):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.woken.fileno(), warn_on_full_buffer=False)
        self.selector.register(self.service, selectors.EVENT_READ)
        self.selector.register(self.waking, selectors.EVENT_READ)
        if self.lifeline is not None:
            self.selector.register(self.lifeline, selectors.EVENT_READ)
        while True:
            if self.web_server is None:
                self._start_web()
            for key, _ in self.selector.select(timeout=None if self.web_server else 1):
                ready = key.fileobj
                if ready == self.lifeline:
                    os._exit(0)
                assert isinstance(ready, socket.socket)
                if ready is self.service:
                    self._accept()
                elif ready is self.waking:
                    self.waking.recv(4096)
                    self._collect()
                elif ready in self.idle:
                    self._take(ready)
                elif ready.fileno() >= 0:  # it runs something already, and says more or hangs up
                    self._hang_up(ready)

    def _start_web(self) -> None:
        with suppress(OSError):  # no process to be had: tried again in a second
            self.web_server = os.fork()
        if self.web_server == 0:
            for other in (self.service, self.waking, self.woken):
                other.close()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _serve_web(self.web)

    def _accept(self) -> None:
        try:
            client, _ = self.service.accept()
        except BlockingIOError:
            return
        except OSError:  # no descriptor to be had: those who ask nothing make room
            for each in list(self.idle):
                self._hang_up(each)
            return
        self.idle.add(client)
        self.selector.register(client, selectors.EVENT_READ)

    def _collect(self) -> None:
        for pid, code in _ended():
            if pid == self.init:
                os._exit(0)
            if pid == self.web_server:
                self.web_server = None
            client = self.running.pop(pid, None)
            if client is not None:
                with suppress(OSError):  # whoever asked is gone
                    client.send(str(code).encode(), socket.MSG_DONTWAIT)
                self._hang_up(client)

    def _take(self, client: socket.socket) -> None:
        argv, environment, descriptors = _request(client)
        child = None
        try:
            if argv and len(descriptors) == 3:
                with suppress(OSError):  # no process to be had
                    child = os.fork()
            if child == 0:
                signal.set_wakeup_fd(-1)
                _become(argv, environment, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        if child is None:
            self._hang_up(client)
        else:
            self.idle.discard(client)
            self.running[child] = client

    def _hang_up(self, client: socket.socket) -> None:
        for pid in [pid for pid, asked_by in self.running.items() if asked_by is client]:
            del self.running[pid]
            for kill in (os.killpg, os.kill):  # it may have no group yet, as it was forked a moment ago
                with suppress(ProcessLookupError):
                    kill(pid, signal.SIGKILL)
        self.idle.discard(client)
        self.selector.unregister(client)
        client.close()


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


def _request(client: socket.socket) -> tuple[list[str], dict[str, str], list[int]]:
    """What a client asks for, and the descriptors that it sent; no words for a hang-up or nonsense."""
    descriptors: list[int] = []
    try:
        text, descriptors, _, _ = socket.recv_fds(client, 100_000, 3, socket.MSG_DONTWAIT)
        request = json.loads(text)
        argv = [str(word) for word in request["argv"]]
        return argv, {str(k): str(v) for k, v in request["env"].items()}, descriptors
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return [], {}, descriptors


def _become(argv: list[str], environment: dict[str, str], descriptors: list[int]) -> NoReturn:
    """The student's command: in the outside network, without power over it, alone with its processes."""
    try:
        signal.set_wakeup_fd(-1)
        for handled in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(handled, signal.SIG_DFL)
        os.setsid()
        for number, descriptor in enumerate(descriptors):  # numbers that are free here, so above 2
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
        except ValueError as error:
            os.write(2, f"outside: no such command: {error}\n".encode())
            os._exit(126)
    while True:
        pid, status = os.wait()
        if pid == command:
            os._exit(_exit_code(status))


def _exit_code(status: int) -> int:
    """As a shell gives it: 128 + n for a signal n."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code
