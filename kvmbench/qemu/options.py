"""A guest's command line from its description, and the words in it that have rules of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kvmbench.errors import BadInput
from kvmbench.model import Drive, Nic

IFUP = "/etc/qemu-ifup"
NIC_MODELS = (
    *("virtio", "e1000", "rtl8139", "ne2k_pci", "pcnet"),
    *("i82550", "i82551", "i82557a", "i82557b", "i82557c", "i82558a", "i82558b", "i82559a", "i82559b"),
    *("i82559c", "i82559er", "i82562", "i82801", "vmxnet3", "e1000e"),
)
DISK_INTERFACES = ("virtio", "ide", "scsi", "floppy")

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}


@dataclass(frozen=True)
class GuestPlan:
    """A guest to be started; what runs then is a `model.Guest`."""

    name: str
    drives: tuple[Drive, ...] = ()
    nics: tuple[Nic, ...] = ()
    memory_mib: int = 256
    vcpus: int = 2
    vnc_display: int | None = None
    script: str = IFUP
    """run by QEMU with the tap's name, to bring it up and plug it in"""


def mac_address(text: str) -> str:
    """The address in its usual spelling.

    >>> mac_address("52:54:0:0:0:A")
    '52:54:00:00:00:0a'

    Raises:
        BadInput: it is not six bytes, or it is an address of a group (IEEE 802, first bit).
    """
    parts = re.split("[:-]", text)
    if len(parts) != 6:
        raise BadInput(
            f"{text!r} is no MAC address: it has {len(parts)} bytes, not 6",
            "Write six bytes, like 52:54:00:00:00:01.",
        )
    if not all(re.fullmatch("[0-9A-Fa-f]{1,2}", part) for part in parts):
        raise BadInput(
            f"{text!r} is no MAC address: a byte is two hexadecimal digits",
            "Write six bytes, like 52:54:00:00:00:01.",
        )
    if int(parts[0], 16) & 1:
        raise BadInput(
            f"{text!r} is a multicast address: its first byte is odd",
            "Take an even first byte; the addresses of QEMU's guests begin with 52:54:00.",
        )
    return ":".join(f"{int(part, 16):02x}" for part in parts)


def size_bytes(text: str) -> int:
    """A size as qemu-img reads it: a number, with K, M, G, T or P for the powers of 1024.

    >>> size_bytes("80G") == size_bytes("80g") == 80 * 2**30
    True

    Raises:
        BadInput: it is not such a number, or not more than nothing.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kmgtp]?)", text.strip().lower(), re.ASCII)
    size = int(float(found[1]) * _UNITS[found[2]]) if found else 0
    if size <= 0:
        raise BadInput(f"{text!r} is no size of a disk", "Write a number and a unit, like 80G or 512M.")
    return size


def link_name(text: str) -> str:
    """The name of a network interface (IFNAMSIZ, netdevice(7)).

    Raises:
        BadInput: it is empty, over 15 bytes, or has a character that the kernel refuses.
    """
    if len(text.encode()) > 15:
        raise BadInput(
            f"the interface name {text!r} has {len(text.encode())} bytes", "Take 15 at most, like br-int."
        )
    if text in ("", ".", "..") or re.search(r"[\s/:%]", text):
        raise BadInput(
            f"{text!r} is no name for an interface", "Take letters, digits, '.', '_' and '-', like vethm.1."
        )
    return text


def guest_name(text: str) -> str:
    """The name of a guest, which is its host name and the name of its directory too.

    Raises:
        BadInput: it is not 1 to 40 letters, digits, `.`, `_` and `-`.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,39}", text, re.ASCII):
        raise BadInput(
            f"{text!r} is no name for a guest", "Take letters, digits, '.', '_' and '-', 40 at most, like c1."
        )
    return text


def checked(plan: GuestPlan) -> GuestPlan:
    """The plan itself, when nothing in it is nonsense; whether its files are there is not asked.

    Raises:
        BadInput: a name, address, size or model that cannot be meant.
    """
    guest_name(plan.name)
    if not 32 <= plan.memory_mib <= 1 << 20:
        raise BadInput(f"{plan.memory_mib} MiB is no memory for a guest", "Give it 128 MiB or more: -m 256.")
    if not 1 <= plan.vcpus <= 255:
        raise BadInput(f"{plan.vcpus} is no number of virtual CPUs", "Give it at least one: -smp 2.")
    if plan.vnc_display is not None and not 0 <= plan.vnc_display <= 59635:
        raise BadInput(
            f"there is no VNC display :{plan.vnc_display}", "Display :0 is TCP port 5900; take 0 to 99."
        )
    for nic in plan.nics:
        mac_address(nic.mac)
        link_name(nic.tap or "")
        _one_of(nic.model, NIC_MODELS, "model of a network card")
    for drive in plan.drives:
        _one_of(drive.interface, DISK_INTERFACES, "bus of a disk")
    return plan


def argv(plan: GuestPlan, *, old: bool = False) -> tuple[str, ...]:
    """The command line: `-nic` as QEMU advises today, or `-net nic -net tap` as the tutorial has it.

    Raises:
        BadInput: as `checked`; or several NICs in the old spelling, which would join them with one another.
    """
    checked(plan)
    if old and len(plan.nics) > 1:
        raise BadInput(
            f"{plan.name} has {len(plan.nics)} network cards, and -net would join them all",
            "Write -nic once for each: that is today's spelling.",
        )
    words = ["qemu-kvm", "-name", plan.name, "-m", str(plan.memory_mib), "-smp", str(plan.vcpus)]
    for drive in plan.drives:
        words += _drive(drive, old=old)
    for nic in plan.nics:
        tap = f"ifname={nic.tap},script={_quoted(plan.script)}"
        if old:
            words += ["-net", f"nic,model={nic.model},macaddr={nic.mac}", "-net", f"tap,{tap}"]
        else:
            words += ["-nic", f"tap,model={nic.model},mac={nic.mac},{tap}"]
    words += ["-vnc", "none" if plan.vnc_display is None else f":{plan.vnc_display}", "-daemonize"]
    return tuple(words)


def _drive(drive: Drive, *, old: bool) -> list[str]:
    if old and drive.interface == "ide" and drive.media == "disk":
        return ["-hda", drive.file]
    spelt = f"file={_quoted(drive.file)},media={drive.media},if={drive.interface}"
    return ["-drive", spelt + (f",format={drive.format}" if drive.format else "")]


def _quoted(value: str) -> str:
    """QEMU splits at commas; one that belongs to the value is written twice."""
    return value.replace(",", ",,")


def _one_of(word: str, known: tuple[str, ...], what: str) -> None:
    if word not in known:
        raise BadInput(f"{word!r} is no {what} that QEMU has", f"Take one of {', '.join(known[:5])}, ….")
