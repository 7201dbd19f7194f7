"""QEMU's command line read back (qemu(1)): enough of it to know a guest by, in old and in new spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kvmbench.model import Drive, Nic

VNC_BASE = 5900
DEFAULT_MEMORY_MIB = 128
AGENT_CHARDEV = "kvmbench-agent"
"""the chardev that the bench's launcher adds"""
_UNITS_MIB = {"b": 2**-20, "k": 2**-10, "": 1, "m": 1, "g": 2**10, "t": 2**20}
_DISKS = {"hda": "ide", "hdb": "ide", "hdc": "ide", "hdd": "ide", "fda": "floppy", "fdb": "floppy"}
_DEVICES = (("virtio", "virtio"), ("ide-", "ide"), ("scsi-", "scsi"), ("usb-", "usb"), ("floppy", "floppy"))
_NIC_MODELS = {"virtio-net-pci": "virtio", "virtio-net": "virtio", "virtio-net-device": "virtio"}


@dataclass(frozen=True)
class CommandLine:
    """What a guest was started with; None and "" where nothing was said."""

    name: str
    memory_mib: int
    vcpus: int
    machine: str
    cpu: str
    engine: str
    """kvm or tcg, as asked for"""
    drives: tuple[Drive, ...]
    nics: tuple[Nic, ...]
    vnc: str | None
    console: str | None
    agent: str | None
    qmp: str | None


Options = Sequence[tuple[str, str]]


def read(argv: Sequence[str]) -> CommandLine:
    """Read a whole command line.

    >>> c1 = read(["qemu-kvm", "-name", "c1", "-m", "1G", "-net", "nic,model=virtio", "-vnc", ":2"])
    >>> c1.name, c1.memory_mib, c1.vnc
    ('c1', 1024, '0.0.0.0:5902')
    """
    given = options(argv)
    machine = fields(_last(given, "machine", "M"))
    return CommandLine(
        name=_name(given),
        memory_mib=memory_mib(_last(given, "m")),
        vcpus=vcpus(_last(given, "smp")),
        machine=machine.get("", machine.get("type", "")),
        cpu=fields(_last(given, "cpu")).get("", ""),
        engine=_engine(given, machine),
        drives=tuple(_drives(given)),
        nics=tuple(_nics(given)),
        vnc=vnc(_last(given, "vnc") or fields(_last(given, "display")).get("vnc", "")),
        console=_console(given),
        agent=_chardevs(given).get(AGENT_CHARDEV),
        qmp=_qmp(given),
    )


def options(argv: Sequence[str]) -> Options:
    """Each option with what follows it; QEMU takes -name and --name alike.

    >>> options(["qemu-kvm", "-name", "c1", "-daemonize", "--smp", "2"])
    [('name', 'c1'), ('daemonize', ''), ('smp', '2')]
    """
    words = list(argv[1:])
    return [
        (word.lstrip("-"), "" if after.startswith("-") else after)
        for word, after in zip(words, [*words[1:], ""], strict=False)
        if word.startswith("-")
    ]


def fields(value: str) -> dict[str, str]:
    """What stands between commas; the first word may do without a name, a later one then means "on".

    >>> fields("tap,ifname=tap01,vhost"), fields("file=a,,b.img")
    ({'': 'tap', 'ifname': 'tap01', 'vhost': 'on'}, {'file': 'a,b.img'})
    """
    found: dict[str, str] = {}
    for number, part in enumerate(value.replace(",,", "\0").split(",")):
        key, equals, text = part.replace("\0", ",").partition("=")
        if equals:
            found[key] = text
        elif key and number == 0:
            found[""] = key
        elif key:
            found[key] = "on"
    return found


def memory_mib(value: str) -> int:
    """-m counts in MiB unless a letter says otherwise.

    >>> memory_mib("256"), memory_mib("size=1G,slots=2"), memory_mib("")
    (256, 1024, 128)
    """
    given = fields(value)
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([bkmgt]?)", given.get("", given.get("size", "")).lower())
    return int(float(found[1]) * _UNITS_MIB[found[2]]) if found else DEFAULT_MEMORY_MIB


def vcpus(value: str) -> int:
    """-smp names the processors, or what they multiply from.

    >>> vcpus("2"), vcpus("cpus=4,maxcpus=8"), vcpus("sockets=1,cores=2,threads=2"), vcpus("")
    (2, 4, 4, 1)
    """
    given = fields(value)
    number = given.get("", given.get("cpus", ""))
    if number.isdigit():
        return int(number)
    product = 1
    for part in ("sockets", "dies", "cores", "threads"):
        product *= int(given[part]) if given.get(part, "").isdigit() else 1
    return product


