"""Tells that something on the bench changed, when the kernel or QEMU says so: no timer asks."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from types import TracebackType

from kvmbench.observe import guests, services
from kvmbench.observe.processes import processes
from kvmbench.observe.qmp_events import EVENTS_SOCKET, QmpEvents
from kvmbench.system import notices
from kvmbench.system.netlink import NETNS_DIRECTORY
from kvmbench.system.netlink_socket import NETFILTER, ROUTE
from kvmbench.system.notices import CREATED, DELETED, MOVED, OPENED, WRITTEN, Inotify, Notices

PACE = "pace"
"""what is told when nothing changed for a while, so that counters can be read again"""
SETTLE_S, AT_LATEST_S = 0.02, 0.1
RUN = Path("/run/kvmbench")
GUESTS = RUN / "guests"
LEASES = Path(services.DEFAULT_LEASES).parent
PROGRAMS = (Path("/usr/sbin/dnsmasq"), Path("/usr/bin/qemu-system-x86_64"))
"""a process starts by opening one of these; only the machine's root is told of starting itself"""
_COMES_AND_GOES = CREATED | DELETED | MOVED
_LOOK_AGAIN_S = (0.04, 0.15, 0.5, 1.5)
"""after such a file was opened: an exec takes its time, and a server goes into the background"""

What = frozenset[str]
"""what changed: links, addresses, routes, neighbours, switches, namespaces, rules, processes, guests, leases;
and `lost` when there was more than could be kept, `pace` when nothing changed"""


