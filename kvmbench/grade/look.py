"""One look at a bench from outside: with the machine's own programs, and nothing that lies on the bench."""

from __future__ import annotations

import os
import secrets
import select
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial

import msgspec

from kvmbench.bench import aside, beneath, frozen
from kvmbench.bench.lifecycle import Bench
from kvmbench.bench.stock import Stock
from kvmbench.errors import KvmbenchError, LookFailed
from kvmbench.grade import genuine, questions, rest
from kvmbench.grade.files import Machine, disks, file
from kvmbench.grade.genuine import Programs
from kvmbench.grade.questions import GuestAnswer, Marked
from kvmbench.grade.wiretap import Wiretap, owns_address
from kvmbench.model import DhcpServer, Flow, Guest, Netns, Probe, ProbeResult, Snapshot
from kvmbench.observe import asking, guests, host, links, netfilter, routes, services
from kvmbench.observe.netfilter import PacketFilter
from kvmbench.system import netlink

_LOOK_S = 60.0
_RESTLESS_S = 3.0


@dataclass(frozen=True)
class Wanted:
    """What a look is to find out."""

    probes: tuple[Probe, ...] = ()
    images: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Look:
    """What was seen, and remarks for whoever reads the evidence."""

    snapshot: Snapshot
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Inside:
    """What was found in the bench's own network; it comes from one process to another as JSON."""

    namespaces: tuple[Netns, ...]
    guests: tuple[Guest, ...]
    results: tuple[ProbeResult, ...]
    paths: dict[str, str]
    """mark of a guest's request → nothing but the mark: `source target port`"""
    troubles: tuple[str, ...]
    remarks: tuple[str, ...]


def look(bench: Bench, stock: Stock, wanted: Wanted) -> Look:
    """Look at a bench while nothing moves on it but its guests, and its networks are what they have been.

    Raises:
        LookFailed: it could not be looked at at all, or what was left behind keeps changing its networks;
        TimedOut: not in time.
    """
    deadline = time.monotonic() + _RESTLESS_S
    while True:
        spared = genuine.recognised(bench).pids
        with rest.listened_to(bench) as networks, frozen.standing_still(bench, spared):
            changed = networks.disturbed_by()
            if not changed:
                # Once more: until a moment ago the others could still do something to those that are spared.
                return _look(bench, stock, wanted, genuine.recognised(bench).of(spared))
        if time.monotonic() > deadline:
            raise LookFailed(
                f"the bench's networks kept changing while no cell ran: {', '.join(sorted(changed))}",
                "The submission left a process behind: read what it does.",
            )


def _look(bench: Bench, stock: Stock, wanted: Wanted, programs: Programs) -> Look:
    taken_at = time.time()
    machine = Machine(bench.init, stock.engine)
    token, told = secrets.token_hex(8), secrets.token_hex(16)
    asks_outside = [probe for probe in wanted.probes if probe.source == "outside"]
    watcher = aside.start(bench, _watch, side="outside")
    try:
        work = partial(_inside, bench.init, machine, programs, wanted.probes, token, told)
        found = msgspec.json.decode(
            aside.run(bench, lambda: msgspec.json.encode(work(), enc_hook=str), timeout_s=_LOOK_S),
            type=_Inside,
            dec_hook=_decode,
        )
        outside = aside.run(
            bench,
            lambda: msgspec.json.encode(
                _outside(asks_outside, found.guests, stock, token, told), enc_hook=str
            ),
            side="outside",
            timeout_s=_LOOK_S,
        )
    finally:
        watcher.stop()
        passed = watcher.result(_LOOK_S)
    came = msgspec.json.decode(passed, type=dict[str, str])
    results = [
        questions.translated(result, _path_of(result.probe, found.paths), came)
        if result.probe.kind == "http" and result.probe.source.startswith("guest:")
        else result
        for result in found.results
    ]
    results += msgspec.json.decode(outside, type=list[ProbeResult])
    ordered = {result.probe: result for result in results}
    used = [file for process in programs.qemus for file in guests.files(process)]
    return Look(
        Snapshot(
            bench=bench.name,
            taken_at=taken_at,
            namespaces=found.namespaces,
            guests=found.guests,
            images=disks(bench, [*wanted.images, *used]),
            files=tuple(file(bench.init, path) for path in wanted.files),
            dhcp_servers=(servers := _servers(bench, programs, machine)),
            leases=services.leases(servers, machine) if _held(programs, servers) else (),
            host=host.host(machine),
            probes=tuple(ordered[probe] for probe in wanted.probes if probe in ordered),
            troubles=found.troubles,
        ),
        (*programs.remarks, *found.remarks),
    )


