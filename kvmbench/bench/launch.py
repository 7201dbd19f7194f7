"""The process that Jupyter takes for the kernel: it makes a missing bench, and runs the kernel on it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from kvmbench.bench import enter, lifecycle, stock
from kvmbench.errors import KvmbenchError
from kvmbench.system import course_place


def main() -> int:
    """argv: bench, sockets' directory, connection file, lifeline descriptor, working directory, the command.

    It starts in `/`: Python looks for modules where it starts, and a notebook's directory may hold a json.py.
    """
    name, meeting, connection_file, lifeline, workdir, *command = sys.argv[1:]
    try:
        # A notebook of an instructor's own course needs the steps that lie beside it.
        shown = course_place.named() or course_place.around(Path(workdir)) or Path(workdir)
        bench = lifecycle.ensure(name, stock.load_or_make(), workdir=shown)
    except KvmbenchError as error:
        print(error, file=sys.stderr)
        return 1
    room = Path(meeting)
    connection = room / "kernel.json"
    keys = Path(connection_file).read_bytes()

    def furnish() -> None:
        """On the bench, by its root: who lives there may have put links to the machine's files in the way."""
        if not Path(workdir).is_dir():
            print(f"{workdir} is not on this bench: the kernel starts in /root", file=sys.stderr)
        if room.is_symlink() or room.is_file():
            room.unlink()
        shutil.rmtree(room, ignore_errors=True)  # a kernel that was killed leaves its sockets
        room.mkdir(mode=0o700)
        connection.touch(mode=0o600)
        connection.write_bytes(keys)

    # Process 1 of a bench is no Jupyter server, yet ipykernel takes a parent with pid 1 for a dead one.
    environment = enter.environment(bench) | {"JPY_PARENT_PID": "1"}
    argv = [str(connection) if word == connection_file else word for word in command]
    try:
        return enter.run(
            bench,
            argv,
            env=environment,
            cwd=workdir,
            lifeline=int(lifeline),
            new_session=True,
            prepare=furnish,
        )
    except KvmbenchError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
