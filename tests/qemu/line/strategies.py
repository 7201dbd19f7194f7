"""Guests for Hypothesis: descriptions that a command line can stand for."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from kvmbench.qemu.line import Accel, Boot, Card, Description, Disk, Smp, Vnc, Wire
from kvmbench.qemu.line.reader_disks import CACHES

WORD = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,8}", fullmatch=True).filter(lambda word: word != "help")
PATH = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0“”„‘’‚"), max_size=12).map(
    lambda text: f"/vms/{text}x"
)
MAC = st.lists(st.integers(0, 255), min_size=6, max_size=6).map(
    lambda parts: ":".join(f"{part:02x}" for part in [parts[0] & 0xFE, *parts[1:]])
)
COUNT = st.none() | st.integers(1, 8)


def fields(*keys: str) -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    """Some of these keys, each once."""
    return st.lists(st.tuples(st.sampled_from(keys), PATH), unique_by=lambda each: each[0], max_size=2).map(
        tuple
    )


def _cd_is_read_only(disk: dict[str, Any]) -> Disk:
    return Disk(**{**disk, "readonly": disk["readonly"] or disk["media"] == "cdrom"})


DISK = st.fixed_dictionaries(
    {
        "file": PATH,
        "interface": st.sampled_from(["ide", "virtio", "floppy"]),
        "format": st.sampled_from(["", "raw", "qcow2"]),
        "media": st.sampled_from(["disk", "cdrom"]),
        "index": st.none() | st.integers(0, 5),
        "cache": st.sampled_from(["", *CACHES]),
        "aio": st.sampled_from(["", "threads", "native"]),
        "readonly": st.booleans(),
        "snapshot": st.booleans(),
        "options": fields("discard", "detect-zeroes"),
    }
).map(_cd_is_read_only)
"""what -drive can say; a virtio CD has no device of its own, and is left to the lines written by hand"""
WIRE = st.builds(
    Wire, st.sampled_from(["tap", "user", "bridge"]), fields("ifname", "script", "br", "hostfwd")
)
CARD = st.builds(
    Card,
    model=st.sampled_from(["", "virtio", "e1000", "rtl8139"]),
    mac=st.just("") | MAC,
    wire=WIRE,
    options=fields("addr", "vectors"),
)
HUB = st.lists(CARD, min_size=2, max_size=3).map(
    lambda cards: tuple(Card(card.model, card.mac, card.wire, card.options, joined=True) for card in cards)
)
VNC = st.builds(
    Vnc, st.sampled_from([":0", "127.0.0.1:3", "unix:/run/v", "none"]), fields("password-secret", "tls-creds")
)
GUEST = st.builds(
    Description,
    name=st.just("") | WORD,
    name_options=fields("process"),
    machine=st.sampled_from(["", "pc", "q35"]),
    machine_options=fields("usb", "kernel_irqchip"),
    accels=st.lists(st.builds(Accel, st.sampled_from(["kvm", "tcg"]), fields("tb-size")), max_size=2).map(
        tuple
    ),
    cpu=st.sampled_from(["", "host", "max,+vmx,-x2apic"]),
    smp=st.none()
    | st.builds(Smp, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT).filter(lambda smp: smp != Smp()),
    memory_kib=st.none() | st.integers(1, 2**30).map(lambda number: number * 8),
    memory_options=fields("maxmem"),
    boot=st.none()
    | st.builds(
        Boot,
        st.sampled_from(["", "c", "dc"]),
        st.sampled_from(["", "d"]),
        st.none() | st.booleans(),
        st.just("") | PATH,
        st.none() | st.integers(0, 9999),
        st.none() | st.integers(-1, 65535),
        st.none() | st.booleans(),
    ).filter(lambda boot: boot != Boot()),
    disks=st.lists(DISK, max_size=3).map(tuple),
    cards=st.none() | st.lists(CARD, max_size=3).map(tuple) | HUB,
    display=st.sampled_from(["", "none", "gtk,gl=on"]),
    nographic=st.booleans(),
    vga=st.sampled_from(["", "std", "none"]),
    vnc=st.lists(VNC, max_size=2).map(tuple),
    serial=st.lists(st.sampled_from(["stdio", "mon:stdio", "unix:/s,server=on,wait=off"]), max_size=2).map(
        tuple
    ),
    monitor=st.lists(st.sampled_from(["stdio", "none"]), max_size=1).map(tuple),
    qmp=st.lists(st.just("unix:/q,server=on,wait=off"), max_size=1).map(tuple),
    daemonize=st.booleans(),
    pidfile=st.just("") | PATH,
    rest=st.lists(st.sampled_from([("-S",), ("-k", "de"), ("--no-reboot",)]), max_size=2).map(tuple),
)
