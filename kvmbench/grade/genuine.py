"""The guests and the DHCP servers of a bench that are what they seem, and a word on those that are not."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from kvmbench.bench import beneath, frozen
from kvmbench.bench.genuine import stranger, tap_namespaces
from kvmbench.bench.lifecycle import Bench
from kvmbench.errors import GuestSilent, KvmbenchError
from kvmbench.model import Guest, Inside
from kvmbench.observe import cmdline, guests, inside, qmp, services
from kvmbench.observe.processes import Process, processes
from kvmbench.qemu.agent import ask_connected
from kvmbench.system import Completed

_PEER_S = 3.0


@dataclass(frozen=True)
class Programs:
    """What runs on a bench and was recognised by its code."""

    qemus: tuple[Process, ...]
    dnsmasqs: tuple[Process, ...]
    remarks: tuple[str, ...]
    """what bears a name that it has no right to"""

    @property
    def pids(self) -> set[int]:
        return {process.pid for process in (*self.qemus, *self.dnsmasqs)}

    def of(self, pids: Collection[int]) -> Programs:
        """Only these of them."""
        return replace(
            self,
            qemus=tuple(each for each in self.qemus if each.pid in pids),
            dnsmasqs=tuple(each for each in self.dnsmasqs if each.pid in pids),
        )


def recognised(bench: Bench) -> Programs:
    """Sort the processes that claim to be QEMU or dnsmasq into those that are, and the others."""
    on_bench = frozen.members(bench)
    network = os.stat(f"/proc/{bench.init}/ns/net").st_ino
    claiming = [process for process in processes(_of_interest) if process.pid in on_bench]
    genuine, remarks = [], []
    for process in claiming:
        why = stranger(process.pid, _on_machine(process.program))
        if why is None and guests.runs_qemu(process.program) and process.netns != network:
            why = "it runs in another network namespace than the bench's own"
        if why is None:
            genuine.append(process)
        else:
            remarks.append(f"process {process.pid} ({process.program}) does not count: {why}")
    return Programs(
        qemus=guests.settled([each for each in genuine if guests.runs_qemu(each.program)]),
        dnsmasqs=tuple(each for each in genuine if services.runs_dnsmasq(each.program)),
        remarks=tuple(remarks),
    )


def _of_interest(program: str) -> bool:
    return guests.runs_qemu(program) or services.runs_dnsmasq(program)


def _on_machine(program: str) -> str:
    """Where the machine keeps a program of that name."""
    return f"/usr/sbin/{program}" if services.runs_dnsmasq(program) else f"/usr/bin/{program}"


@contextmanager
def connected(init: int, path: str, pid: int) -> Iterator[socket.socket]:
    """A connection to a socket on the bench, at whose other end this very process listens.

    Raises:
        GuestSilent: somebody else does, or nobody.
    """
    with socket.socket(socket.AF_UNIX) as client:
        try:
            target, place = beneath.connect_path(init, path)
            try:
                client.settimeout(_PEER_S)
                client.connect(target)
            finally:
                os.close(place)
            listening = beneath.peer(client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        except OSError as error:
            raise GuestSilent(f"nobody listens on {path}: {error}", "Start the guest again.") from error
        if listening != pid:
            raise GuestSilent(f"another process than QEMU listens on {path}", "Start the guest again.")
        client.settimeout(None)
        yield client


def seen(process: Process, init: int, network: int, remarks: list[str]) -> Guest:
    """A guest, with what QEMU and its own system say over sockets that are QEMU's own."""
    typed = cmdline.read(process.argv)
    name = typed.name or str(process.pid)
    answers, said = None, None
    trusted_qmp, trusted_agent = typed.qmp, typed.agent
    if typed.qmp is not None:
        try:
            with connected(init, typed.qmp, process.pid) as line:
                answers = qmp.ask_connected(line, timeout_s=_PEER_S)
        except GuestSilent as error:
            remarks.append(f"guest {name}: {error.what}")
            trusted_qmp = None
    runs = answers is not None and qmp.status(answers) == "running"
    if runs and typed.agent is not None:
        try:
            said = told(init, typed.agent, process.pid, name)
        except KvmbenchError as error:
            remarks.append(f"guest {name}: {error.what}")
            trusted_agent = None
    found = guests.guest(process, answers, said)
    taps = tap_namespaces(process.pid)
    nics = tuple(nic if taps.get(nic.tap or "") == network else replace(nic, tap=None) for nic in found.nics)
    return replace(found, nics=nics, qmp=trusted_qmp, agent=trusted_agent)


def told(init: int, agent: str, pid: int, name: str) -> Inside | None:
    """What a guest's own system says."""
    return inside.read(asked(init, agent, pid, name, inside.QUESTION, timeout_s=4).out)


def asked(init: int, agent: str, pid: int, name: str, command: str, *, timeout_s: float) -> Completed:
    """Run a command in a guest, through its agent.

    Raises:
        GuestSilent: it does not answer, or somebody else does in its place.
    """
    with connected(init, agent, pid) as line:
        return ask_connected(line, name, command, timeout_s=timeout_s)
