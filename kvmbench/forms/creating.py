"""A guest is created: a stage is told when the kernel, QEMU or the guest shows that it is reached."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from kvmbench.act import guest, seen
from kvmbench.act.action import Done, apply
from kvmbench.errors import GuestSilent
from kvmbench.observe import qmp
from kvmbench.qemu import agent, launcher
from kvmbench.qemu.line import Card, Description, parse, qemu_argv
from kvmbench.system import Machine, RealMachine

LOOK_EVERY_S = 0.05
KERNEL_TIMEOUT_S = 120.0
LOGIN_TIMEOUT_S = 180.0
_LONG_MODE = 1 << 10
"""EFER.LMA, which says that a processor runs 64-bit code (Intel SDM volume 3, 2.2.1): firmware does not"""


@dataclass(frozen=True)
class Stage:
    """Something that was seen to have happened on a guest's way to its login."""

    name: str
    """line, tap, ifup, QEMU, firmware, kernel or login"""
    says: str
    after_s: float
    """seconds since the line was typed"""


def create(asked: Description | Sequence[str] | str, machine: Machine | None = None) -> Iterator[Stage]:
    """Start a guest, and tell what happens as it happens; the guest runs on when nobody listens any more.

    Given a description, or a line as it was typed or as its words.

    Raises:
        BadInput: the line cannot be read, or would hold up whoever types it.
        GuestError: it was not started; nothing of it is left.
    """
    words = tuple(qemu_argv(asked) if isinstance(asked, Description) else _words(asked))
    described, where, begun = parse(words), machine or RealMachine(), time.monotonic()
    action = guest.start_line(words)

    def stage(name: str, says: str) -> Stage:
        return Stage(name, says, time.monotonic() - begun)

    yield stage("line", "the line is typed")
    taps = [card.wire.tap for card in described.cards or () if card.wire and card.wire.tap]
    with ThreadPoolExecutor(1, thread_name_prefix="create") as pool:
        started = pool.submit(apply, action, where)
        while taps and not started.done():
            for tap in [each for each in taps if seen.link(where, each)]:
                yield stage("tap", f"{tap} is there")
                taps.remove(tap)
            time.sleep(LOOK_EVERY_S)
        _ended(started)
    yield from (stage("tap", f"{tap} is there") for tap in taps if seen.link(where, tap))
    for card in described.cards or ():
        yield from (stage("ifup", says) for says in _plugged(card, where))
    yield from (Stage(each.name, each.says, time.monotonic() - begun) for each in _awake(described.name))


def _words(line: Sequence[str] | str) -> Sequence[str]:
    return qemu_argv(parse(line)) if isinstance(line, str) else line


def _ended(started: Future[Done]) -> None:
    started.result()


def _plugged(card: Card, where: Machine) -> Iterator[str]:
    tap = card.wire.tap if card.wire else None
    if not tap:
        return
    found = seen.link(where, tap)
    state = "up" if seen.is_up(found) else "down"
    master = found.get("master")
    yield f"{tap} is {state}, a port of {master}" if master else f"{tap} is {state}, on no bridge"


def _awake(name: str) -> Iterator[Stage]:
    place = Path(launcher.place(name))
    socket = str(place / "qmp.sock")
    answers = qmp.ask(socket, timeout_s=10) or {}
    yield Stage("QEMU", f"QEMU runs with {qmp.engine(answers) or 'an engine that it does not tell'}", 0)
    if qmp.status(answers) != "running":
        yield Stage("QEMU", f"the guest is {qmp.status(answers)}: it goes on when it is resumed", 0)
        return
    yield Stage("firmware", "the firmware looks for something to start", 0)
    with ThreadPoolExecutor(1, thread_name_prefix="login") as pool:
        login = pool.submit(agent.wait_ready, place / "agent.sock", LOGIN_TIMEOUT_S)
        until, kernel = time.monotonic() + KERNEL_TIMEOUT_S, False
        while not kernel and not login.done() and time.monotonic() < until:
            kernel = _runs_a_kernel(socket)
            time.sleep(LOOK_EVERY_S)
        if kernel:
            yield Stage("kernel", "64-bit code runs: the kernel has taken over", 0)
        try:
            yield Stage("login", f"{login.result() or name} answers: log in", 0)
        except GuestSilent as error:
            yield Stage("login", f"nobody answers in it: {error.what}; look at its screen", 0)


def _runs_a_kernel(socket: str) -> bool:
    said = qmp.monitor(socket, "info registers", timeout_s=2) or ""
    found = re.search(r"EFER=([0-9a-f]+)", said)
    return bool(found and int(found[1], 16) & _LONG_MODE)
