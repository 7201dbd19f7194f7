"""Work in a bench's network without setting foot on the bench: the caller's files, programs and process ids.

A bench's network alone is entered, never its mounts or its process ids: what lives on the bench does not see
who looks, and nothing that it put into its directories is run.
"""

from __future__ import annotations

import os
import select
import signal
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NoReturn

from kvmbench.bench import linux
from kvmbench.bench.lifecycle import Bench
from kvmbench.errors import LookFailed, TimedOut

Side = Literal["bench", "outside"]
MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Aside:
    """A process at work in a bench's network."""

    pid: int
    handle: int
    answer: int
    """a file without a name that holds what it found"""
    stopping: int
    """closing it tells the work to come to an end"""

    def stop(self) -> None:
        """Tell work that waits for it to end."""
        os.close(self.stopping)

    def result(self, timeout_s: float) -> bytes:
        """What the work found.

        Raises:
            LookFailed: it failed; TimedOut: it did not end in time, and was ended.
        """
        try:
            if not select.select([self.handle], [], [], timeout_s)[0]:
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise TimedOut("a look from outside", timeout_s, "Look once more, with less work beside it.")
            code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.lseek(self.answer, 0, os.SEEK_SET)
            said = b""
            while len(said) < MOST_BYTES and (part := os.read(self.answer, 1 << 20)):
                said += part
        finally:
            os.close(self.handle)
            os.close(self.answer)
        if code != 0:
            why = said.decode(errors="replace").strip().splitlines()
            raise LookFailed(
                f"the bench could not be looked at from outside: {why[-1] if why else f'code {code}'}",
                "Grade this submission once more; if it stays, this is a defect of kvmbench.",
            )
        return said


def start(bench: Bench, work: Callable[[int], bytes], *, side: Side = "bench") -> Aside:
    """Have a process of its own do this work in the network of the bench, or in that of its outside host.

    The work is given a descriptor that becomes readable when it is told to stop. The calling process must
    have one thread.
    """
    stop_reading, stop_writing = os.pipe()
    with tempfile.TemporaryFile() as file:
        answer = os.dup(file.fileno())
    pid = os.fork()
    if pid == 0:
        os.close(stop_writing)
        _work(bench, side, work, answer, stop_reading)
    os.close(stop_reading)
    return Aside(pid, os.pidfd_open(pid), answer, stop_writing)


def run(bench: Bench, work: Callable[[], bytes], *, side: Side = "bench", timeout_s: float = 60) -> bytes:
    """Do this work in the network of the bench, or of its outside host, to its end.

    Raises:
        LookFailed: it failed; TimedOut: it did not end in time.
    """
    begun = start(bench, lambda _: work(), side=side)
    try:
        return begun.result(timeout_s)
    finally:
        begun.stop()


def _work(bench: Bench, side: Side, work: Callable[[int], bytes], answer: int, stopping: int) -> NoReturn:
    code = 1
    try:
        linux.die_with_parent(signal.SIGKILL)
        os.chdir("/")
        _enter(bench, side)
        found = work(stopping)
        with open(answer, "wb", closefd=False) as file:
            file.write(found)
        code = 0
    except BaseException:  # noqa: BLE001 (whatever it is, the caller is told, and this process ends here)
        with open(answer, "wb", closefd=False) as file:
            file.write(traceback.format_exc().encode())
    finally:
        os._exit(code)


def _enter(bench: Bench, side: Side) -> None:
    """Move the calling process into the network of a bench, with the power of its user namespace.

    Who owns a user namespace has every right in it (user_namespaces(7)); the machine's root has them anyway,
    and stays who it is.
    """
    if side == "outside":
        users, network = bench.doors["user"], bench.doors["net"]
    else:
        users, network = (os.open(f"/proc/{bench.init}/ns/{kind}", os.O_RDONLY) for kind in ("user", "net"))
    if os.geteuid() != 0:
        linux.setns(users, linux.CLONE_NEWUSER)
    linux.setns(network, linux.CLONE_NEWNET)
