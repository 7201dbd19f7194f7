"""The little that an action has to know of the bench before it changes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from kvmbench.qemu import launcher
from kvmbench.system import Machine


def holds(line: str) -> Callable[[Machine], bool]:
    """Whether a shell line ends well."""

    def ask(machine: Machine) -> bool:
        return machine.run(line).ok

    return ask


def ip(netns: str = "") -> str:
    """ip(8), in the bench's own network namespace or a named one."""
    return f"ip -n {netns}" if netns else "ip"


def links(machine: Machine, netns: str = "") -> tuple[dict[str, Any], ...]:
    """Interfaces with their addresses, as `ip -j -d address` prints them; empty for no such netns."""
    ended = machine.run(f"{ip(netns)} -j -d address show")
    try:
        return tuple(json.loads(ended.out)) if ended.ok else ()
    except ValueError:
        return ()


def link(machine: Machine, name: str, netns: str = "") -> dict[str, Any]:
    """One interface; empty where there is none of that name."""
    return next((one for one in links(machine, netns) if one.get("ifname") == name), {})


def kind(found: dict[str, Any]) -> str:
    """veth, bridge, …; "" for a plain device and for none at all."""
    return str(found.get("linkinfo", {}).get("info_kind", ""))


def is_up(found: dict[str, Any]) -> bool:
    return "UP" in found.get("flags", ())


def interfaces(found: dict[str, Any]) -> tuple[IPv4Interface, ...]:
    """Its IPv4 addresses."""
    return tuple(
        IPv4Interface(f"{one['local']}/{one['prefixlen']}")
        for one in found.get("addr_info", ())
        if one.get("family") == "inet"
    )


def holder(machine: Machine, address: IPv4Address, netns: str = "") -> str | None:
    """The interface that has an address already."""
    for one in links(machine, netns):
        if any(held.ip == address for held in interfaces(one)):
            return str(one["ifname"])
    return None


def guest_runs(machine: Machine, name: str) -> bool:
    """Whether the process in the guest's pid file is that guest: a dead one leaves its file behind."""
    place = launcher.place(name)
    pid = (machine.read(f"{place}/pid") or "").strip()
    return bool(pid) and f"{place}/qmp.sock" in (machine.read(f"/proc/{pid}/cmdline") or "")