def _decode(wanted: type, value: object) -> object:
    return wanted(value)


def _path_of(probe: Probe, paths: dict[str, str]) -> str:
    return next((path for path, asked in paths.items() if asked == _words(probe)), "")


def _words(probe: Probe) -> str:
    return f"{probe.source} {probe.target} {probe.port}"


def _watch(stopping: int) -> bytes:
    """On the outside host: which address each request came from, by what it asked for."""
    with Wiretap() as wiretap:
        select.select([stopping], [], [], _LOOK_S)
    came = {}
    for frame in wiretap.frames:
        if not frame.outgoing and frame.payload.startswith(b"GET /"):
            came[frame.payload[5:].split(b" ")[0].decode(errors="replace")] = frame.source
    return msgspec.json.encode(came)


def _outside(
    probes: Sequence[Probe], found: Sequence[Guest], stock: Stock, token: str, told: str
) -> list[ProbeResult]:
    names = {guest.name: f"{told}-{guest.pid}" for guest in found}
    return [questions.from_outside(probe, found, str(stock.key), token, names) for probe in probes]


def _inside(
    init: int, machine: Machine, programs: Programs, probes: Sequence[Probe], token: str, told: str
) -> _Inside:
    """In the bench's network, with the machine's files and programs."""
    troubles: list[str] = []
    remarks: list[str] = []
    own = os.stat("/proc/self/ns/net").st_ino
    doors = _distinct(beneath.network_namespaces(init), own, remarks)
    places = {name: f"/proc/{os.getpid()}/fd/{door}" for name, door in doors.items()}
    found = []
    for process in programs.qemus:
        with suppress(ProcessLookupError, FileNotFoundError):  # it ended meanwhile
            found.append(genuine.seen(process, init, own, remarks))
    with ExitStack() as stack:
        wiretap = stack.enter_context(Wiretap())
        found = [_on_the_wire(guest, remarks) for guest in found]
        answered, settled = _ask_guests(init, found, probes, token, told, remarks)
        results = [
            questions.from_here(probe, found, places, wiretap.frames)
            for probe in probes
            if probe.source == "bench" or probe.source.startswith("netns:")
        ]
    results += settled
    by_name = {guest.name: guest for guest in found}
    for name, answers in answered.items():
        results += [questions.proved(each, by_name[name], found, wiretap.frames) for each in answers]
    paths = {
        each.marked.path: _words(each.marked.probe)
        for answers in answered.values()
        for each in answers
        if each.marked.probe.kind == "http"
    }
    namespaces = _namespaces(places, machine, troubles)
    return _Inside(namespaces, tuple(found), tuple(results), paths, tuple(troubles), tuple(remarks))


def _distinct(doors: dict[str, int], own: int, remarks: list[str]) -> dict[str, int]:
    """Namespaces that are not the bench's own under another name, nor one another."""
    seen = {own: "the bench itself"}
    kept = {}
    for name, door in doors.items():
        number = os.fstat(door).st_ino
        if number in seen:
            remarks.append(f"the namespace {name} is no namespace of its own, but {seen[number]}")
        else:
            seen[number] = f"the namespace {name}"
            kept[name] = door
    return kept


def _on_the_wire(guest: Guest, remarks: list[str]) -> Guest:
    """A guest whose addresses are those to which it really answers at its tap."""
    inside, tap = guest.inside, next((nic.tap for nic in guest.nics if nic.tap), None)
    if inside is None or tap is None or not _is_up(tap):
        return guest
    kept = {}
    for link, held in inside.addresses.items():
        kept[link] = tuple(each for each in held if each.ip.is_loopback or owns_address(tap, str(each.ip)))
        remarks += [
            f"guest {guest.name} says that it is {each.ip}, and does not answer to it"
            for each in held
            if each not in kept[link]
        ]
    return replace(guest, inside=replace(inside, addresses=kept))


