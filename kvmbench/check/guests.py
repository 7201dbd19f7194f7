"""Guests: that they run, on which hardware, and what they say of themselves."""

from __future__ import annotations

import posixpath

from kvmbench.check.bridge import need_bridge_up, port_trouble
from kvmbench.check.outcomes import failed, passed
from kvmbench.check.seeing import (
    listed,
    need_guest,
    need_netns,
    need_running,
    same_path,
)
from kvmbench.model import Check, Drive, Fact, Guest, Nic, Outcome, Snapshot

QEMU_MAC = "52:54:00:12:34:56"
"""what QEMU gives every first NIC whose MAC nobody chose"""


def engine_says(guest: Guest) -> str:
    return "KVM" if guest.engine == "kvm" else "TCG, plain emulation without KVM"


def guest_running(name: str, *, points: int = 1) -> Check:
    """A guest of this name runs."""

    def judge(seen: Snapshot) -> Outcome:
        guest = need_running(seen, name)
        if isinstance(guest, Outcome):
            return guest
        return passed(f"{name} runs under {engine_says(guest)} (pid {guest.pid})")

    return Check(f"{name}-running", f"guest {name} runs", judge, points, facts=(Fact("guest", name),))


def guest_hardware(name: str, *, memory_mib: int, vcpus: int, points: int = 1) -> Check:
    """A guest has this much memory and this many virtual processors."""

    def judge(seen: Snapshot) -> Outcome:
        guest = need_guest(seen, name)
        if isinstance(guest, Outcome):
            return guest
        if guest.memory_mib != memory_mib:
            return failed(
                f"{name} has {guest.memory_mib} MiB of memory, not {memory_mib}",
                "-m counts in MiB unless a letter says otherwise, and cannot change while the guest runs "
                "(qemu(1)).",
            )
        if guest.vcpus != vcpus:
            return failed(
                f"{name} has {guest.vcpus} vCPU, not {vcpus}",
                "-smp says how many processors the guest sees; without it there is one.",
            )
        return passed(f"{name} has {memory_mib} MiB and {vcpus} vCPUs, under {engine_says(guest)}")

    return Check(
        f"{name}-hardware",
        f"guest {name} has {memory_mib} MiB and {vcpus} vCPUs",
        judge,
        points,
        facts=(Fact("hardware", name, f"{memory_mib} {vcpus}"),),
    )


def _need_nic(seen: Snapshot, name: str) -> Guest | Outcome:
    guest = need_guest(seen, name)
    if isinstance(guest, Outcome) or guest.nics:
        return guest
    return failed(
        f"{name} has no network card",
        f"A card is an option of its own, -net nic or -nic: start {name} with one.",
    )


def guest_mac(name: str, mac: str, *, points: int = 1) -> Check:
    """A guest's network card has this MAC address, and no other guest has it too."""
    wanted = mac.lower()

    def judge(seen: Snapshot) -> Outcome:
        guest = _need_nic(seen, name)
        if isinstance(guest, Outcome):
            return guest
        macs = [nic.mac.lower() for nic in guest.nics]
        twins = [
            g.name for g in seen.guests if g.name != name and wanted in (nic.mac.lower() for nic in g.nics)
        ]
        if wanted in macs:
            if twins:
                return failed(
                    f"{name} and {listed(twins)} both have {wanted}",
                    f"Two cards with one address confuse every bridge: give {twins[0]} its own, "
                    "and restart it.",
                )
            return passed(f"{name} has {wanted}")
        if QEMU_MAC in macs:
            return failed(
                f"{name} has {QEMU_MAC}, which QEMU gives when nobody chooses",
                "The card's macaddr= was left out: every guest without it gets the same one.",
            )
        return failed(
            f"{name} has {listed(macs)}, not {wanted}",
            "Compare macaddr= byte by byte: six of them, and the tutorial prints only five.",
        )

    return Check(
        f"{name}-mac",
        f"guest {name} has the MAC address {wanted}",
        judge,
        points,
        facts=(Fact("mac", name, wanted),),
    )


def model_name(model: str) -> str:
    """A NIC's model as `-net nic,model=` spells it.

    >>> model_name("virtio-net-pci"), model_name("e1000-82540em"), model_name("rtl8139")
    ('virtio', 'e1000', 'rtl8139')
    """
    low = model.lower()
    if low.startswith("virtio"):
        return "virtio"
    return "e1000" if low.startswith("e1000-") else low


def guest_nic_model(name: str, model: str, *, points: int = 1) -> Check:
    """A guest's network card is of this model."""
    wanted = model_name(model)

    def judge(seen: Snapshot) -> Outcome:
        guest = _need_nic(seen, name)
        if isinstance(guest, Outcome):
            return guest
        models = [model_name(nic.model) for nic in guest.nics]
        if wanted in models:
            return passed(f"the card of {name} is of model {wanted}")
        return failed(
            f"{name} has a card of model {listed(models)}, not {wanted}",
            "model= names the card that QEMU plays; without it you get e1000 (`-nic model=help` lists them).",
        )

    return Check(
        f"{name}-nic-{wanted}",
        f"the network card of guest {name} is of model {wanted}",
        judge,
        points,
        facts=(Fact("nic-model", name, wanted),),
    )


