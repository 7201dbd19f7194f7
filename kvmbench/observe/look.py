"""One look at the bench on which this process runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from kvmbench.errors import KvmbenchError
from kvmbench.model import Flow, Guest, Netns, Probe, ProbeResult, Snapshot
from kvmbench.observe import cmdline, guests, links, netfilter, qmp, routes, services
from kvmbench.observe import files as paths_seen
from kvmbench.observe import host as machine_under
from kvmbench.observe import images as disks
from kvmbench.observe.inside import agent, inside
from kvmbench.observe.netfilter import PacketFilter
from kvmbench.observe.probes import Places, ask_all
from kvmbench.observe.processes import PROC, Process, processes
from kvmbench.system import Machine, RealMachine, netlink

BENCH_VARIABLE = "KVMBENCH_BENCH"
"""names the bench in the environment of every process on it"""
_AT_ONCE = 12
_OF_NETWORKS = ("namespace ", "the bench's own network")
"""how a trouble with a network namespace begins"""

T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True)
class _Room:
    """What was read of one network namespace, before the others are known."""

    dump: netlink.Dump
    sysctls: dict[str, str]
    has_rules: bool
    """whether there may be packet filter rules"""
    flows: tuple[Flow, ...] = ()


@dataclass(frozen=True)
class _Looking:
    """What all parts of a look share."""

    machine: Machine
    pool: ThreadPoolExecutor
    insides: bool
    troubles: list[str] = field(default_factory=list)

    def guard(self, what: str, work: Callable[[], T], otherwise: D) -> T | D:
        """One odd thing must not hide all the others."""
        try:
            return work()
        except KvmbenchError as error:
            self.troubles.append(f"{what}: {error.what}")
        except Exception as error:  # noqa: BLE001 (a look never fails as a whole: what is odd goes on record)
            self.troubles.append(f"{what}: {type(error).__name__}: {error}")
        return otherwise

    def start(self, what: str, work: Callable[[], T], otherwise: D) -> Future[T | D]:
        return self.pool.submit(self.guard, what, work, otherwise)


def look(
    *,
    probes: Sequence[Probe] = (),
    images: Sequence[str] = (),
    files: Sequence[str] = (),
    insides: bool = True,
    machine: Machine | None = None,
) -> Snapshot:
    """Look at the bench on which this process runs, and change nothing.

    Args:
        probes: questions to put on the wire; without them nothing is sent.
        images: disk images to look at beside those that guests use and those in /vms.
        files: paths to look at.
        insides: ask the guests' own systems too, all at once. Without KVM that takes longer than all the
            rest together; without it their `inside` is None, as that of a guest that still boots.
        machine: what runs commands and reads files, when it is not this machine itself.

    What could not be seen is told in the Snapshot's `troubles`; nothing is raised for it.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="look") as pool:
        looking = _Looking(machine or RealMachine(), pool, insides)
        return _look(looking, probes, images, files)


