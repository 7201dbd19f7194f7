"""The process that Jupyter takes for the kernel: it makes a missing bench, and runs the kernel on it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from kvmbench.bench import enter, lifecycle, stock
from kvmbench.errors import KvmbenchError


def main() -> int:
    """argv: bench, directory for the sockets, connection file, lifeline descriptor, the kernel's command."""
    name, meeting, connection_file, lifeline, *command = sys.argv[1:]
    try:
        bench = lifecycle.ensure(name, stock.load_or_make(), workdir=Path.cwd())
    except KvmbenchError as error:
        print(error, file=sys.stderr)
        return 1
    room = Path(meeting)
    shutil.rmtree(room, ignore_errors=True)  # a kernel that was killed leaves its sockets
    room.mkdir(mode=0o700)
    connection = room / "kernel.json"
    shutil.copy(connection_file, connection)
    owner = room.parent.stat()
    for path in (room, connection):
        os.chown(path, owner.st_uid, owner.st_gid)
    # Process 1 of a bench is no Jupyter server, yet ipykernel takes a parent with pid 1 for a dead one.
    environment = enter.environment(bench) | {"JPY_PARENT_PID": "1"}
    argv = [str(connection) if word == connection_file else word for word in command]
    try:
        return enter.run(
            bench, argv, env=environment, cwd=str(Path.cwd()), lifeline=int(lifeline), new_session=True
        )
    except KvmbenchError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
