"""What a QEMU command line asks for: a guest described, whichever spelling it was typed in."""

from __future__ import annotations

from dataclasses import dataclass, field

from kvmbench.qemu.line.words import Fields, last

DEFAULT_MEMORY_MIB = 128
VNC_PORT = 5900


@dataclass(frozen=True)
class Smp:
    """Processors and how they are arranged; None where nothing was said."""

    cpus: int | None = None
    maxcpus: int | None = None
    sockets: int | None = None
    dies: int | None = None
    clusters: int | None = None
    cores: int | None = None
    threads: int | None = None


@dataclass(frozen=True)
class Boot:
    """What the firmware starts from, and how long it waits."""

    order: str = ""
    """letters: a, b floppy, c hard disk, d CD-ROM, n to p network"""
    once: str = ""
    menu: bool | None = None
    splash: str = ""
    splash_time_ms: int | None = None
    reboot_timeout_ms: int | None = None
    strict: bool | None = None


@dataclass(frozen=True)
class Accel:
    """An engine that guests run on: kvm, tcg, …; of several the first that works is taken."""

    name: str
    options: Fields = ()


@dataclass(frozen=True)
class Disk:
    """A disk or a CD, from -hda, -drive or -blockdev with its -device."""

    file: str
    """"" for a drive without a medium"""
    interface: str = "ide"
    """ide, virtio, scsi, floppy, usb, none, …; ide is what a PC takes when nothing is said"""
    format: str = ""
    """"" when QEMU is left to guess it"""
    media: str = "disk"
    index: int | None = None
    cache: str = ""
    aio: str = ""
    readonly: bool = False
    """a CD always is"""
    snapshot: bool = False
    options: Fields = ()
    """what else was said of the image"""
    device_options: Fields = ()
    """what else was said of the device that the guest sees; -drive cannot say such things"""
    device: str = ""
    """scsi-hd, usb-storage, …: a device that -drive cannot make, as its controller is named apart"""
    id: str = field(default="", compare=False)
    said: str = field(default="", compare=False, repr=False)
    """the words it was read from"""

    @property
    def writes(self) -> bool:
        """Whether the guest's writing reaches the file."""
        return not (self.readonly or self.snapshot or self.media == "cdrom")


@dataclass(frozen=True)
class Wire:
    """What a network card is plugged into on the host's side: a tap, QEMU's own user network, …"""

    kind: str
    options: Fields = ()
    id: str = field(default="", compare=False)
    said: str = field(default="", compare=False, repr=False)

    @property
    def tap(self) -> str | None:
        """The tap's name; "" when the kernel picks one, None when it is no tap."""
        return last(self.options, "ifname") if self.kind == "tap" else None


@dataclass(frozen=True)
class Card:
    """A network card and its wire."""

    model: str = ""
    """virtio, e1000, …; "" for the machine's own choice"""
    mac: str = ""
    """"" for QEMU's own choice, 52:54:00:12:34:56 and up: the same in every guest"""
    wire: Wire | None = None
    options: Fields = ()
    joined: bool = False
    """on one hub with all the other -net; a -net nic and a -net tap alone are simply a pair"""
    id: str = field(default="", compare=False)
    said: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class Vnc:
    """Where a VNC server listens: "host:display", "unix:path" or "none"."""

    where: str
    options: Fields = ()

    @property
    def display(self) -> int | None:
        """Its number: display 0 is TCP port 5900."""
        _, colon, digits = self.where.rpartition(":")
        known = colon and not self.where.startswith("unix:") and digits.isascii() and digits.isdigit()
        return int(digits) if known and len(digits) < 7 else None

    @property
    def host(self) -> str:
        """The address that it listens at; "" for all of them."""
        return self.where.rpartition(":")[0] if self.display is not None else ""

    @property
    def path(self) -> str | None:
        return self.where.removeprefix("unix:") if self.where.startswith("unix:") else None

    @property
    def password(self) -> bool:
        return last(self.options, "password") in ("on", "yes", "true", "y") or bool(
            last(self.options, "password-secret")
        )


@dataclass(frozen=True)
class Description:
    """A guest as a command line describes it. What was not said is None, "" or ()."""

    program: str = "qemu-kvm"
    name: str = ""
    name_options: Fields = ()
    machine: str = ""
    machine_options: Fields = ()
    accels: tuple[Accel, ...] = ()
    cpu: str = ""
    """the model, and the features that are added (+) or taken away (-)"""
    smp: Smp | None = None
    memory_kib: int | None = None
    """a multiple of 8, as QEMU rounds it up"""
    memory_options: Fields = ()
    boot: Boot | None = None
    disks: tuple[Disk, ...] = ()
    cards: tuple[Card, ...] | None = None
    """() after -nic none; None when nothing was said, and QEMU plugs in a card with its user network"""
    display: str = ""
    nographic: bool = False
    vga: str = ""
    vnc: tuple[Vnc, ...] = ()
    serial: tuple[str, ...] = ()
    monitor: tuple[str, ...] = ()
    qmp: tuple[str, ...] = ()
    daemonize: bool = False
    pidfile: str = ""
    rest: tuple[tuple[str, ...], ...] = ()
    """options that are not taken apart, word by word as they were typed"""

    @property
    def memory_mib(self) -> float:
        return DEFAULT_MEMORY_MIB if self.memory_kib is None else self.memory_kib / 1024
