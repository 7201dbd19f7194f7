"""Variants: each student's own numbers, which follow from the course's key and the student's name.

Each value is drawn by itself: HMAC-SHA256 (RFC 2104), under the key, of "kvmbench variant 1", the student and
what is drawn, a zero byte between them; a big-endian number, modulo how many there are to choose from.

Whoever does not have the key cannot tell anybody's numbers, and the instructor need not keep a list. The 1 is
this way of drawing: another one gets another number, and the numbers of a running course stay.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from kvmbench.course.catalogue import PLAN_FILE, steps_with
from kvmbench.course.plan import TUTORIAL, Plan
from kvmbench.course.step import Step
from kvmbench.errors import BadInput
from kvmbench.model import Snapshot

VERSION = 1
LEAST_KEY_BYTES = 16


Range = tuple[int, int]
"""whole numbers from the first to the last, both included"""


@dataclass(frozen=True)
class Ranges:
    """What may be drawn; an instructor may narrow it, and leave room for what mistakes and leases need."""

    second_byte: Range = (16, 199)
    """of the bridge's network, 10.x.y.0/24"""
    third_byte: Range = (0, 255)
    cable: Range = (0, 255)
    """third byte of the cable's network, 192.168.x.0/24"""
    guests: Range = (1, 6)
    """hosts that c1 and c2 are"""
    first_lease: Range = (11, 40)
    last_lease: Range = (70, 100)
    router: Range = (241, 252)
    ssh_outside: Range = (20000, 29999)

    def __post_init__(self) -> None:
        bounds = {
            "second_byte": (0, 255),
            "third_byte": (0, 255),
            "cable": (0, 255),
            "guests": (1, 6),
            "first_lease": (8, 68),
            "last_lease": (69, 109),
            "router": (201, 252),
            "ssh_outside": (1024, 65535),
        }
        for name, (least, most) in bounds.items():
            first, last = getattr(self, name)
            if not least <= first <= last <= most:
                raise BadInput(
                    f"{name} from {first} to {last} does not work",
                    f"Take two numbers from {least} to {most}, the smaller one first.",
                )
        if self.guests[0] == self.guests[1]:
            raise BadInput("two guests cannot be one host", "Let guests be a range of two numbers at least.")


DEFAULT_RANGES = Ranges()


@dataclass(frozen=True)
class Variant:
    """A student and the numbers drawn for him or her."""

    student: str
    plan: Plan
    version: int = VERSION

    def values(self) -> Mapping[str, str]:
        """The values by which a variant is known on a bench: what each is, in words, and its text."""
        plan = self.plan
        return {
            "the MAC address of c1": plan.macs[0],
            "the MAC address of c2": plan.macs[1],
            "the MAC address of c3": plan.macs[2],
            "the gateway": plan.router,
            "the address of c1": plan.c1_address,
            "the bench's end of the cable": plan.near,
            "the far end of the cable": plan.far,
            "the outer ssh port": str(plan.ssh_outside),
        }


class Foreign(NamedTuple):
    """A value on a bench that was drawn for somebody else."""

    student: str
    what: str
    value: str

    @property
    def says(self) -> str:
        return f"{self.value} is {self.what} in the variant of {self.student}"


