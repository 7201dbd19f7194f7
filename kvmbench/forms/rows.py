"""One row a guest: its hardware, where it is plugged in, what is known of its address, what can be done."""

from __future__ import annotations

from dataclasses import dataclass

from kvmbench.act import guest, monitor
from kvmbench.act.action import Action
from kvmbench.errors import BadInput
from kvmbench.model import Guest, Nic, Snapshot

COLUMNS = (
    *("guest", "state", "engine", "CPU", "memory", "disk", "NIC", "tap", "bridge", "MAC", "address", "lease"),
)
VERBS = ("pause", "resume", "reset", "power off", "kill", "save", "load", "delete")


@dataclass(frozen=True)
class GuestRow:
    """What the table says of a guest, and what may be done with it."""

    name: str
    cells: tuple[tuple[str, ...], ...]
    """a column's lines, in the order of COLUMNS: a guest may have several disks and cards"""
    cannot: dict[str, str]
    """verb → why it cannot be done now"""
    disks: tuple[str, ...]
    """images that nobody else uses, which go when it is deleted"""

    def __repr__(self) -> str:
        return "  ".join(
            f"{column} {', '.join(cell)}" for column, cell in zip(COLUMNS, self.cells, strict=True)
        )


def guest_rows(seen: Snapshot) -> tuple[GuestRow, ...]:
    """The guests that run, by name."""
    return tuple(_row(each, seen) for each in sorted(seen.guests, key=lambda each: each.name))


def actions_for(verb: str, row: GuestRow, tag: str = "snap1") -> tuple[Action, ...]:
    """What a button of the table does.

    Raises:
        BadInput: it cannot be done with this guest now, or there is no such verb.
    """
    if verb in row.cannot:
        raise BadInput(
            f"{row.name} cannot be told to {verb}: {row.cannot[verb]}", "See its row in the table."
        )
    made: dict[str, tuple[Action, ...]] = {
        "pause": (monitor.pause(row.name),),
        "resume": (monitor.resume(row.name),),
        "reset": (monitor.reset(row.name),),
        "power off": (guest.power_off(row.name),),
        "kill": (guest.kill(row.name),),
        "save": (monitor.save(row.name, tag),),
        "load": (monitor.load(row.name, tag),),
        "delete": guest.delete(row.name, row.disks),
    }
    if verb not in made:
        raise BadInput(f"nothing is called {verb!r} here", f"Take one of {', '.join(VERBS)}.")
    return made[verb]


def _row(one: Guest, seen: Snapshot) -> GuestRow:
    nics = one.nics
    cells = (
        (one.name,),
        (one.status,),
        (one.engine.upper(),),
        (f"{one.vcpus} × {one.cpu or 'default'}",),
        (f"{one.memory_mib} MiB",),
        tuple(f"{drive.file} ({drive.interface})" for drive in one.drives),
        tuple(nic.model for nic in nics),
        tuple(nic.tap or "–" for nic in nics),
        tuple(_bridge(nic, seen) for nic in nics),
        tuple(nic.mac for nic in nics),
        tuple(_learnt(nic, one, seen) for nic in nics),
        tuple(_lease(nic, seen) for nic in nics),
    )
    return GuestRow(one.name, cells, _cannot(one, seen), _own_disks(one, seen))


def _bridge(nic: Nic, seen: Snapshot) -> str:
    link = seen.link(nic.tap) if nic.tap else None
    return (link.master if link else None) or "–"


def _learnt(nic: Nic, one: Guest, seen: Snapshot) -> str:
    """What the guest says of itself, or what its neighbours have learnt of its card."""
    if one.inside:
        said = [str(each) for of in one.inside.addresses.values() for each in of if not each.is_loopback]
        if said and len(one.nics) == 1:
            return said[0]
    heard = (
        str(near.address)
        for room in seen.namespaces
        for near in room.neighbours
        if near.mac == nic.mac.lower()
    )
    return next(heard, "–")


def _lease(nic: Nic, seen: Snapshot) -> str:
    return next((lease.address for lease in seen.leases if lease.mac.lower() == nic.mac.lower()), "–")


def _cannot(one: Guest, seen: Snapshot) -> dict[str, str]:
    reasons: dict[str, str] = {}
    if one.status == "paused":
        reasons |= {"pause": "it is paused already", "power off": "it is paused, and cannot shut itself down"}
    elif one.status == "running":
        reasons["resume"] = "it is not paused"
    if one.agent is None:
        reasons["power off"] = "the bench has no agent in it"
    why = _no_snapshots(one, seen)
    return reasons | ({"save": why, "load": why} if why else {})


def _no_snapshots(one: Guest, seen: Snapshot) -> str:
    """Why its state cannot be kept; "" when it can: savevm needs that all its disks are qcow2."""
    written = [drive for drive in one.drives if drive.media != "cdrom"]
    formats = {image.path: image.format for image in seen.images}
    odd = [each for each in written if (formats.get(each.file) or each.format) != "qcow2"]
    if not written:
        return "it has no disk to keep a snapshot in"
    if odd:
        kind = formats.get(odd[0].file) or odd[0].format or "of a format that is not known"
        return f"{odd[0].file} is {kind}, and a snapshot is kept within qcow2"
    return ""


def _own_disks(one: Guest, seen: Snapshot) -> tuple[str, ...]:
    others = {drive.file for other in seen.guests if other.pid != one.pid for drive in other.drives}
    backing = {image.backing for image in seen.images}
    mine = [drive.file for drive in one.drives if drive.media != "cdrom" and drive.file.startswith("/")]
    return tuple(path for path in mine if path not in others and path not in backing)


def tells(verb: str, row: GuestRow) -> str:
    """What a button is for, in a sentence."""
    disks = f", and remove {', '.join(row.disks)}" if row.disks else ""
    return {
        "pause": "Stop its processors; it stays in memory.",
        "resume": "Let it go on.",
        "reset": "Press its reset button: it boots again.",
        "power off": "Let it shut itself down.",
        "kill": "End its QEMU at once (SIGKILL).",
        "save": "Keep it as it is now, memory and all, within its disk image (savevm).",
        "load": "Bring it back to what was kept (loadvm).",
        "delete": f"End it{disks}.",
    }[verb]
