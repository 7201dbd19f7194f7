"""Listen at several interfaces at once, in several namespaces, and keep what passes."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from kvmbench.errors import BadInput
from kvmbench.observe.packets import words
from kvmbench.observe.packets.pcap import save
from kvmbench.observe.packets.sightings import Frame, Packet, Sightings
from kvmbench.system.packet_socket import PacketSocket, compiled

MOST_PACKETS, MOST_BYTES, MOST_BYTES_EACH = 2_000, 8 << 20, 2_048
MOST_PLACES = 32
_GATHER_S = 0.02
_AT_ONCE = 20_000


@dataclass(frozen=True)
class Place:
    """An interface, in the bench's own network or in a named namespace."""

    interface: str
    netns: str = ""

    @staticmethod
    def read(text: str) -> Place:
        """From how it is written.

        >>> Place.read("ens33"), Place.read("router1/vethm.2")
        (Place(interface='ens33', netns=''), Place(interface='vethm.2', netns='router1'))
        """
        netns, slash, interface = text.strip().rpartition("/")
        if not interface or (slash and not netns):
            raise BadInput(
                f"{text!r} names no interface", 'Write "br-int", or in a namespace "router1/vethm.2".'
            )
        return Place(interface, netns)

    def __str__(self) -> str:
        return f"{self.netns}/{self.interface}" if self.netns else self.interface


class Capture:
    """Packets as they pass some interfaces, decoded, oldest first.

    It begins with `start` (or `with`) and ends with `stop`. It keeps the newest packets up to a limit, and
    says how many it let go. While it listens, a namespace that is deleted stays until it ends.
    """

    def __init__(
        self,
        *places: str,
        what: str = "",
        most_packets: int = MOST_PACKETS,
        count: int | None = None,
        on_packets: Callable[[Sequence[Packet]], None] | None = None,
    ) -> None:
        """`what` is a filter as tcpdump takes it (pcap-filter(7)); `count` is after how many frames it ends.

        Raises:
            BadInput: no place, too many, one that names none, or the filter is none.
        """
        if not places or len(places) > MOST_PLACES:
            raise BadInput(
                f"a capture listens at 1 to {MOST_PLACES} interfaces, not at {len(places)}",
                'Name them: capture("ens33", "br-int", what="icmp")',
            )
        self.places = tuple(dict.fromkeys(Place.read(place) for place in places))
        self.what = what
        self.let_go = 0
        self._program = compiled(what)
        self._count, self._on_packets = count, on_packets
        self._kept: deque[Packet] = deque()
        self._bytes, self._most_packets = 0, most_packets
        self._lock = threading.Lock()
        self._sightings = Sightings()
        self._taken = 0
        self._waiting: list[Frame] = []
        self._thread: threading.Thread | None = None
        self._over = True

    def start(self) -> Capture:
        """Listen from now on: once it has returned, nothing is missed.

        Raises:
            BadInput: there is no such interface.
            LookFailed: a namespace cannot be entered.
        """
        if self.running:
            return self
        with ExitStack() as opened:
            sockets = {str(place): opened.enter_context(closing(self._at(place))) for place in self.places}
            self._end = os.eventfd(0, os.EFD_CLOEXEC)
            opened.callback(os.close, self._end)
            self._over = False
            self._thread = threading.Thread(
                target=self._run, args=(sockets, opened.pop_all()), name="capture", daemon=True
            )
        self._thread.start()
        return self

    def stop(self) -> Capture:
        """Take what is waiting, and end."""
        with self._lock:
            if self._thread is not None and not self._over:  # afterwards the number may be somebody else's
                os.eventfd_write(self._end, 1)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        return self

    def __enter__(self) -> Capture:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait(self, timeout_s: float | None = None) -> Capture:
        """Wait until `count` frames came, or that time has passed; then end."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self.stop()

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def packets(self) -> tuple[Packet, ...]:
        with self._lock:
            return tuple(self._kept)

    def save(self, path: str | Path) -> Path:
        """Write it as .pcapng, with the places, or as .pcap.

        Raises:
            BadInput: the suffix is neither, or the file cannot be written.
        """
        return save([packet.frame for packet in self.packets], path)

    def __repr__(self) -> str:
        packets = self.packets
        return words.text(packets, self.remark)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        packets = self.packets
        remark = self.remark
        return {"text/plain": words.text(packets, remark), "text/html": words.page(packets, remark)}

    @property
    def remark(self) -> str:
        """What stands below the rows: how many there are, and from where."""
        places = ", ".join(map(str, self.places))
        return words.remark(len(self._kept), self.let_go, places, self.what, self.running)

    def _at(self, place: Place) -> PacketSocket:
        return PacketSocket(place.interface, place.netns, program=self._program, most_bytes=MOST_BYTES_EACH)

    def _run(self, sockets: dict[str, PacketSocket], opened: ExitStack) -> None:
        try:
            self._listen(sockets)
        finally:
            with self._lock:
                self._over = True
                opened.close()

    def _listen(self, sockets: dict[str, PacketSocket]) -> None:
        with select.epoll() as poll:
            poll.register(self._end, select.EPOLLIN)
            for wire in sockets.values():
                poll.register(wire.fileno(), select.EPOLLIN)
            while not self._is_enough():
                ready = poll.poll(_GATHER_S if self._waiting else None)
                ends = any(descriptor == self._end for descriptor, _ in ready)
                self._take(sockets, everything=ends)
                if ends:
                    return

    def _is_enough(self) -> bool:
        return self._count is not None and self._taken >= self._count

    def _take(self, sockets: dict[str, PacketSocket], *, everything: bool) -> None:
        """Those that came before this moment, in the order of time.

        What comes while one socket after the other is read could be seen at its second place first: it waits.
        """
        now = time.time_ns()
        came = [*self._waiting, *(frame for place, wire in sockets.items() for frame in _read(place, wire))]
        came.sort(key=lambda frame: frame.time_ns)
        until = len(came) if everything else sum(frame.time_ns <= now for frame in came)
        if self._count is not None:
            until = min(until, self._count - self._taken)
        self._waiting = came[until:]
        self._keep(came[:until])

    def _keep(self, frames: Iterable[Frame]) -> None:
        new = [self._sightings.packet(frame) for frame in frames]
        self._taken += len(new)
        with self._lock:
            for packet in new:
                self._kept.append(packet)
                self._bytes += len(packet.frame.data)
            while len(self._kept) > self._most_packets or self._bytes > MOST_BYTES:
                self._bytes -= len(self._kept.popleft().frame.data)
                self.let_go += 1
        if new and self._on_packets:
            self._on_packets(new)


def _read(place: str, wire: PacketSocket) -> list[Frame]:
    found: list[Frame] = []
    while len(found) < _AT_ONCE and (raw := wire.read()):
        found.append(Frame(raw.time_ns, place, raw.outgoing, raw.data, raw.size))
    return found