def variant_of(key: bytes, student: str, ranges: Ranges = DEFAULT_RANGES) -> Variant:
    """The numbers of a student; the same ones each time.

    Raises:
        BadInput: a key that could be guessed, or no student.
    """
    if len(key) < LEAST_KEY_BYTES or not student:
        raise BadInput(
            f"a variant needs a student and a key of {LEAST_KEY_BYTES} bytes at least",
            "Make a key: head -c 32 /dev/urandom >course.key; then --student NAME --key course.key",
        )

    def draw(what: str, among: Range) -> int:
        message = f"kvmbench variant {VERSION}\0{student}\0{what}".encode()
        number = int.from_bytes(hmac.new(key, message, hashlib.sha256).digest(), "big")
        first, last = among
        return first + number % (last - first + 1)

    network = f"10.{draw('second byte', ranges.second_byte)}.{draw('third byte', ranges.third_byte)}"
    cable = f"192.168.{draw('cable', ranges.cable)}"
    ends = draw("cable ends", (1, 253))
    c1 = draw("c1", ranges.guests)
    others = [host for host in range(ranges.guests[0], ranges.guests[1] + 1) if host != c1]
    c2 = others[draw("c2", (0, len(others) - 1))]
    # Neither the tutorial's 52:54:00:00:00 nor QEMU's own 52:54:00:12:34:56.
    card = f"52:54:00:{draw('card 1', (0x20, 0xFF)):02x}:{draw('card 2', (0, 0xFF)):02x}"
    last = draw("card 3", (0, 0xFC))
    return Variant(
        student,
        Plan(
            network=f"{network}.0/24",
            router=f"{network}.{draw('router', ranges.router)}",
            c1_address=f"{network}.{c1}",
            c2_address=f"{network}.{c2}",
            first_lease=f"{network}.{draw('first lease', ranges.first_lease)}",
            last_lease=f"{network}.{draw('last lease', ranges.last_lease)}",
            near=f"{cable}.{ends}",
            far=f"{cable}.{ends + 1}",
            ssh_outside=draw("ssh", ranges.ssh_outside),
            macs=(f"{card}:{last:02x}", f"{card}:{last + 1:02x}", f"{card}:{last + 2:02x}"),
        ),
    )


def steps_for(variant: Variant) -> tuple[Step, ...]:
    """The course with a student's numbers, in order."""
    return steps_with(variant.plan)


def plan_written(plan: Plan) -> list[str]:
    """The program that, run on a bench, has the course there go by these numbers."""
    text = msgspec.json.encode(plan).decode()
    return ["/bin/sh", "-c", 'printf "%s\\n" "$1" >"$2"', "sh", text, str(PLAN_FILE)]


def foreign_values(seen: Snapshot, own: Variant, others: Iterable[Variant]) -> tuple[Foreign, ...]:
    """Values on a bench that were drawn for other students of the class, and not for this one; pure.

    Any other host of somebody's bridge network counts too: an instructor's own steps ask for such hosts. A
    value that two students share by chance names both: one value is a question, several of one student are an
    answer.
    """
    here = _values_on(seen)
    mine = {*own.values().values(), *Variant("", TUTORIAL).values().values()}
    home = {own.plan.network, TUTORIAL.network}
    found: list[Foreign] = []
    for other in others:
        if other.student == own.student:
            continue
        named = {value: what for what, value in other.values().items() if value in here and value not in mine}
        hosts = _hosts(here, other.plan.network) if other.plan.network not in home else []
        named |= {host: "a host of the bridge's network" for host in hosts if host not in named}
        found += [Foreign(other.student, what, value) for value, what in named.items()]
    return tuple(found)


def _hosts(values: Iterable[str], network: str) -> list[str]:
    """Those of the values that are addresses of a /24 network, in order."""
    start = network.removesuffix("0/24")
    return sorted((value for value in values if value.startswith(start)), key=lambda one: (len(one), one))


def _values_on(seen: Snapshot) -> set[str]:
    links = [link for room in seen.namespaces for link in room.links]
    inside = [guest.inside for guest in seen.guests if guest.inside]
    held = [address for one in inside for addresses in one.addresses.values() for address in addresses]
    rules = [rule for room in seen.namespaces for rule in room.rules]
    return {
        *(nic.mac.lower() for guest in seen.guests for nic in guest.nics),
        *(str(address.ip) for link in links for address in link.inet),
        *(str(address.ip) for address in held),
        *(str(one.gateway) for one in inside if one.gateway),
        *(str(rule.port) for rule in rules if rule.action == "dnat" and rule.port),
    }
