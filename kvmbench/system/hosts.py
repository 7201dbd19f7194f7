"""Many hosts at once: network namespaces on a bridge, made by rtnetlink(7) in one thread, without a process.

Each namespace is kept by a mount, as ip-netns(8) keeps its own; but all those of a bridge lie in a directory
that is a mount itself, with links to them from where ip looks. So a thousand of them go with one umount(2),
where a delete each would wait a thousand times for the kernel to be sure that nobody still looks.

The hosts speak IPv4 only. With IPv6 each would announce itself to all others a few times: between a thousand
that is millions of packets, and takes longer than all else.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from kvmbench.errors import BadInput, ChangeRefused
from kvmbench.system import netlink, rtnetlink
from kvmbench.system.netlink_socket import NetlinkSocket, attribute

DIRECTORY = Path("/run/hosts")
INSIDE = "eth0"
"""the name of each host's end of its cable; the bridge's end has the host's name"""

_NEWLINK, _NEWADDR, _NEWROUTE = 16, 20, 24
_CREATE, _EXCLUSIVE = 0x400, 0x200
_AF_INET, _IFF_UP = 2, 1
_GROUP = 0x6B62
"""marks the bridge's ends (ip-link(8), group): those that are still there are about to go"""
_CLONE_NEWNET = 0x4000_0000
_MS_BIND, _MNT_DETACH = 0x1000, 0x2
_DYING_S, _RETRY_S = 10.0, 0.01
_LO, _ETH0 = 1, 2
"""their indexes in a new namespace"""
_WITHOUT_IPV6 = struct.pack("=BxHiII", 0, 0, _ETH0, 0, 0) + attribute(26, attribute(10, attribute(8, b"\1")))
"""IFLA_AF_SPEC, AF_INET6, IFLA_INET6_ADDR_GEN_MODE: none (ip-link(8), addrgenmode)"""
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Host:
    """A host to be made."""

    name: str
    address: IPv4Interface


def there(bridge: str) -> tuple[str, ...]:
    """The hosts of a bridge that were made here and are whole, in no order."""
    try:
        names = os.listdir(DIRECTORY / bridge)
    except OSError:
        return ()
    return tuple(name for name in names if _is_whole(bridge, name))


def _is_whole(bridge: str, name: str) -> bool:
    """The link to it is made last."""
    try:
        return os.readlink(_named(name)) == _place(bridge, name)
    except OSError:
        return False


def _named(name: str) -> str:
    return f"{netlink.NETNS_DIRECTORY}/{name}"


def _place(bridge: str, name: str) -> str:
    return f"{DIRECTORY}/{bridge}/{name}"


def build(bridge: str, hosts: Sequence[Host], gateway: IPv4Address | None = None) -> None:
    """Make the bridge where it is missing, and each of these hosts on it: all of them or none.

    Raises:
        BadInput: a name is taken by something else.
        ChangeRefused: the kernel refused one; those that were made before it are gone again.
    """
    netlink.in_namespace(netlink.OWN, lambda: _build(bridge, hosts, gateway))


def _build(bridge: str, hosts: Sequence[Host], gateway: IPv4Address | None) -> None:
    made: list[str] = []
    at = ""
    try:
        with NetlinkSocket() as kernel:
            index = _bridge(kernel, bridge)
            _sweep(kernel, bridge, hosts)
            _make_directory(bridge)
            for host in hosts:
                at = host.name
                made.append(host.name)
                _make(kernel, index, _place(bridge, host.name), host, gateway)
            for host in hosts:
                at = host.name
                os.symlink(_place(bridge, host.name), _named(host.name))
    except OSError as error:
        _take_back(bridge, made)
        raise ChangeRefused(
            f"host {at or bridge} could not be made: {error.strerror}",
            "Take fewer, or see what is in the way: ip link; ip netns list",
        ) from error
    except BaseException:
        _take_back(bridge, made)
        raise


def _bridge(kernel: NetlinkSocket, name: str) -> int:
    """The bridge's index; it is made, and set up, where it is missing."""
    found = _link(kernel, name)
    if found is None:
        kind = attribute(18, attribute(1, b"bridge"))
        head = struct.pack("=BxHiII", 0, 0, 0, _IFF_UP, _IFF_UP)
        kernel.change((_NEWLINK, _CREATE | _EXCLUSIVE, head + attribute(3, name.encode() + b"\0") + kind))
        found = _link(kernel, name) or {}
    if found.get("IFLA_LINKINFO", {}).get("IFLA_INFO_KIND") != "bridge":
        raise BadInput(f"{name} is no bridge", "Name one, or a new name: it is made when it is missing.")
    return int(found["index"])


def _link(kernel: NetlinkSocket, name: str) -> rtnetlink.Message | None:
    return next((link for link in rtnetlink.links(kernel) if link["IFLA_IFNAME"] == name), None)


def _sweep(kernel: NetlinkSocket, bridge: str, hosts: Sequence[Host]) -> None:
    """Names have to be free: what a killed builder left goes, what was deleted just now is waited for."""
    names = {host.name for host in hosts}
    taken = [name for name in sorted(names) if os.path.lexists(_named(name)) and not _is_ours(bridge, name)]
    if taken:
        raise BadInput(
            f"there is a network namespace {taken[0]} already",
            f"Delete it first, if it is yours: ip netns delete {taken[0]}",
        )
    _take_back(bridge, [name for name in names if os.path.lexists(_place(bridge, name))])
    until = time.monotonic() + _DYING_S
    while busy := [link for link in rtnetlink.links(kernel) if link["IFLA_IFNAME"] in names]:
        if any(link.get("IFLA_GROUP") != _GROUP for link in busy) or time.monotonic() > until:
            name = busy[0]["IFLA_IFNAME"]
            raise BadInput(
                f"there is an interface {name} already",
                f"Delete it first, if it is yours: ip link delete {name}",
            )
        time.sleep(_RETRY_S)