def _same_file(drive: Drive, file: str) -> bool:
    relative = not drive.file.startswith("/") and drive.file != ""
    return same_path(drive.file, file) or (relative and file.endswith("/" + posixpath.normpath(drive.file)))


def guest_disk(
    name: str,
    file: str,
    *,
    interface: str,
    format: str | None = None,
    cache: str | None = None,
    points: int = 1,
) -> Check:
    """A guest has this image as a disk, behind this interface; `format` and `cache` where they matter."""

    def judge(seen: Snapshot) -> Outcome:
        guest = need_guest(seen, name)
        if isinstance(guest, Outcome):
            return guest
        if not guest.drives:
            return failed(
                f"{name} has no disk", f"Without -drive there is nothing to start from: give it {file}."
            )
        drive = next((one for one in guest.drives if _same_file(one, file)), None)
        if drive is None:
            return _other_disk(seen, guest, file)
        if drive.media != "disk":
            return failed(f"{name} has {file} as media={drive.media}", "An image to write on is media=disk.")
        if drive.interface != interface:
            return failed(
                f"{name} has {file} behind {drive.interface or 'no interface'}, not {interface}",
                "if= chooses the bus of the disk; without it the guest sees an IDE disk.",
            )
        if format is not None and drive.format != format:
            return failed(
                f"{name} reads {file} as {drive.format or 'whatever it looks like'}, not as {format}",
                "format= says how the file is to be read; left out, it is guessed from its first bytes.",
            )
        if cache is not None and drive.cache != cache:
            return failed(
                f"{name} writes {file} with cache={drive.cache}, not {cache}",
                "cache= says when a write counts as done (qemu(1), -drive): without it that is writeback.",
            )
        guessed = "" if drive.format else " (its format is left to be guessed)"
        return passed(f"{name} has the disk {file}, interface {interface}{guessed}")

    stated = " ".join([file, interface, *["format"] * (format is not None), *["cache"] * (cache is not None)])
    return Check(
        f"{name}-disk",
        f"guest {name} has the disk {file}, interface {interface}",
        judge,
        points,
        facts=(Fact("disk", name, stated),),
    )


def _other_disk(seen: Snapshot, guest: Guest, file: str) -> Outcome:
    held = [drive.file for drive in guest.drives]
    saw = f"{guest.name} has {listed(held)}, not {file}"
    sharing = [g.name for g in seen.guests if g.name != guest.name and {d.file for d in g.drives} & set(held)]
    if sharing:
        return failed(
            f"{saw}; {sharing[0]} has it too",
            "Two guests writing one image ruin it: each needs a file of its own. "
            "The tutorial's second line forgets that.",
        )
    return failed(saw, f"file= names another image: stop {guest.name} and start it with the right path.")


def plugged_into(guest: str, bridge: str, *, points: int = 1) -> Check:
    """A guest's tap is a forwarding port of a bridge."""

    def judge(seen: Snapshot) -> Outcome:
        process = _need_nic(seen, guest)
        if isinstance(process, Outcome):
            return process
        return plug_trouble(seen, process, bridge) or passed(
            f"{guest} is plugged into {bridge} by {listed(nic.tap or '' for nic in process.nics)}"
        )

    return Check(
        f"{guest}-on-{bridge}",
        f"guest {guest} is plugged into {bridge}",
        judge,
        points,
        facts=(Fact("plugged", guest, bridge),),
    )


def plug_trouble(seen: Snapshot, guest: Guest, bridge: str) -> Outcome | None:
    """Why no card of a guest is behind a forwarding port of a bridge; None when one is."""
    first: Outcome | None = None
    for nic in guest.nics:
        trouble = _nic_trouble(seen, guest, nic, bridge)
        if trouble is None:
            return None
        first = first or trouble
    return first or failed(f"{guest.name} has no network card", "Start it with a card, and a tap behind it.")


def _nic_trouble(seen: Snapshot, guest: Guest, nic: Nic, bridge: str) -> Outcome | None:
    if not nic.tap and any(word == "tap" or word.startswith("tap,") for word in guest.argv):
        return failed(
            f"the tap of {guest.name} is not on the bench any more",
            "Its tap is gone from under it: start the guest again, it makes a new one.",
        )
    if not nic.tap:
        return failed(
            f"the card {nic.mac} of {guest.name} has no tap behind it",
            "A card alone is a socket without a cable: -net tap (or -nic tap) is the other half.",
        )
    room = need_netns(seen, "")
    if isinstance(room, Outcome):
        return room
    tap = room.link(nic.tap)
    if tap is None:
        return failed(
            f"{guest.name} wants the tap {nic.tap}, which is not on the bench",
            "Its tap is gone from under it: start the guest again, it makes a new one.",
        )
    if tap.master is None and room.link(bridge) is not None:
        return failed(
            f"{nic.tap} of {guest.name} belongs to no bridge",
            f"/etc/qemu-ifup is what gives the tap its master: run it by hand with {nic.tap}, "
            "and read what it says.",
        )
    up = need_bridge_up(seen, bridge)
    return up if isinstance(up, Outcome) else port_trouble(seen, tap, bridge)
