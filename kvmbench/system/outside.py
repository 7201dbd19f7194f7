"""Ask the outside host of this bench to run a command: it runs there without power over that host."""

from __future__ import annotations

import json
import os
import select
import socket
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from kvmbench.errors import OutsideUnreachable
from kvmbench.system.run import PATH, Completed

SERVICE = Path("/run/kvmbench")
"""on a bench: what belongs to it; there, and only there, this directory holds bench.json"""
SOCKET = SERVICE / "service" / "outside.sock"
_PASSED = ("LANG", "TERM", "COLUMNS", "LINES")


def run(argv: Sequence[str], *, timeout_s: float = 20.0, input: str = "") -> Completed:
    """Run a program on the outside host to its end; code 124 when its time ran out.

    Raises:
        OutsideUnreachable: there is no such host here, or it does not answer.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(input.encode())
        given.seek(0)
        code = _ask(argv, (given.fileno(), out.fileno(), err.fileno()), timeout_s)
        for stream in (out, err):
            stream.seek(0)
        return Completed(
            tuple(argv), code, out.read().decode(errors="replace"), err.read().decode(errors="replace")
        )


def attach(argv: Sequence[str]) -> int:
    """Run a program on the outside host with the caller's standard streams; its exit code.

    Raises:
        OutsideUnreachable: there is no such host here, or it does not answer.
    """
    return _ask(argv, (0, 1, 2), None)


def _ask(argv: Sequence[str], streams: tuple[int, int, int], timeout_s: float | None) -> int:
    request = json.dumps({"argv": list(argv), "env": _environment(os.environ)}).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        try:
            client.connect(str(SOCKET))
            socket.send_fds(client, [request], streams)
            if not select.select([client], [], [], timeout_s)[0]:
                return 124
            answer = client.recv(100)
        except OSError as error:
            raise OutsideUnreachable(
                f"the outside host does not answer: {error.strerror or error}",
                "It belongs to a bench and ends with it: kvmbench bench list shows whether yours is running.",
            ) from error
    if not answer:
        raise OutsideUnreachable("the outside host hung up", "Start afresh: kvmbench bench reset")
    return int(answer)


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    kept = {name: given[name] for name in _PASSED if name in given}
    return kept | {"PATH": PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash"}
