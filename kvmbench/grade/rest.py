"""Whether a bench's networks are at rest: what is there for an instant only is not there.

The kernel tells of each change by itself (rtnetlink(7), netfilter's netlink), so that nothing is missed
between two looks, however quickly it comes and goes.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from kvmbench.bench import aside, beneath
from kvmbench.bench.lifecycle import Bench
from kvmbench.system import netlink
from kvmbench.system.netlink_socket import NETFILTER, ROUTE
from kvmbench.system.notices import Notices

REST_S = 0.1
_LISTENS_S = 30.0
_NOT_OF_A_HAND = {"neighbours"}
"""changes that nobody makes: hosts that talk learn of each other"""


class _Heard(msgspec.Struct):
    since: float
    """by the machine's monotonic clock, which each of its processes reads alike"""
    changed: set[str]


class Rest:
    """Listens to the networks of a bench, in a process of its own."""

    def __init__(self, bench: Bench) -> None:
        self._listener = aside.start(bench, lambda stopping: _listen(bench.init, stopping))
        self._heard: _Heard | None = None

    def disturbed_by(self) -> set[str]:
        """What changed, in words, since listening began; empty when all was at rest for `REST_S`.

        Raises:
            LookFailed, TimedOut: nobody could listen.
        """
        if self._heard is None:
            self._listener.stop()
            self._heard = msgspec.json.decode(self._listener.result(_LISTENS_S), type=_Heard)
            if time.monotonic() - self._heard.since < REST_S:
                self._heard.changed.add("everything")
        return self._heard.changed


@contextmanager
def listened_to(bench: Bench) -> Iterator[Rest]:
    """From a moment before the work until it asks what changed."""
    rest = Rest(bench)
    try:
        time.sleep(1.5 * REST_S)
        yield rest
    finally:
        rest.disturbed_by()


def _listen(init: int, stopping: int) -> bytes:
    before = beneath.network_namespaces(init)  # held open, so that no other can have the number of one
    places = [netlink.OWN, *(f"/proc/{os.getpid()}/fd/{door}" for door in before.values())]
    opened = netlink.in_each(places, lambda _: [Notices(ROUTE), Notices(NETFILTER)])
    since = time.monotonic()
    select.select([stopping], [], [], _LISTENS_S)
    listening = [way for ways in opened.values() if isinstance(ways, list) for way in ways]
    changed = set().union(*(way.read() for way in listening))
    if _numbers(before) != _numbers(beneath.network_namespaces(init)):
        changed.add("namespaces")
    return msgspec.json.encode(_Heard(since, changed - _NOT_OF_A_HAND))


def _numbers(doors: dict[str, int]) -> dict[str, int]:
    return {name: os.fstat(door).st_ino for name, door in doors.items()}