def _is_up(tap: str) -> bool:
    return bool(netlink.in_namespace(netlink.OWN, partial(_flag_up, tap)))


def _flag_up(tap: str) -> bool:
    return any(link["IFLA_IFNAME"] == tap and link["flags"] & 1 for link in netlink.dump().links)


def _ask_guests(
    init: int, found: Sequence[Guest], probes: Sequence[Probe], token: str, told: str, remarks: list[str]
) -> tuple[dict[str, list[GuestAnswer]], list[ProbeResult]]:
    """Each guest's questions at once; it is told the secret by which its shell is known, too."""
    answered: dict[str, list[GuestAnswer]] = {}
    settled: list[ProbeResult] = []
    wants_secret = any(probe.kind == "ssh" for probe in probes)
    by_name = {guest.name: guest for guest in found}
    for probe in probes:
        name = probe.source.partition(":")[2] if probe.source.startswith("guest:") else None
        if name is not None and (name not in by_name or by_name[name].inside is None):
            why = f"guest {name} does not answer" if name in by_name else f"there is no guest {name}"
            settled.append(ProbeResult(probe, None, why=why))
    for guest in found:
        mine = [probe for probe in probes if probe.source == f"guest:{guest.name}"]
        if guest.agent is None or guest.inside is None or not (mine or wants_secret):
            continue
        made = questions.from_guest(guest, mine, found)
        settled += [each for each in made if isinstance(each, ProbeResult)]
        marked = [each for each in made if isinstance(each, Marked)]
        commands = [each.command for each in marked] + [f"umask 077; echo {told}-{guest.pid} >/tmp/{token}"]
        try:
            done = genuine.asked(
                init, guest.agent, guest.pid, guest.name, asking.all_at_once(commands), timeout_s=20
            )
            answered[guest.name] = questions.told_apart(marked, done)
        except KvmbenchError as error:
            remarks.append(f"guest {guest.name}: {error.what}")
            settled += [ProbeResult(each.probe, None, why=error.what) for each in marked]
    return answered, settled


def _namespaces(places: dict[str, str], machine: Machine, troubles: list[str]) -> tuple[Netns, ...]:
    names = {netlink.OWN: netlink.OWN, **places}
    back = {path: name for name, path in names.items()}
    dumps: dict[str, netlink.Dump] = {}
    read: dict[str, tuple[dict[str, str], PacketFilter, tuple[Flow, ...]]] = {}

    def room(name: str) -> None:
        dump = netlink.dump(list(names.values()))
        switches = netfilter.sysctls(dump, machine, of_bridges=name == netlink.OWN or dump.has_bridge)
        rules = PacketFilter() if netfilter.is_empty(machine) else netfilter.packet_filter(machine)
        dumps[name] = replace(dump, names={number: back[path] for number, path in dump.names.items()})
        read[name] = switches, rules, netfilter.flows()

    for name, path in names.items():
        where = f"namespace {name}" if name else "the bench's own network"
        try:
            netlink.in_namespace(path, partial(room, name))
            troubles += [f"{where}: {trouble}" for trouble in read[name][1].troubles]
        except KvmbenchError as error:
            troubles.append(f"{where}: {error.what}")
    return tuple(
        Netns(
            name=name,
            links=links.links(name, dumps),
            routes=routes.routes(dumps[name]),
            neighbours=routes.neighbours(dumps[name]),
            fdb=links.forwarding(dumps[name]),
            rules=rules.rules,
            policies=rules.policies,
            sysctls=switches,
            flows=remembered,
        )
        for name, (switches, rules, remembered) in read.items()
    )


def _servers(bench: Bench, programs: Programs, machine: Machine) -> tuple[DhcpServer, ...]:
    own = os.stat(f"/proc/{bench.init}/ns/net").st_ino
    names = {own: ""}
    for name, door in beneath.network_namespaces(bench.init).items():
        names.setdefault(os.fstat(door).st_ino, name)
        os.close(door)
    return services.servers(programs.dnsmasqs, names, machine)


def _held(programs: Programs, servers: Sequence[DhcpServer]) -> bool:
    """Whether a lease file is that of a server that runs: any other could have been written by hand."""
    opened = {file for process in programs.dnsmasqs if process.open for file in process.open.files}
    return any(server.lease_file in opened for server in servers)
