"""Guests: the processes that execute QEMU, what was typed for them, and what QEMU says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from kvmbench.model import Drive, Guest, Inside, Nic
from kvmbench.observe import cmdline, qmp
from kvmbench.observe.processes import OpenFiles, Process

UNKNOWN = "unknown"


def runs_qemu(program: str) -> bool:
    """Whether an executable of this name emulates a whole machine."""
    return program.startswith("qemu-system-")


def settled(processes: Sequence[Process]) -> tuple[Process, ...]:
    """One process for each guest, oldest first.

    For a moment QEMU is two: while it starts in the background, when the one that was typed waits for the one
    that stays; and whenever it starts a script, before the copy has become the script.
    """
    words = {process.pid: process.argv for process in processes}
    grown = [process for process in processes if words.get(process.parent) != process.argv]
    return tuple({process.argv: process for process in grown}.values())


def guest(process: Process, answers: qmp.Answers | None, inside: Inside | None) -> Guest:
    """Put together what is known of a guest; QEMU's own word goes before what was typed."""
    typed = cmdline.read(process.argv)
    said = answers or {}
    nics = qmp.nics(said) if "human-monitor-command" in said else typed.nics
    drives = qmp.drives(said, typed.drives) if "query-block" in said else typed.drives
    return Guest(
        name=typed.name,
        pid=process.pid,
        argv=process.argv,
        status=qmp.status(said) if said else UNKNOWN,
        engine=qmp.engine(said) or _engine(process, typed),
        memory_mib=qmp.memory_mib(said) or typed.memory_mib,
        vcpus=qmp.vcpus(said) or typed.vcpus,
        machine=typed.machine or qmp.machine(said),
        cpu=typed.cpu,
        drives=tuple(_placed(drive, process) for drive in drives),
        nics=plugged(nics, process.open),
        vnc=qmp.vnc(said) if "query-vnc" in said else typed.vnc,
        console=typed.console,
        agent=typed.agent,
        qmp=typed.qmp,
        executable=process.executable,
        resident_mib=round(process.resident_mib, 1),
        inside=inside,
    )


def files(process: Process) -> tuple[str, ...]:
    """The paths of the images that a guest was started with."""
    placed = [_placed(drive, process).file for drive in cmdline.read(process.argv).drives]
    return tuple(path for path in placed if path.startswith("/"))


def _engine(process: Process, typed: cmdline.CommandLine) -> str:
    if process.open is None:
        return typed.engine
    return "kvm" if process.open.kvm else "tcg"


def plugged(nics: tuple[Nic, ...], held: OpenFiles | None) -> tuple[Nic, ...]:
    """NICs with the taps that QEMU really holds.

    A tap may have been renamed, and then goes to the first NIC whose tap is gone; or deleted, and then the
    NIC has none, whatever was typed.
    """
    if held is None:
        return nics
    named = [nic.tap for nic in nics if nic.tap in held.taps]
    renamed = [tap for tap in held.taps if tap not in named]
    found: list[Nic] = []
    for nic in nics:
        tap = nic.tap
        if tap is not None and tap not in held.taps:
            tap = renamed.pop(0) if renamed else None
        found.append(Nic(nic.model, nic.mac, tap))
    return tuple(found)


def _placed(drive: Drive, process: Process) -> Drive:
    """A relative path made absolute: by QEMU's open files, as -daemonize moves its directory to /."""
    path = PurePosixPath(drive.file)
    if path.is_absolute() or ":" in drive.file:
        return drive
    tail = f"/{path}"
    opened = (
        next((file for file in process.open.files if file.endswith(tail)), None) if process.open else None
    )
    file = opened or str(PurePosixPath(process.directory) / path)
    return Drive(file, drive.format, drive.interface, drive.media, drive.cache)