class Watcher:
    """One thread that calls a function after each change: many are told once, and the last is always told.

    What changes while the function is at work is told in the next call. A call comes when nothing more
    changed for `settle_s`, and `at_latest_s` after the first change at the latest. `pace_s`, which may be set
    at any time, is how long without a change until `pace` is told; None for never.

    Raises:
        OSError: the kernel has no such socket for us.
    """

    def __init__(
        self,
        on_change: Callable[[What], None],
        *,
        settle_s: float = SETTLE_S,
        at_latest_s: float = AT_LATEST_S,
        pace_s: float | None = None,
    ) -> None:
        self._on_change, self._settle_s, self._at_latest_s = on_change, settle_s, at_latest_s
        self._pace_s = pace_s
        self._closing = self._closed = False
        self._lock = threading.Lock()
        self._sources: dict[int, Callable[[], set[str]]] = {}
        self._rooms: set[tuple[str, int]] = set()
        self._followed: dict[int, int] = {}
        """process id → a descriptor that tells its end (pidfd_open(2))"""
        self._asked: dict[Path, QmpEvents] = {}
        self._scans: list[float] = []
        """when to look for new processes"""
        with ExitStack() as opened:
            self._poll = opened.enter_context(select.epoll())
            self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            opened.callback(os.close, self._wake)
            self._listen(self._wake, self._woken)
            mounts = notices.mounts()
            opened.callback(os.close, mounts)
            self._listen(mounts, self._rooms_changed, select.EPOLLPRI)
            for protocol in (ROUTE, NETFILTER):
                way = opened.enter_context(closing(Notices(protocol)))
                self._listen(way.fileno(), way.read)
            self._files = opened.enter_context(closing(Inotify()))
            self._listen(self._files.fileno(), self._files_changed)
            opened.callback(self._let_go)
            self._rooms_changed()
            self._arm()
            self._processes_changed()
            self._opened = opened.pop_all()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pace_s(self) -> float | None:
        return self._pace_s

    @pace_s.setter
    def pace_s(self, seconds: float | None) -> None:
        if seconds != self._pace_s:
            self._pace_s = seconds
            self._prod()

    def close(self) -> None:
        """End the thread and give everything back; once it has returned, nothing is told any more.

        From within the function that is called, it returns at once and the thread ends behind it.
        """
        self._closing = True
        self._prod()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _prod(self) -> None:
        with self._lock:
            if not self._closed:  # afterwards the number may be somebody else's
                os.eventfd_write(self._wake, 1)

    def _listen(self, descriptor: int, read: Callable[[], set[str]], events: int = select.EPOLLIN) -> None:
        self._sources[descriptor] = read
        self._poll.register(descriptor, events)

    def _forget(self, descriptor: int) -> None:
        self._sources.pop(descriptor, None)
        with suppress(OSError):
            self._poll.unregister(descriptor)

    def _run(self) -> None:
        try:
            while not self._closing:
                what = self._await()
                if not self._closing:
                    self._on_change(frozenset(what))
        finally:
            with self._lock:
                self._closed = True
                self._opened.close()

    def _await(self) -> set[str]:
        """What changed, once it is quiet again or has been loud for long enough."""
        noticed: set[str] = set()
        started = time.monotonic()
        first: float | None = None
        while not self._closing:
            now = time.monotonic()
            if first is not None and now >= first + self._at_latest_s:
                break
            came = self._poll.poll(self._patience(now, started, first))
            for descriptor, _ in came:
                if read := self._sources.get(descriptor):
                    noticed |= read()
            noticed |= self._scan_when_due()
            if noticed and first is None:
                first = time.monotonic()
            elif noticed and not came:
                break
            elif not noticed and self._pace_s and time.monotonic() >= started + self._pace_s:
                return {PACE}
        return noticed

    def _patience(self, now: float, started: float, first: float | None) -> float | None:
        """Seconds until something is to be done without a notice; None: none."""
        ends = list(self._scans)
        if first is not None:
            ends.append(min(now + self._settle_s, first + self._at_latest_s))
        elif self._pace_s:
            ends.append(started + self._pace_s)
        return max(0.0, min(ends) - now) if ends else None

    def _woken(self) -> set[str]:
        with suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        return set()

    def _rooms_changed(self) -> set[str]:
        """A mount or an unmount: named namespaces are mounts."""
        now = set(_rooms())
        if now == self._rooms:
            return set()
        notices.give_ids([name for name, _ in sorted(now - self._rooms)])
        self._rooms = now
        return {"namespaces"}

    def _files_changed(self) -> set[str]:
        changed = self._files.read()
        self._arm()
        found = {word for path in changed if (word := self._about(path))}
        if changed & set(PROGRAMS) or "guests" in found:
            now = time.monotonic()
            self._scans = [now + later for later in _LOOK_AGAIN_S]
        return found

    def _about(self, path: Path) -> str | None:
        if path == GUESTS or path.parent == GUESTS:
            return "guests"
        if path == RUN or path in PROGRAMS:
            return None  # on the way to something: its own notice tells
        return "leases"

    def _arm(self) -> None:
        """Watch what there is now of all that is of interest, and connect to guests that tell events."""
        wanted = dict.fromkeys(PROGRAMS, OPENED) | {RUN: _COMES_AND_GOES, GUESTS: _COMES_AND_GOES}
        wanted[LEASES] = _COMES_AND_GOES | WRITTEN
        places = _directories(GUESTS)
        wanted |= dict.fromkeys(places, _COMES_AND_GOES)
        for path in wanted.keys() - self._files.watched:
            self._files.watch(path, wanted[path])
        for place in places:
            self._connect(place / EVENTS_SOCKET)

    def _connect(self, socket_path: Path) -> None:
        if socket_path in self._asked or not socket_path.exists():
            return
        events = QmpEvents.connect(socket_path)
        if events is None:  # it does not listen yet: the next scan tries again
            return
        self._asked[socket_path] = events
        self._listen(events.fileno(), partial(self._events_came, socket_path))

    def _events_came(self, socket_path: Path) -> set[str]:
        told, there = self._asked[socket_path].read()
        if not there:
            events = self._asked.pop(socket_path)
            self._forget(events.fileno())
            events.close()
        return {"guests"} if told or not there else set()

    def _scan_when_due(self) -> set[str]:
        now = time.monotonic()
        if not self._scans or now < self._scans[0]:
            return set()
        self._scans = [due for due in self._scans if due > now]
        self._arm()
        return self._processes_changed()

    def _processes_changed(self) -> set[str]:
        """Follow the guests and servers that run now."""
        running = {process.pid for process in processes(_is_of_interest)}
        new = running - self._followed.keys()
        for pid in new:
            with suppress(OSError):  # it ended meanwhile
                self._followed[pid] = os.pidfd_open(pid)
                self._listen(self._followed[pid], partial(self._ended, pid))
        return {"processes"} if new else set()

    def _ended(self, pid: int) -> set[str]:
        descriptor = self._followed.pop(pid)
        self._forget(descriptor)
        os.close(descriptor)
        self._processes_changed()  # a server that went into the background left another one behind
        return {"processes"}

    def _let_go(self) -> None:
        for events in self._asked.values():
            events.close()
        for descriptor in self._followed.values():
            os.close(descriptor)


def _is_of_interest(program: str) -> bool:
    return guests.runs_qemu(program) or services.runs_dnsmasq(program)


def _rooms() -> list[tuple[str, int]]:
    """The named network namespaces: names, and inodes, since a name may be given again."""
    found = []
    with suppress(OSError), os.scandir(NETNS_DIRECTORY) as entries:
        for entry in entries:
            with suppress(OSError):
                found.append((entry.name, entry.stat().st_ino))
    return found


def _directories(parent: Path) -> list[Path]:
    with suppress(OSError):
        return [entry for entry in parent.iterdir() if entry.is_dir()]
    return []
