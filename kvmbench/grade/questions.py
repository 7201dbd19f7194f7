"""Questions on the wire whose answers are believed only as far as the wire bears them out.

A guest is the student's own computer, and says what it likes. What it asks carries a mark that nobody could
guess (an unusual length, a path), and the mark must have passed the guest's own tap, and the uplink too.
"""

from __future__ import annotations

import secrets
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kvmbench.errors import KvmbenchError
from kvmbench.grade.wiretap import Frame
from kvmbench.model import Guest, Probe, ProbeResult
from kvmbench.observe import asking, wire
from kvmbench.observe.probes import address
from kvmbench.observe.wire import Answer
from kvmbench.system import Completed, run
from kvmbench.system.netlink import OWN, in_namespace
from kvmbench.system.run import PATH

_DEADLINE_S = 10.0


@dataclass(frozen=True)
class Marked:
    """A guest's question, with its mark."""

    probe: Probe
    target: str
    command: str
    size: int = 0
    """bytes that its ping carries"""
    path: str = ""
    """that its request asks for"""


@dataclass(frozen=True)
class GuestAnswer:
    """What a guest said to a question, before the wire was asked."""

    marked: Marked
    answer: Answer


def from_guest(guest: Guest, probes: Sequence[Probe], guests: Sequence[Guest]) -> list[Marked | ProbeResult]:
    """A guest's questions with their marks; a result where there is nothing to ask."""
    made: list[Marked | ProbeResult] = []
    link = next(iter(sorted(guest.inside.drivers)), "eth0") if guest.inside else "eth0"
    for probe in probes:
        target = address(probe, guests)
        if isinstance(target, Answer):
            made.append(_result(probe, target))
            continue
        size, path = 200 + secrets.randbelow(1000), secrets.token_hex(12)
        command = asking.guest_command(probe, target, link)
        if probe.kind == "ping":
            once = f"ping -c 1 -W 1 -s {size} {shlex.quote(target)}"
            command = f"{once} || {once}"
        elif probe.kind == "http":
            command = f"timeout 4 wget -q -O - http://{target}:{probe.port}/{path}"
        if command is None:
            made.append(_result(probe, Answer(None, why=f"{probe.kind} is not asked from a guest")))
        else:
            made.append(Marked(probe, target, command, size, path))
    return made


def proved(said: GuestAnswer, guest: Guest, guests: Sequence[Guest], inside: Sequence[Frame]) -> ProbeResult:
    """A guest's answer, where the wires of the bench bear it out."""
    marked, answer = said.marked, said.answer
    taps = {nic.tap for nic in guest.nics if nic.tap}
    if answer.ok and marked.probe.kind == "ping":
        asked = [f for f in inside if f.asks and f.size == marked.size and f.target == marked.target]
        back = [f for f in inside if f.answers and f.size == marked.size and f.source == marked.target]
        if not any(f.link in taps for f in asked) or not any(f.link in taps for f in back):
            return _result(marked.probe, Answer(False, why=f"no such packet passed the tap of {guest.name}"))
        other = _guest_meant(marked.probe.target, guests)
        if other is not None and not _passed(asked, other):
            return _result(marked.probe, Answer(False, why=f"somebody else answered for {other.name}"))
    if answer.ok and marked.probe.kind == "http":
        requests = [f for f in inside if marked.path.encode() in f.payload]
        if not any(f.link in taps for f in requests):
            return _result(marked.probe, Answer(False, why=f"no such request passed the tap of {guest.name}"))
    return _result(marked.probe, answer)


def translated(result: ProbeResult, path: str, outside: Mapping[str, str]) -> ProbeResult:
    """A page that a guest got, told by the address that the outside host saw its request come from."""
    if not result.ok:
        return result
    if path not in outside:
        return _result(result.probe, Answer(False, why="the request never came to the outside host"))
    return _result(result.probe, Answer(True, outside[path]))


