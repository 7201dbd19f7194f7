"""What is around a widget: the newest look at the bench, taken again when the kernel or QEMU says so."""

from __future__ import annotations

import threading
import weakref
from functools import lru_cache
from typing import Protocol

from kvmbench.errors import KvmbenchError
from kvmbench.model import Snapshot
from kvmbench.observe import look
from kvmbench.observe.watch import Watcher, What


class Follower(Protocol):
    """Somebody who wants to know."""

    def changed(self, seen: Snapshot) -> None: ...


class Seen(Protocol):
    """A bench that widgets follow; a test has one that stands still."""

    @property
    def seen(self) -> Snapshot: ...

    def follow(self, follower: Follower) -> None: ...

    def again(self) -> Snapshot: ...


class Around:
    """One watcher for all widgets of a kernel; a widget that nobody holds any more is forgotten."""

    def __init__(self) -> None:
        self._followers: weakref.WeakSet[Follower] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._seen = look(insides=False)
        self._watcher = Watcher(self._changed)

    @property
    def seen(self) -> Snapshot:
        return self._seen

    def follow(self, follower: Follower) -> None:
        with self._lock:
            self._followers.add(follower)

    def _changed(self, what: What) -> None:
        if not self._followers:
            return
        try:
            self._seen = look(insides=False)
        except KvmbenchError:  # between two states; the next change is told as well
            return
        with self._lock:
            followers = list(self._followers)
        for each in followers:
            each.changed(self._seen)

    def again(self) -> Snapshot:
        """A look taken now."""
        self._seen = look(insides=False)
        return self._seen


@lru_cache(maxsize=1)
def here() -> Around:
    """The one of this kernel."""
    return Around()