def vnc(value: str) -> str | None:
    """Where a display is served: display 0 is TCP port 5900.

    >>> vnc(":0"), vnc("127.0.0.1:2,share=ignore"), vnc("unix:/run/v.sock"), vnc("none")
    ('0.0.0.0:5900', '127.0.0.1:5902', '/run/v.sock', None)
    """
    first = value.split(",")[0]
    if first.startswith("unix:"):
        return first.removeprefix("unix:")
    host, colon, display = first.rpartition(":")
    return f"{host or '0.0.0.0'}:{VNC_BASE + int(display)}" if colon and display.isdigit() else None


def nic_model(word: str) -> str:
    """A NIC's model as -net nic spells it: virtio-net-pci is called virtio there."""
    return _NIC_MODELS.get(word, word)


def disk_interface(device: str) -> str:
    """What a -device is plugged into, so far as its name tells."""
    return next((interface for start, interface in _DEVICES if device.startswith(start)), "")


def _values(given: Options, *names: str) -> list[str]:
    return [value for option, value in given if option in names]


def _last(given: Options, *names: str) -> str:
    return next(reversed(_values(given, *names)), "")


def _name(given: Options) -> str:
    said = fields(_last(given, "name"))
    return said.get("guest", said.get("", ""))


def _engine(given: Options, machine: Mapping[str, str]) -> str:
    said = fields(next(iter(_values(given, "accel")), ""))
    first = said.get("", said.get("accel", machine.get("accel", "")))
    asks = first.startswith("kvm") or any(option == "enable-kvm" for option, _ in given)
    return "kvm" if asks else "tcg"


def _drives(given: Options) -> list[Drive]:
    plugged = {
        device.get("drive", ""): device.get("", "") for device in map(fields, _values(given, "device"))
    }
    found: list[Drive] = []
    for option, value in given:
        if option in _DISKS:
            found.append(Drive(value, "", _DISKS[option]))
        elif option == "cdrom":
            found.append(Drive(value, "", "ide", media="cdrom"))
        elif option == "drive":
            said = fields(value)
            interface = said.get("if", "ide")
            if interface == "none":
                interface = disk_interface(plugged.get(said.get("id", ""), ""))
            if said.get("file") and interface != "pflash":
                media, cache = said.get("media", "disk"), said.get("cache", "writeback")
                found.append(Drive(said["file"], said.get("format", ""), interface, media, cache))
    return found


def _nics(given: Options) -> list[Nic]:
    """On -net nic and -net tap see qemu(1): the first card goes with the first tap, and so on."""
    backends = {said.get("id", ""): said for said in map(fields, _values(given, "netdev"))}
    loose = [said for said in map(fields, _values(given, "net")) if said.get("") not in ("nic", "none")]
    found: list[Nic] = []
    for option, value in given:
        said = fields(value)
        if option == "nic" and said.get("") != "none":
            found.append(_nic(said, said))
        elif option == "net" and said.get("") == "nic":
            behind = backends.get(said["netdev"], {}) if "netdev" in said else (loose.pop(0) if loose else {})
            found.append(_nic(said, behind))
        elif option == "device" and "netdev" in said:
            found.append(_nic({**said, "model": said.get("", "")}, backends.get(said["netdev"], {})))
    return found


def _nic(card: Mapping[str, str], behind: Mapping[str, str]) -> Nic:
    return Nic(
        model=nic_model(card.get("model", "")),
        mac=card.get("macaddr", card.get("mac", "")).lower(),
        tap=behind.get("ifname") if behind.get("") == "tap" else None,
    )


def _chardevs(given: Options) -> dict[str, str]:
    """The unix sockets among -chardev, by their ids."""
    said = [fields(value) for value in _values(given, "chardev")]
    return {each["id"]: each["path"] for each in said if "id" in each and "path" in each}


def _console(given: Options) -> str | None:
    first = next(iter(_values(given, "serial")), "")
    if first.startswith("unix:"):
        return first.removeprefix("unix:").split(",")[0]
    return _chardevs(given).get(first.removeprefix("chardev:"))


def _qmp(given: Options) -> str | None:
    """The launcher's own socket before one that somebody uses already: QMP serves one client at a time."""
    paths = [
        value.removeprefix("unix:").split(",")[0]
        for value in _values(given, "qmp", "qmp-pretty")
        if value.startswith("unix:")
    ]
    return next((path for path in paths if path.startswith("/run/kvmbench/")), next(iter(paths), None))