def _guest_meant(target: str, guests: Sequence[Guest]) -> Guest | None:
    kind, _, name = target.partition(":")
    return next((guest for guest in guests if kind == "guest" and guest.name == name), None)


def _passed(frames: Sequence[Frame], guest: Guest) -> bool:
    taps = {nic.tap for nic in guest.nics if nic.tap}
    return any(frame.link in taps for frame in frames)


def from_here(
    probe: Probe, guests: Sequence[Guest], places: Mapping[str, str], frames: list[Frame]
) -> ProbeResult:
    """A question from the bench's own network or from a named one of it; `places` says where these are."""
    kind, _, name = probe.source.partition(":")
    target = address(probe, guests)
    if isinstance(target, Answer):
        return _result(probe, target)
    if kind == "netns" and name not in places:
        return _result(probe, Answer(None, why=f"there is no namespace {name}"))
    work = partial(_ask, probe, target)
    try:
        answer = in_namespace(places[name] if kind == "netns" else OWN, work)
    except (KvmbenchError, OSError) as error:
        return _result(probe, Answer(None, why=str(error).splitlines()[0]))
    other = _guest_meant(probe.target, guests)
    if answer.ok and probe.kind == "ping" and other is not None:
        asked = [f for f in frames if f.asks and f.target == target]
        if not _passed(asked, other):
            answer = Answer(False, why=f"somebody else answered for {other.name}")
    return _result(probe, answer)


def _ask(probe: Probe, target: str) -> Answer:
    if probe.kind == "ping":
        return wire.ping(target)
    if probe.kind == "tcp":
        return wire.tcp(target, probe.port)
    if probe.kind == "http":
        return wire.http_get(target, probe.port)
    return Answer(None, why=f"{probe.kind} is not asked from {probe.source}")


def from_outside(
    probe: Probe, guests: Sequence[Guest], key: str, token: str, secrets_of: Mapping[str, str]
) -> ProbeResult:
    """A question from the outside host; a shell is known by the secret that its guest was told."""
    target = address(probe, guests)
    if isinstance(target, Answer):
        return _result(probe, target)
    if probe.kind != "ssh":
        return _result(probe, _ask(probe, target))
    return _result(probe, _shell(probe, target, key, token, secrets_of))


def _shell(probe: Probe, target: str, key: str, token: str, secrets_of: Mapping[str, str]) -> Answer:
    line = asking.ssh(target, probe.port)
    line[1:1] = ["-F", "none"]
    line[-1] = f"cat /tmp/{token} 2>/dev/null || hostname"
    # ssh takes no key that others can read, and one that all users of a machine share is such a one.
    with tempfile.NamedTemporaryFile() as own:
        own.write(Path(key).read_bytes())
        own.flush()
        line[line.index(asking.KEY)] = own.name
        done = run(line, timeout_s=_DEADLINE_S, env={"PATH": PATH, "LC_ALL": "C.UTF-8"})
    answer = asking.answer(probe, done)
    return Answer(True, whose_shell(answer.said, secrets_of)) if answer.ok else answer


def whose_shell(said: str, secrets_of: Mapping[str, str]) -> str:
    """The guest that was told this secret; a shell that knows none is no guest's, whatever name it says."""
    known = (name for name, secret in secrets_of.items() if said == secret)
    return next(known, f"(not a guest) {said}"[:80])


def told_apart(marked: Sequence[Marked], done: Completed) -> list[GuestAnswer]:
    """Which of its questions a guest answered how."""
    ended = asking.taken_apart(done.out)
    missing = Answer(None, why="there was no time left to ask")
    return [
        GuestAnswer(each, asking.answer(each.probe, ended[number]) if number in ended else missing)
        for number, each in enumerate(marked)
    ]


def _result(probe: Probe, answer: Answer) -> ProbeResult:
    return ProbeResult(probe, answer.ok, answer.said, answer.why)
