"""The bench as it is now, looked at again after each change, for all who want to know."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from kvmbench.model import Guest, Snapshot
from kvmbench.observe.look import look, look_at_networks
from kvmbench.observe.watch import PACE, Watcher, What

PACE_S = 2.0
"""how often counters and guests' own systems are looked at while nothing changes"""
OF_NETWORKS: What = frozenset({"links", "addresses", "routes", "neighbours", "switches", "rules"})
"""what the kernel tells of networks, and changes nothing else"""
Told = Callable[[Snapshot], None]


class Feed:
    """Looks when something changed, and tells each subscriber; it works only while somebody subscribes.

    Guests' own systems take longest to answer, so that after a change what they last said is told again, and
    they are asked at the pace. Subscribers are called in the feed's one thread, one after the other.
    """

    def __init__(
        self, *, files: Sequence[str] = (), images: Sequence[str] = (), pace_s: float = PACE_S
    ) -> None:
        self._files, self._images, self._pace_s = tuple(files), tuple(images), pace_s
        self._lock = threading.RLock()
        self._subscribers: dict[int, tuple[Told, Callable[[], bool]]] = {}
        self._count = 0
        self._watcher: Watcher | None = None
        self._asked_at = 0.0
        self.newest: Snapshot | None = None
        self.trouble = ""
        """what a subscriber failed with, if one did"""

    def subscribe(self, told: Told, *, paced: Callable[[], bool] = lambda: True) -> Callable[[], None]:
        """Have this called with each new look; returns what ends it. `paced` tells if counters matter now."""
        with self._lock:
            self._count += 1
            number = self._count
            self._subscribers[number] = (told, paced)
            if self._watcher is None:
                self._watcher = Watcher(self._changed, pace_s=self._pace_s)
        return lambda: self._leave(number)

    def _leave(self, number: int) -> None:
        with self._lock:
            self._subscribers.pop(number, None)
            ending = None if self._subscribers else self._watcher
            if ending:
                self._watcher = None
        if ending:
            ending.close()

    def look(self, *, insides: bool = True) -> Snapshot:
        """One look, which is the newest from now on."""
        if insides:
            self._asked_at = time.monotonic()
        seen = look(files=self._files, images=self._images, insides=insides)
        if not insides and self.newest:
            seen = replace(seen, guests=tuple(_with_inside(guest, self.newest) for guest in seen.guests))
        self.newest = seen
        return seen

    def look_after(self, what: What) -> Snapshot:
        """The newest, with what changed looked at again: networks alone where it was nothing else.

        An interface that came, went or was renamed may be a guest's tap: then all is looked at.
        """
        before = self.newest
        late = time.monotonic() - self._asked_at > 2 * self._pace_s
        if before is not None and not late and what <= OF_NETWORKS:
            seen = look_at_networks(before)
            if _interfaces(seen) == _interfaces(before):
                self.newest = seen
                return seen
        return self.look(insides=what == {PACE} or late)

    def _changed(self, what: What) -> None:
        with self._lock:
            subscribers = tuple(self._subscribers.values())
        if what == {PACE}:
            subscribers = tuple(each for each in subscribers if each[1]())
            if not subscribers:
                return
        seen = self.look_after(what)
        for told, _ in subscribers:
            try:
                told(seen)
            except Exception as error:  # noqa: BLE001, PERF203 (it must not take the others' picture away)
                self.trouble = f"{type(error).__name__}: {error}"


def _interfaces(seen: Snapshot) -> set[tuple[str, str]]:
    return {(netns.name, link.name) for netns in seen.namespaces for link in netns.links}


def _with_inside(guest: Guest, before: Snapshot) -> Guest:
    """What the guest said of itself when it was last asked."""
    known = before.guest(guest.name)
    if known is None or known.pid != guest.pid or guest.status != "running":
        return guest
    return replace(guest, inside=known.inside)
