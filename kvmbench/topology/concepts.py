"""The ideas that the course draws: what no look at a bench can show."""

from __future__ import annotations

from kvmbench.errors import BadInput
from kvmbench.topology.concept import Concept, Part, Way
from kvmbench.topology.marks import DASHED
from kvmbench.topology.theme import LIGHT, Theme


def concept(name: str, *, theme: Theme = LIGHT) -> Concept:
    """An idea drawn, by its name.

    Raises:
        BadInput: there is no drawing of that name.
    """
    if name not in _CONCEPTS:
        raise BadInput(f"there is no drawing {name!r}", f"There are: {', '.join(names())}.")
    title, parts, ways = _CONCEPTS[name]
    return Concept(title, parts, ways, theme)


def names() -> tuple[str, ...]:
    """What there is a drawing of."""
    return tuple(_CONCEPTS)


_LAYERS = (
    "Each cluster is read from the highest layer that has it",
    (
        *(Part(f"cluster {n}", (110.0 * n, 0), width=84, height=30, paint="guest") for n in range(1, 6)),
        Part("overlay.img", (0, 90), ("written since",), paint="room"),
        *(
            Part(f"{n} rewritten", (110.0 * n, 90), width=84, height=34, paint="room")
            if n in (2, 5)
            else Part(f"{n}: a hole", (110.0 * n, 90), width=84, height=34, paint="room", dash=DASHED)
            for n in range(1, 6)
        ),
        Part("centos.img", (0, 180), ("never written to",), paint="bridge"),
        *(Part(f"{n} of old", (110.0 * n, 180), width=84, height=34, paint="bridge") for n in range(1, 6)),
        Part("the guest reads", (0, 0), paint="guest", height=34),
    ),
    tuple(Way(f"cluster {n}", f"{n} rewritten" if n in (2, 5) else f"{n} of old") for n in range(1, 6)),
)

_GUEST = (
    "A frame's way from the guest to the bridge",
    (
        Part("QEMU, a process of the host", (330, 100), width=660, height=220, paint="region", room=True),
        Part("the guest's memory", (190, 85), width=350, height=130, paint="guest", room=True),
        Part("eth0", (90, 95), ("driver virtio_net",), paint="device"),
        Part("ring", (290, 95), ("frames lie here",), paint="device"),
        Part("main loop", (555, 95), ("reads the ring,", "writes into the tap"), width=160, height=60),
        Part("vCPU threads", (190, 180), ("carry out the guest's instructions",), width=260, height=44),
        Part("the host's kernel", (860, 100), width=300, height=220, paint="outside", room=True),
        Part("tap01", (780, 95), ("an interface",), width=100),
        Part("br-int", (940, 95), ("a bridge",), width=100, paint="bridge"),
        Part("vhost-net", (860, 45), ("can do the main loop's work",), width=260, height=36, dash=DASHED),
        Part("KVM", (860, 180), ("where it works; else QEMU translates",), width=260, height=44),
    ),
    (
        Way("eth0", "ring"),
        Way("ring", "main loop", "one notice"),
        Way("main loop", "tap01"),
        Way("tap01", "br-int"),
        Way("vCPU threads", "KVM", "ask to run", dash=DASHED),
    ),
)

_VIRTIO = (
    "The same frame by a played card and by virtio",
    (
        Part("e1000", (70, 40), ("driver in the guest",), width=140),
        Part("QEMU plays a card", (470, 40), ("register by register",), width=160, paint="service"),
        Part("tap03", (700, 40), width=90),
        Part("virtio_net", (70, 150), ("driver in the guest",), width=140),
        Part("ring", (270, 150), ("shared memory,", "many frames"), width=110, height=60, paint="guest"),
        Part("QEMU empties it", (470, 150), ("at one go",), width=160, paint="service"),
        Part("tap01", (700, 150), width=90),
        Part("br-int", (860, 95), ("cannot tell",), width=100, height=160, paint="bridge"),
    ),
    (
        Way("e1000", "QEMU plays a card", "each register: the guest stops"),
        Way("QEMU plays a card", "tap03"),
        Way("virtio_net", "ring"),
        Way("ring", "QEMU empties it", "notice", dash=DASHED),
        Way("QEMU empties it", "tap01"),
        Way("tap03", "br-int"),
        Way("tap01", "br-int"),
    ),
)

_HOOKS = (
    "Where the kernel's filters meet a packet",
    (
        Part("in", (40, 0), ("ens33, br-int",), width=110, paint="outside"),
        Part(
            "PREROUTING", (215, 0), ("DNAT, the way in", "(step 10)"), width=140, height=64, paint="service"
        ),
        Part("which way?", (385, 0), ("the routing table",), width=130, height=64, paint="room"),
        Part("FORWARD", (550, 0), ("it is for another",), width=130, height=64, paint="service"),
        Part(
            "POSTROUTING",
            (735, 0),
            ("source NAT, the way out", "(step 9)"),
            width=170,
            height=64,
            paint="service",
        ),
        Part("out", (925, 0), ("br-int, ens33",), width=110, paint="outside"),
        Part("INPUT", (385, 120), ("it is for this host",), width=130, paint="service"),
        Part("a program", (550, 120), ("sshd, dnsmasq, ping",), width=140, paint="device"),
        Part("OUTPUT", (735, 120), ("sent by this host",), width=130, paint="service"),
    ),
    (
        Way("in", "PREROUTING"),
        Way("PREROUTING", "which way?"),
        Way("which way?", "FORWARD"),
        Way("FORWARD", "POSTROUTING"),
        Way("POSTROUTING", "out"),
        Way("which way?", "INPUT"),
        Way("INPUT", "a program"),
        Way("a program", "OUTPUT"),
        Way("OUTPUT", "POSTROUTING"),
    ),
)

_LEFT, _RIGHT = 60.0, 660.0
_MESSAGES = (
    ("Discover, from 0.0.0.0 to everybody: is anybody there?", True),
    ("Offer: you could have this address", False),
    ("Request, to everybody: I take it", True),
    ("ACK: it is yours, for an hour", False),
)
_DHCP = (
    "How a guest comes by its address",
    (
        Part("c2", (_LEFT, 0), ("port 68",), paint="guest"),
        Part("dnsmasq", (_RIGHT, 0), ("port 67",), paint="service"),
    ),
    (
        *(Way((x, 25), (x, 210), head=False) for x in (_LEFT, _RIGHT)),
        *(
            Way((_LEFT if asks else _RIGHT, y), (_RIGHT if asks else _LEFT, y), says)
            for y, (says, asks) in zip((65.0, 105.0, 145.0, 185.0), _MESSAGES, strict=True)
        ),
    ),
)

_CONCEPTS: dict[str, tuple[str, tuple[Part, ...], tuple[Way, ...]]] = {
    "layers": _LAYERS,
    "guest": _GUEST,
    "virtio": _VIRTIO,
    "hooks": _HOOKS,
    "dhcp": _DHCP,
}