def _is_ours(bridge: str, name: str) -> bool:
    path = _named(name)
    return os.path.islink(path) and os.readlink(path) == _place(bridge, name)


def _make_directory(bridge: str) -> None:
    """A mount of its own for this bridge's hosts."""
    Path(netlink.NETNS_DIRECTORY).mkdir(parents=True, exist_ok=True)
    (DIRECTORY / bridge).mkdir(parents=True, exist_ok=True)
    if not os.path.ismount(DIRECTORY / bridge):
        _mount("hosts", str(DIRECTORY / bridge), "tmpfs", 0)


def _make(kernel: NetlinkSocket, bridge: int, place: str, host: Host, gateway: IPv4Address | None) -> None:
    """One host: the calling thread enters its new namespace; `kernel` stays bound to the bridge's."""
    os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_RDONLY | os.O_CLOEXEC, 0o444))
    _check(_libc.unshare(_CLONE_NEWNET), "unshare")
    _mount("/proc/thread-self/ns/net", place, "", _MS_BIND)
    namespace = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _furnish(kernel, bridge, namespace, host, gateway)
    finally:
        os.close(namespace)


def _furnish(
    kernel: NetlinkSocket, bridge: int, namespace: int, host: Host, gateway: IPv4Address | None
) -> None:
    """Its cable and its address, for a host whose new namespace the calling thread is in."""
    kernel.change((_NEWLINK, _CREATE | _EXCLUSIVE, _cable(host.name, bridge, namespace)))
    packed = attribute(2, host.address.ip.packed) + attribute(1, host.address.ip.packed)
    address = struct.pack("=BBBBI", _AF_INET, host.address.network.prefixlen, 0, 0, _ETH0) + packed
    changes = [
        (_NEWLINK, 0, _up(_LO)),
        (_NEWLINK, 0, _WITHOUT_IPV6),
        (_NEWADDR, _CREATE | _EXCLUSIVE, address),
        (_NEWLINK, 0, _up(_ETH0)),
    ]
    if gateway is not None:
        main, by_boot, unicast = rtnetlink.MAIN_TABLE, 3, 1
        route = struct.pack("=BBBBBBBBI", _AF_INET, 0, 0, 0, main, by_boot, 0, unicast, 0)
        changes.append((_NEWROUTE, _CREATE | _EXCLUSIVE, route + attribute(5, gateway.packed)))
    with NetlinkSocket() as inside:
        inside.change(*changes)


@contextmanager
def nameless(bridge: str, hosts: Sequence[Host]) -> Iterator[None]:
    """The same hosts with nothing around them: no name, no mount, nothing looked at or made sure of before.

    What is left is the kernel's own time: the floor that `build` is measured against. They are gone
    afterwards, when the kernel gets to it.
    """
    held: list[int] = []

    def make() -> None:
        with NetlinkSocket() as kernel:
            index = _bridge(kernel, bridge)
            for host in hosts:
                _check(_libc.unshare(_CLONE_NEWNET), "unshare")
                held.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
                _furnish(kernel, index, held[-1], host, None)

    try:
        netlink.in_namespace(netlink.OWN, make)
        yield
    finally:
        for namespace in held:
            os.close(namespace)


def _cable(name: str, bridge: int, namespace: int) -> bytes:
    """A veth pair: its near end up and on the bridge, its far end in the host. (It cannot be up so early.)"""
    far = (
        struct.pack("=BxHiII", 0, 0, _ETH0, 0, 0)
        + attribute(3, INSIDE.encode() + b"\0")
        + attribute(28, struct.pack("=i", namespace))
    )
    return (
        struct.pack("=BxHiII", 0, 0, 0, _IFF_UP, _IFF_UP)
        + attribute(3, name.encode() + b"\0")
        + attribute(10, struct.pack("=I", bridge))
        + attribute(27, struct.pack("=I", _GROUP))
        + attribute(18, attribute(1, b"veth") + attribute(2, attribute(1, far)))
    )


def _up(index: int) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, _IFF_UP, _IFF_UP)


def _take_back(bridge: str, names: Sequence[str]) -> None:
    """Let go of some hosts of a bridge, as far as they were made."""
    for name in names:
        if _is_ours(bridge, name):
            os.unlink(_named(name))
        with suppress(OSError):
            _unmount(_place(bridge, name))
        with suppress(OSError):
            os.unlink(_place(bridge, name))


def remove(bridge: str) -> None:
    """Let go of all hosts of a bridge that were made here. It returns at once.

    The kernel takes their interfaces back within a second or so; one in which a process still runs goes when
    that ends. The bridge stays.
    """
    place = DIRECTORY / bridge
    try:
        names = os.listdir(place)
    except FileNotFoundError:
        return
    for name in names:
        if _is_ours(bridge, name):
            os.unlink(_named(name))
    try:
        _unmount(str(place))
    except OSError as error:
        if error.errno != errno.EINVAL:  # its builder was killed before it was mounted
            raise ChangeRefused(
                f"the hosts of {bridge} could not be removed: {error.strerror}", "Are you root on this bench?"
            ) from error
    # With the directory goes what is mounted on it elsewhere: each `ip netns exec` has copies of all mounts.
    with suppress(OSError):
        place.rmdir()


def _mount(source: str, target: str, fstype: str, flags: int) -> None:
    result = _libc.mount(source.encode(), target.encode(), fstype.encode(), ctypes.c_ulong(flags), None)
    _check(result, f"mount {target}")


def _unmount(target: str) -> None:
    _check(_libc.umount2(target.encode(), _MNT_DETACH), f"umount {target}")


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