def look_at_networks(before: Snapshot, *, machine: Machine | None = None) -> Snapshot:
    """Look at every network namespace anew, and keep what was seen of all else.

    What the kernel tells of links, addresses, routes, neighbours, bridges and rules changes nothing else. The
    others' troubles are kept too: `taken_at` is the moment of this look.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="look") as pool:
        looking = _Looking(machine or RealMachine(), pool, insides=False)
        taken_at = time.time()
        seen = _networks(_names(looking), looking)
    troubles = (trouble for trouble in before.troubles if not trouble.startswith(_OF_NETWORKS))
    return replace(
        before,
        taken_at=taken_at,
        namespaces=seen,
        probes=(),
        troubles=tuple(sorted({*looking.troubles, *troubles})),
    )


def _look(
    looking: _Looking, probes: Sequence[Probe], images: Sequence[str], files: Sequence[str]
) -> Snapshot:
    machine, taken_at = looking.machine, time.time()
    running = looking.guard("processes", partial(processes, _is_of_interest), ())
    qemus = guests.settled([process for process in running if guests.runs_qemu(process.program)])
    dnsmasqs = [process for process in running if services.runs_dnsmasq(process.program)]
    names = _names(looking)

    # Guests first: they take longest to answer, and meanwhile the rest is read.
    asked = [looking.start(f"process {each.pid}", partial(_guest, each, looking), None) for each in qemus]
    networks = looking.pool.submit(_networks, names, looking)
    disk_paths = looking.guard("images", partial(disks.paths, images, _drives(qemus, looking), machine), ())
    disks_seen = looking.start("images", partial(disks.images, disk_paths, machine), ())
    servers = looking.start("dnsmasq", partial(services.servers, dnsmasqs, _inodes(names), machine), ())
    facts = looking.start("the machine", partial(machine_under.host, machine), None)
    seen = [looking.start(f"file {path}", partial(paths_seen.file, path), None) for path in files]

    found = tuple(guest for future in asked if (guest := future.result()))
    return Snapshot(
        bench=os.environ.get(BENCH_VARIABLE, ""),
        taken_at=taken_at,
        namespaces=networks.result(),
        guests=found,
        images=disks_seen.result(),
        files=tuple(file for future in seen if (file := future.result())),
        dhcp_servers=servers.result(),
        leases=looking.guard("leases", partial(services.leases, servers.result(), machine), ()),
        host=facts.result(),
        probes=_probed(probes, found, looking),
        troubles=tuple(sorted(looking.troubles)),
    )


def _names(looking: _Looking) -> tuple[str, ...]:
    return (netlink.OWN, *looking.machine.listdir(netlink.NETNS_DIRECTORY))


def _networks(names: Sequence[str], looking: _Looking) -> tuple[Netns, ...]:
    read = _rooms(names, looking)
    filters = {
        name: looking.start(_named(name), partial(_rules, name, looking.machine), PacketFilter())
        for name, room in read.items()
        if room.has_rules
    }
    return _namespaces(read, {name: each.result() for name, each in filters.items()}, looking)


def _is_of_interest(program: str) -> bool:
    return guests.runs_qemu(program) or services.runs_dnsmasq(program)


def _named(name: str) -> str:
    """A network namespace in words."""
    return f"{_OF_NETWORKS[0]}{name}" if name else _OF_NETWORKS[1]


def _rooms(names: Sequence[str], looking: _Looking) -> dict[str, _Room]:
    """Every network namespace, as far as the kernel itself tells; one that is gone is told and left out."""

    def read(name: str) -> _Room | None:
        return looking.guard(_named(name), partial(_room, name, names, looking.machine), None)

    found = netlink.in_each(names, read)
    looking.troubles.extend(
        f"{_named(name)}: {room.what}" for name, room in found.items() if isinstance(room, KvmbenchError)
    )
    return {name: room for name, room in found.items() if isinstance(room, _Room)}


def _room(name: str, names: Sequence[str], machine: Machine) -> _Room:
    dump = netlink.dump(names)
    # A file under /proc/sys/net belongs to the namespace of this thread.
    switches = netfilter.sysctls(dump, machine, of_bridges=name == netlink.OWN or dump.has_bridge)
    has_rules = not netfilter.is_empty(machine)
    # What rules decided is remembered when they have gone; elsewhere than on the bench itself that is rare.
    return _Room(dump, switches, has_rules, netfilter.flows() if has_rules or name == netlink.OWN else ())


def _rules(name: str, machine: Machine) -> PacketFilter:
    return netlink.in_namespace(name, partial(netfilter.packet_filter_again, machine))


def _namespaces(
    rooms: Mapping[str, _Room], filters: Mapping[str, PacketFilter], looking: _Looking
) -> tuple[Netns, ...]:
    dumps = {name: room.dump for name, room in rooms.items()}
    found: list[Netns] = []
    for name, room in rooms.items():
        rules = filters.get(name, PacketFilter())
        looking.troubles.extend(f"{_named(name)}: {trouble}" for trouble in rules.troubles)
        netns = looking.guard(_named(name), partial(_netns, name, room, rules, dumps), None)
        if netns is not None:
            found.append(netns)
    return tuple(found)


def _netns(name: str, room: _Room, filter: PacketFilter, dumps: Mapping[str, netlink.Dump]) -> Netns:
    return Netns(
        name=name,
        links=links.links(name, dumps),
        routes=routes.routes(room.dump),
        neighbours=routes.neighbours(room.dump),
        fdb=links.forwarding(room.dump),
        rules=filter.rules,
        policies=filter.policies,
        sysctls=room.sysctls,
        flows=room.flows,
    )


def _guest(process: Process, looking: _Looking) -> Guest | None:
    """A guest as it is now; None when it ended while it was being asked."""
    typed = cmdline.read(process.argv)
    answers = qmp.ask(typed.qmp) if typed.qmp else None
    if answers is None and not (PROC / str(process.pid)).exists():
        return None
    if answers is None and typed.qmp:
        looking.troubles.append(f"guest {typed.name or process.pid}: QEMU does not answer on {typed.qmp}")
    stands_still = answers is not None and qmp.status(answers) != "running"
    silent = stands_still or typed.agent is None or not looking.insides
    said = None if silent else inside(typed.agent, agent())
    return guests.guest(process, answers, said)


def _drives(qemus: Sequence[Process], looking: _Looking) -> list[str]:
    """The images that guests were started with: they can be looked at while QEMU is being asked."""
    return [
        file
        for process in qemus
        for file in looking.guard(f"process {process.pid}", partial(guests.files, process), ())
    ]


def _inodes(names: Sequence[str]) -> dict[int, str]:
    """The namespaces' names by their inodes, as /proc/PID/ns/net tells them; the bench's own wins."""
    paths = [(Path(netlink.NETNS_DIRECTORY, name), name) for name in names if name]
    everywhere = [*paths, (PROC / "self/ns/net", netlink.OWN)]
    return {number: name for path, name in everywhere if (number := _inode(path))}


def _inode(path: Path) -> int:
    """0 where there is no such file, or no more."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _probed(probes: Sequence[Probe], found: tuple[Guest, ...], looking: _Looking) -> tuple[ProbeResult, ...]:
    if not probes:
        return ()
    from kvmbench.system import outside

    places = Places(looking.machine, found, agent(), outside.run)
    unanswered = tuple(ProbeResult(probe, None, why="the questions could not be put") for probe in probes)
    return looking.guard("probes", partial(ask_all, probes, places), unanswered)
