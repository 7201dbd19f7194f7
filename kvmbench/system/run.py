"""Run a command, read a file; or replay what a real machine answered."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from kvmbench.errors import CommandFailed

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Completed:
    """A command that ended: its exit code (128 + n for signal n, 124 after its time) and what it printed."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        return self.code == 0

    def checked(self, hint: str = "") -> Completed:
        """Itself when it went well.

        Raises:
            CommandFailed: the exit code is not 0.
        """
        if not self.ok:
            raise CommandFailed(self.argv, self.code, self.err or self.out, hint)
        return self


def run(
    argv: Sequence[str] | str,
    *,
    timeout_s: float = 30.0,
    input: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run a program (a list) or a shell line (a string) to its end, in a session of its own.

    It never raises for what the program does: a missing program is code 127, time that ran out is code 124
    and the whole process group is ended.
    """
    words = ["sh", "-c", argv] if isinstance(argv, str) else list(argv)
    shown = (argv,) if isinstance(argv, str) else tuple(argv)
    environment = dict(os.environ if env is None else env)
    environment["PATH"] = _with_sbin(environment.get("PATH", ""))
    # Files, not pipes: a daemon that a command leaves behind would hold a pipe open for ever.
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(input.encode())
        given.seek(0)
        try:
            process = subprocess.Popen(
                words,
                stdin=given,
                stdout=out,
                stderr=err,
                cwd=cwd,
                env=environment,
                start_new_session=True,  # an interrupt typed in the notebook must not reach a guest
            )
        except OSError as error:
            return Completed(shown, 127, "", f"{shlex.quote(words[0])}: {error.strerror}\n")
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = 124
            err.write(f"ended after {timeout_s:g} s\n".encode())
        return Completed(shown, 128 - code if code < 0 else code, _text(out), _text(err))


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")


class Child:
    """A program that runs beside this one."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def wait(self, timeout_s: float) -> bool:
        """Whether it ended in that time."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        return not self.alive()


@contextmanager
def beside(argv: Sequence[str], *, cwd: Path | None = None) -> Iterator[Child]:
    """Run a program, without input and unheard, until the block ends; it is killed too when this process is.

    Raises:
        OSError: it cannot be started.
    """
    tied = ["setpriv", "--pdeathsig", "KILL", "--", *argv]
    with subprocess.Popen(
        tied,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=cwd,
        start_new_session=True,
    ) as process:
        try:
            yield Child(process)
        finally:
            process.kill()


def run_attached(argv: Sequence[str]) -> int:
    """Run a program with the caller's standard streams; its exit code, 127 when there is no such program."""
    try:
        code = subprocess.run(list(argv)).returncode
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
        return 127
    return 128 - code if code < 0 else code


def _with_sbin(path: str) -> str:
    """An ordinary user's PATH may lack the sbin directories, where ip, brctl and dnsmasq live."""
    present = [part for part in path.split(":") if part]
    return ":".join(present + [part for part in PATH.split(":") if part not in present])


class Machine(Protocol):
    """What act and observe may ask of the machine that they run on."""

    def run(self, argv: Sequence[str] | str, *, timeout_s: float = 30.0, input: str = "") -> Completed: ...

    def read(self, path: str) -> str | None:
        """A file's text, or None where it is missing or unreadable."""
        ...

    def listdir(self, path: str) -> tuple[str, ...]:
        """The names in a directory in order; empty where it is missing."""
        ...


class RealMachine:
    """This machine: on a bench, the bench."""

    def run(self, argv: Sequence[str] | str, *, timeout_s: float = 30.0, input: str = "") -> Completed:
        return run(argv, timeout_s=timeout_s, input=input)

    def read(self, path: str) -> str | None:
        try:
            with open(path, "rb", buffering=0) as file:  # a look reads thousands of the kernel's small ones
                return file.read().decode(errors="replace")
        except OSError:
            return None

    def listdir(self, path: str) -> tuple[str, ...]:
        try:
            return tuple(sorted(os.listdir(path)))
        except OSError:
            return ()


@dataclass
class RecordedMachine:
    """Answers from what was written down, and keeps what was asked; an unknown command is code 127."""

    answers: Mapping[str, Completed | str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def run(self, argv: Sequence[str] | str, *, timeout_s: float = 30.0, input: str = "") -> Completed:
        line = argv if isinstance(argv, str) else shlex.join(argv)
        self.asked.append(line)
        answer = self.answers.get(line)
        if answer is None:
            return Completed((line,), 127, "", f"{line}: not recorded\n")
        return Completed((line,), 0, answer, "") if isinstance(answer, str) else answer

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def listdir(self, path: str) -> tuple[str, ...]:
        prefix = path.rstrip("/") + "/"
        return tuple(
            sorted({name[len(prefix) :].split("/")[0] for name in self.files if name.startswith(prefix)})
        )
