"""Which packets are one and the same, seen at several places, and what was done to them on the way."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from kvmbench.observe.packets.decode import Key, decode

_TOGETHER_NS = 2_000_000_000
_MOST_KEYS = 4096


@dataclass(frozen=True)
class Frame:
    """What passed an interface at one moment."""

    time_ns: int
    """since 1970, by the kernel's clock"""
    place: str
    """an interface's name; router1/vethm.2 in a namespace"""
    outgoing: bool
    """it left by this interface; otherwise it came in"""
    data: bytes
    size: int
    """bytes on the wire"""


@dataclass(frozen=True)
class Packet:
    """A frame, decoded; those with one `number` are the same packet."""

    number: int
    sighting: int
    """1 where it was seen first"""
    frame: Frame
    protocol: str
    source: str
    target: str
    says: str
    translated: str = ""
    """what its addresses were changed to since it was last seen, and by what"""


@dataclass
class _Known:
    number: int
    last: Packet
    passed: set[tuple[str, bool]] = field(default_factory=set)
    count: int = 1


class Sightings:
    """Give it frames in the order of time; it tells of each which packet it is."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, _Known] = OrderedDict()
        self._count = 0
        self._done: set[tuple[str, str, str]] = set()
        """translations: which end, before, after"""

    def packet(self, frame: Frame) -> Packet:
        said = decode(frame.data)
        known = self._known.get(said.key)
        way = (frame.place, frame.outgoing)
        again = (
            known is not None
            and way not in known.passed
            and abs(frame.time_ns - known.last.frame.time_ns) <= _TOGETHER_NS
        )
        if known is None or not again:
            self._count += 1
            found = Packet(self._count, 1, frame, said.protocol, said.source, said.target, said.says)
            self._known[said.key] = known = _Known(self._count, found)
            self._known.move_to_end(said.key)
            if len(self._known) > _MOST_KEYS:
                self._known.popitem(last=False)
        else:
            known.count += 1
            found = Packet(
                known.number,
                known.count,
                frame,
                said.protocol,
                said.source,
                said.target,
                said.says,
                self._translated(known.last, said.source, said.target),
            )
        known.last = found
        known.passed.add(way)
        return found

    def _translated(self, last: Packet, source: str, target: str) -> str:
        """An answer gets its addresses back by the memory that changed them on the way out (conntrack)."""
        told = []
        for end, other, name, before, after in (
            ("source", "target", "SNAT", last.source, source),
            ("target", "source", "DNAT", last.target, target),
        ):
            if before == after:
                continue
            if (other, after, before) in self._done:
                back = "DNAT" if name == "SNAT" else "SNAT"
                told.append(f"{back} undone: {end} {before} → {after}")
            else:
                self._done.add((end, before, after))
                told.append(f"{name}: {end} {before} → {after}")
        return "; ".join(told)
