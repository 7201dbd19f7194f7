"""Put questions on the wire, each from the place that it names, all at once and with one deadline for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Protocol

from kvmbench.errors import KvmbenchError
from kvmbench.model import Guest, Probe, ProbeResult
from kvmbench.observe import asking, wire
from kvmbench.observe.inside import Ask
from kvmbench.observe.together import together
from kvmbench.observe.wire import Answer
from kvmbench.system import Completed, Machine
from kvmbench.system.netlink import OWN, in_namespace

DEADLINE_S = 8.0


class RunOutside(Protocol):
    """How the outside host is asked (kvmbench.system.outside)."""

    def __call__(self, argv: Sequence[str], *, timeout_s: float = ...) -> Completed: ...


@dataclass(frozen=True)
class Places:
    """Whom to ask: the bench's own machine, its guests, and the outside host."""

    machine: Machine
    guests: tuple[Guest, ...]
    ask: Ask
    outside: RunOutside


def ask_all(
    probes: Iterable[Probe], places: Places, *, deadline_s: float = DEADLINE_S
) -> tuple[ProbeResult, ...]:
    """Every question's answer, in the order of the questions; the same question is asked once."""
    wanted = list(dict.fromkeys(probes))
    until = time.monotonic() + deadline_s
    tasks: list[Callable[[], Mapping[Probe, ProbeResult]]] = []
    by_guest: dict[str, list[Probe]] = {}
    for probe in wanted:
        if probe.source.startswith("guest:"):
            by_guest.setdefault(probe.source.partition(":")[2], []).append(probe)
        else:
            tasks.append(partial(_timed, [probe], partial(_alone, probe, places, until)))
    for name, questions in by_guest.items():
        tasks.append(partial(_timed, questions, partial(_by_guest, name, questions, places, until)))
    results = {probe: result for part in together(tasks) for probe, result in part.items()}
    return tuple(results[probe] for probe in wanted)


def _timed(probes: Sequence[Probe], ask: Callable[[], Sequence[Answer]]) -> dict[Probe, ProbeResult]:
    started = time.monotonic()
    try:
        answers = ask()
    except (KvmbenchError, OSError) as error:
        why = error.what if isinstance(error, KvmbenchError) else str(error)
        answers = [Answer(None, why=why)] * len(probes)
    took_ms = round((time.monotonic() - started) * 1000, 2)
    return {
        probe: ProbeResult(probe, answer.ok, answer.said, answer.why, took_ms)
        for probe, answer in zip(probes, answers, strict=True)
    }


def _alone(probe: Probe, places: Places, until: float) -> list[Answer]:
    target = address(probe, places.guests)
    left = until - time.monotonic()
    if isinstance(target, Answer):
        return [target]
    if left <= 0:
        return [_too_late()]
    if probe.source == "outside":
        argv = asking.outside_argv(probe, target)
        if argv is None:
            return [_not_asked(probe)]
        return [asking.answer(probe, places.outside(argv, timeout_s=left))]
    place, _, name = probe.source.partition(":")
    if probe.source != "bench" and (place != "netns" or not name):
        return [Answer(None, why=f"there is no place called {probe.source}")]
    return [in_namespace(name or OWN, partial(_locally, probe, target, places.machine, left))]


def _locally(probe: Probe, target: str, machine: Machine, left_s: float) -> Answer:
    if probe.kind == "ping":
        return wire.ping(target)
    if probe.kind == "tcp":
        return wire.tcp(target, probe.port)
    if probe.kind == "http":
        return wire.http_get(target, probe.port)
    if probe.kind == "ssh":
        return asking.answer(probe, machine.run(asking.ssh(target, probe.port), timeout_s=left_s))
    if probe.kind == "host-key":
        return asking.answer(probe, machine.run(asking.key_scan(target, probe.port), timeout_s=left_s))
    if probe.kind == "dns":
        return wire.dns(target, probe.port, probe.question)
    return _not_asked(probe)


def _by_guest(name: str, probes: Sequence[Probe], places: Places, until: float) -> list[Answer]:
    guest = next((guest for guest in places.guests if guest.name == name), None)
    if guest is None:
        return [Answer(None, why=f"there is no guest {name}")] * len(probes)
    if guest.inside is None or guest.agent is None:
        return [Answer(None, why=f"guest {name} does not answer")] * len(probes)
    interface = next(iter(sorted(guest.inside.drivers)), "eth0")
    answers: dict[int, Answer] = {}
    commands: dict[int, str] = {}
    for number, probe in enumerate(probes):
        target = address(probe, places.guests)
        if isinstance(target, Answer):
            answers[number] = target
        elif (command := asking.guest_command(probe, target, interface)) is None:
            answers[number] = _not_asked(probe)
        else:
            commands[number] = command
    if commands:
        left = until - time.monotonic()
        done = places.ask(Path(guest.agent), asking.all_at_once(list(commands.values())), timeout_s=left)
        ended = asking.taken_apart(done.out)
        for place, number in enumerate(commands):
            answers[number] = asking.answer(probes[number], ended[place]) if place in ended else _too_late()
    return [answers[number] for number in range(len(probes))]


def address(probe: Probe, guests: Sequence[Guest]) -> str | Answer:
    """The address that a question goes to, or why there is none."""
    kind, _, name = probe.target.partition(":")
    if kind != "guest":
        return probe.target if probe.kind == "dhcp" or _is_address(probe.target) else _no_address(probe)
    guest = next((guest for guest in guests if guest.name == name), None)
    if guest is None:
        return Answer(False, why=f"there is no guest {name}")
    if guest.inside is None:
        return Answer(None, why=f"guest {name} does not tell its address")
    found = [each.ip for link in sorted(guest.inside.addresses) for each in guest.inside.addresses[link]]
    first = next((each for each in found if not each.is_loopback), None)
    return str(first) if first else Answer(False, why=f"guest {name} has no address")


def _is_address(text: str) -> bool:
    try:
        return bool(IPv4Address(text))
    except ValueError:  # a name would be asked of a name server, and a bench has none
        return False


def _no_address(probe: Probe) -> Answer:
    return Answer(None, why=f"{probe.target or 'nothing'} is no IPv4 address")


def _not_asked(probe: Probe) -> Answer:
    return Answer(None, why=f"{probe.kind} is not asked from {probe.source}")


def _too_late() -> Answer:
    return Answer(None, why="there was no time left to ask")
