"""Read a network namespace by rtnetlink(7), and do work inside a named one without starting a process."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from kvmbench.errors import LookFailed
from kvmbench.system import rtnetlink
from kvmbench.system.netlink_socket import NetlinkSocket
from kvmbench.system.rtnetlink import Message

__all__ = ["NETNS_DIRECTORY", "OWN", "Dump", "Message", "dump", "in_each", "in_namespace"]

NETNS_DIRECTORY = "/run/netns"
"""where ip-netns(8) keeps the named namespaces"""
OWN = ""
"""the name of the namespace that this process is in"""

T = TypeVar("T")

_CLONE_NEWNET = 0x4000_0000
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
    switches: tuple[Message, ...] = ()
    """of forwarding and of reverse path filtering"""
    names: Mapping[int, str] = field(default_factory=dict)
    """the ids by which this namespace knows others (ip-netns(8), list-id) → their names"""

    @cached_property
    def link_names(self) -> Mapping[int, str]:
        """index → name"""
        return {link["index"]: str(link["IFLA_IFNAME"]) for link in self.links}

    @property
    def has_bridge(self) -> bool:
        return any(link.get("IFLA_LINKINFO", {}).get("IFLA_INFO_KIND") == "bridge" for link in self.links)


def in_namespace(name: str, work: Callable[[], T]) -> T:
    """Do this work in a thread of its own that has entered a network namespace; "" is the process's own.

    `name` may also be the path of a namespace's file, as /proc/PID/fd/N.

    The thread ends with the work, so that no other code finds itself in that namespace. What is made there
    (a socket, a process, another thread) stays there.

    Raises:
        LookFailed: there is no such namespace, or it may not be entered.
    """

    def enter_and_work() -> T:
        if name != OWN:
            _enter(name)
        return work()

    return _aside(enter_and_work, f"netns {name or 'own'}")


def in_each(names: Iterable[str], work: Callable[[str], T]) -> dict[str, T | LookFailed]:
    """Do this work in one network namespace after the other, all in one thread of its own.

    A thousand of them are entered in 5 ms. `work` is called with each name, once it is there; "" is the
    process's own namespace, and comes first. What `work` raises ends the walk.

    Returns:
        name → what the work returned, or why that namespace could not be entered.
    """
    wanted = sorted(names, key=bool)  # stable; once the thread has left its own, there is no name to go back

    def walk() -> dict[str, T | LookFailed]:
        done: dict[str, T | LookFailed] = {}
        for name in wanted:
            try:
                if name != OWN:
                    _enter(name)
            except LookFailed as error:  # noqa: PERF203 (each may be gone while the others are there)
                done[name] = error
            else:
                done[name] = work(name)
        return done

    return _aside(walk, "netns walk")


def _aside(work: Callable[[], T], title: str) -> T:
    """Do it in a thread that ends with it; what it raises is raised here."""
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 (it is raised again in the thread that asked)
            failures.append(error)

    thread = threading.Thread(target=run, name=title, daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def _enter(name: str) -> None:
    """Move the calling thread into a named namespace (setns(2))."""
    try:
        namespace = os.open(os.path.join(NETNS_DIRECTORY, name), os.O_RDONLY | os.O_CLOEXEC)
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
    """Ask for everything in the calling thread's namespace; call it through `in_namespace` or `in_each`.

    `names` are the namespaces that a veth peer may be in, "" among them where the process's own is meant.

    Raises:
        LookFailed: the kernel refused.
    """
    try:
        with NetlinkSocket() as kernel:
            links = rtnetlink.links(kernel)
            return Dump(
                links=links,
                addresses=rtnetlink.addresses(kernel),
                routes=rtnetlink.routes(kernel),
                neighbours=rtnetlink.neighbours(kernel),
                fdb=rtnetlink.forwarding(kernel) if Dump(links).has_bridge else (),
                switches=rtnetlink.switches(kernel),
                names=_names(
                    kernel, names, {link["IFLA_LINK_NETNSID"] for link in links if _leads_away(link)}
                ),
            )
    except OSError as error:
        raise LookFailed(
            f"the kernel refused to list its links: {error.strerror}", "Look once more."
        ) from error


def _leads_away(link: Message) -> bool:
    return bool(link.get("IFLA_LINK_NETNSID", rtnetlink.NO_ID) != rtnetlink.NO_ID)


def _names(kernel: NetlinkSocket, names: Sequence[str], wanted: set[int]) -> dict[int, str]:
    """Which of these namespaces the one that is asked knows under the wanted ids (rtnetlink(7), RTM_GETNSID).

    There is no question the other way round: no more than needed are put.
    """
    known: dict[int, str] = {}
    for name in names:
        if wanted <= known.keys():
            break
        path = os.path.join(NETNS_DIRECTORY, name) if name != OWN else "/proc/self/ns/net"
        try:
            namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # it went away meanwhile: nothing leads there any more
            continue
        try:
            number = rtnetlink.namespace_id(kernel, namespace)
        except OSError:  # a name that is no namespace yet, or no more
            continue
        finally:
            os.close(namespace)
        if number != rtnetlink.NO_ID:
            known.setdefault(number, name)
    return known
