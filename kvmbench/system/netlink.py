"""Read a network namespace by rtnetlink(7), and do work inside a named one without starting a process."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kvmbench.errors import LookFailed

NETNS_DIRECTORY = "/run/netns"
"""where ip-netns(8) keeps the named namespaces"""
OWN = ""
"""the name of the namespace that this process is in"""

Message = Mapping[str, Any]
"""A netlink message: header fields by their own names (`index`), attributes by theirs (`IFLA_IFNAME`)."""

T = TypeVar("T")

_CLONE_NEWNET = 0x4000_0000
_AF_INET = 2
_RT_TABLE_MAIN = 254
_NLM_F_DUMP_INTR = 0x10
_NO_ID = 0xFFFF_FFFF
_TRIES = 3
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Dump:
    """All that rtnetlink(7) told of one network namespace."""

    links: tuple[Message, ...] = ()
    addresses: tuple[Message, ...] = ()
    routes: tuple[Message, ...] = ()
    """of the main table, IPv4"""
    neighbours: tuple[Message, ...] = ()
    fdb: tuple[Message, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    """the ids by which this namespace knows others (ip-netns(8), list-id) → their names"""


def in_namespace(name: str, work: Callable[[], T]) -> T:
    """Do this work in a thread of its own that has entered a network namespace; "" is the process's own.

    The thread ends with the work, so that no other code finds itself in that namespace. What is made there
    (a socket, a process) stays there. pyroute2 needs a thread of its own anyway: it does not run where an
    event loop runs already, as in a notebook (https://github.com/svinota/pyroute2/issues/1342).

    Raises:
        LookFailed: there is no such namespace, or it may not be entered.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def enter_and_work() -> None:
        try:
            if name != OWN:
                _enter(name)
            results.append(work())
        except BaseException as error:  # noqa: BLE001 (it is raised again in the thread that asked)
            failures.append(error)

    thread = threading.Thread(target=enter_and_work, name=f"netns {name or 'own'}", daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def _enter(name: str) -> None:
    """Move the calling thread into a named namespace (setns(2))."""
    try:
        namespace = os.open(f"{NETNS_DIRECTORY}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _not_entered(name, error.strerror or "") from error
    try:
        if _libc.setns(namespace, _CLONE_NEWNET) != 0:
            raise _not_entered(name, os.strerror(ctypes.get_errno()))
    finally:
        os.close(namespace)


def _not_entered(name: str, why: str) -> LookFailed:
    return LookFailed(
        f"the network namespace {name} could not be entered: {why}", "See which there are: ip netns list"
    )


def dump(names: Sequence[str] = ()) -> Dump:
    """Ask for everything in the calling thread's namespace; call it through `in_namespace`.

    `names` are the namespaces that a veth peer may be in, "" among them where the process's own is meant.

    Raises:
        LookFailed: the kernel refused.
    """
    # It takes 0.14 s to import: whoever does not look should not wait for it.
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        with IPRoute() as kernel:
            links = _consistent(lambda: kernel.link("dump"))
            return Dump(
                links=links,
                addresses=_consistent(lambda: kernel.addr("dump")),
                routes=_consistent(lambda: kernel.route("dump", table=_RT_TABLE_MAIN, family=_AF_INET)),
                neighbours=_consistent(lambda: kernel.neigh("dump")),
                fdb=_consistent(lambda: kernel.fdb("dump")),
                names=_names(
                    kernel, names, {link["IFLA_LINK_NETNSID"] for link in links if _leads_away(link)}
                ),
            )
    except (NetlinkError, OSError) as error:
        raise LookFailed(f"the kernel refused to list its links: {error}", "Look once more.") from error


def _consistent(ask: Callable[[], Iterable[Any]]) -> tuple[Message, ...]:
    """Ask again when the kernel says that the list changed while it was being read (netlink(7))."""
    for _ in range(_TRIES):
        messages = list(ask())
        if not any(message["header"]["flags"] & _NLM_F_DUMP_INTR for message in messages):
            break
    return tuple(plain(message) for message in messages)


def plain(message: Any) -> dict[str, Any]:
    """A pyroute2 message as a dictionary without pyroute2's types; what it could not decode is left out."""
    made: dict[str, Any] = {
        key: value
        for key, value in message.items()
        if key not in ("attrs", "header", "event") and not key.startswith("__")
    }
    for name, value in message.get("attrs", ()):
        if name != "UNKNOWN":
            made[name] = _plain_value(value)
    return made


def _plain_value(value: Any) -> Any:
    if isinstance(value, dict):
        return plain(value)
    if isinstance(value, (list, tuple)):
        return [_plain_value(each) for each in value]
    return value


def _leads_away(link: Message) -> bool:
    return "IFLA_LINK_NETNSID" in link


def _names(kernel: Any, names: Sequence[str], wanted: set[int]) -> dict[int, str]:
    """Which of these namespaces the one that is asked knows under the wanted ids (rtnetlink(7), RTM_GETNSID).

    There is no question the other way round, and each costs about a millisecond: no more than needed are put.
    """
    from pyroute2.netlink.exceptions import NetlinkError

    known: dict[int, str] = {}
    for name in names:
        if wanted <= known.keys():
            break
        path = f"{NETNS_DIRECTORY}/{name}" if name != OWN else "/proc/self/ns/net"
        try:
            namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # it went away meanwhile: nothing leads there any more
            continue
        try:
            answer = kernel.get_netnsid(fd=namespace)
        except NetlinkError:  # a name that is no namespace yet, or no more
            continue
        finally:
            os.close(namespace)
        number = answer["nsid"] if answer else None
        if number is not None and number != _NO_ID:
            known.setdefault(number, name)
    return known
