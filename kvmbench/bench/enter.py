"""Run a program on a bench: enter its namespaces, fork, pass signals on, give its exit code."""

from __future__ import annotations

import os
import select
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from kvmbench.bench import linux, seal
from kvmbench.bench.lifecycle import Bench
from kvmbench.errors import BenchNotRunning
from kvmbench.system.run import Completed

KINDS = ("user", "ipc", "uts", "net", "pid", "mnt")
"""the user namespace first, as it gives the right to enter the others"""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOT_ENTERED = 253
_PASSED = (
    *("LANG", "LANGUAGE", "TERM", "COLORTERM", "TZ", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"),
    *("JPY_SESSION_NAME", "JUPYTER_PLATFORM_DIRS"),  # not all of Jupyter's own: tokens are among them
)
_PASSED_PREFIXES = ("LC_", "IPYTHON", "PYDEVD", "MPL", "KVMBENCH_")


def environment(bench: Bench, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """A program's environment on the bench: of the caller's only language and terminal."""
    given = os.environ if given is None else given
    kept = {
        name: value for name, value in given.items() if name in _PASSED or name.startswith(_PASSED_PREFIXES)
    }
    return kept | {
        "PATH": PATH,
        "HOME": "/root",
        "USER": "root",
        "LOGNAME": "root",
        "SHELL": "/bin/bash",
        "KVMBENCH_BENCH": bench.name,
    }


def own_command(bench: Bench, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """`kvmbench ARGUMENTS` on the bench, by the very program that runs now: its words and its environment."""
    package = Path(__file__).resolve().parents[2]
    line = [sys.executable, "-m", "kvmbench.cli", *arguments]
    return line, environment(bench) | {"PYTHONPATH": str(package)}


def run(
    bench: Bench,
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    lifeline: int | None = None,
    new_session: bool = False,
    prepare: Callable[[], None] | None = None,
) -> int:
    """Run a program on the bench with the caller's standard streams; its exit code, 128 + n for a signal n.

    The calling process must have one thread, and is of no other use afterwards: it stays in the bench's
    namespaces. `lifeline` is a pipe's reading end: when its other end closes, the program is killed. What
    `prepare` does, the bench's root does on the bench before the program starts.

    Raises:
        BenchNotRunning: its first process is gone.
    """
    try:
        doors = [os.open(f"/proc/{bench.init}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in KINDS]
        if os.geteuid() == 0:
            os.setgroups([])
        for door in doors:
            linux.setns(door)
            os.close(door)
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    except OSError as error:
        raise BenchNotRunning(
            f"bench {bench.name!r} cannot be entered: {error.strerror}",
            f"Start it again: kvmbench bench reset {bench.name}",
        ) from error
    wanted = cwd or bench.workdir
    os.chdir(wanted if os.path.isdir(wanted) else "/root")
    if prepare is not None:
        prepare()
    linux.hide_from_peers()  # until it is the program, the child holds what the caller's memory holds
    child = os.fork()
    if child == 0:
        _become(argv, environment(bench) if env is None else env, new_session)
    return _attend(child, lifeline, to_group=new_session)


def capture(
    bench: Bench, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: str | None = None
) -> Completed:
    """Run a program on the bench to its end, with no input, and have what it prints.

    Raises:
        BenchNotRunning: its first process is gone.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _run_aside(bench, argv, env, cwd, out.fileno(), err.fileno())
        code = _ended(child)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    if code == _NOT_ENTERED:
        raise BenchNotRunning(
            f"bench {bench.name!r} cannot be entered", f"Start it again: kvmbench bench reset {bench.name}"
        )
    return Completed(tuple(argv), code, *texts)


def _ended(child: int) -> int:
    """Wait for it, also when interrupted: so was the program, and it may have things to put right first."""
    try:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except KeyboardInterrupt:
        os.waitpid(child, 0)
        raise


def _run_aside(
    bench: Bench, argv: Sequence[str], env: Mapping[str, str] | None, cwd: str | None, out: int, err: int
) -> NoReturn:
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        for number, descriptor in enumerate((null, out, err)):
            os.dup2(descriptor, number)
        os._exit(run(bench, argv, env=env, cwd=cwd))
    except BenchNotRunning:
        os._exit(_NOT_ENTERED)
    finally:
        os._exit(1)


def _become(argv: Sequence[str], env: Mapping[str, str], new_session: bool) -> NoReturn:
    linux.die_with_parent(signal.SIGKILL)
    try:
        seal.close_files()
        seal.refuse_what_leads_out()
        if new_session:
            os.setsid()
        os.environ["PATH"] = env.get("PATH", PATH)
        os.execvpe(argv[0], list(argv), dict(env))
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
    os._exit(127 if not os.path.exists(argv[0]) else 126)


def _attend(child: int, lifeline: int | None, *, to_group: bool) -> int:
    """Wait for the program, and pass on what it is sent meanwhile."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):  # it ended in this moment
            (os.killpg if to_group else os.kill)(child, number)

    # The terminal sends an interrupt to the program itself when it shares the session: it must not get two.
    signal.signal(signal.SIGINT, pass_on if to_group else signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, pass_on if to_group else signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, pass_on)
    if lifeline is not None:
        handle = os.pidfd_open(child)
        while handle not in select.select([handle, lifeline], [], [])[0]:
            if not os.read(lifeline, 100):
                os.kill(child, signal.SIGKILL)
                break
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return 128 - code if code < 0 else code
