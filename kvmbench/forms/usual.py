"""Lines that mean the same, written in one way, so that they can be compared."""

from __future__ import annotations

import re
from ipaddress import IPv4Interface

_SAME: tuple[tuple[str, str], ...] = (
    (r"^sudo ", ""),
    (r"^ip( -n \S+)? (?:l|li|lin) ", r"ip\1 link "),
    (r"^ip( -n \S+)? (?:a|ad|add|addr) ", r"ip\1 address "),
    (r"^ip netns exec (\S+) ip ", r"ip -n \1 "),
    (r" link set (?:dev )?(\S+) ", r" link set \1 "),
    (r" link add (?:name )?(\S+) ", r" link add \1 "),
    (r" address add ", " address replace "),
    (r" netns (?:del|d) ", " netns delete "),
)


def usual(line: str) -> str:
    """A line with single spaces and ip(8)'s words written out.

    >>> usual("sudo ip addr add 10.1.1.1/24  dev br-int")
    'ip address replace 10.1.1.1/24 dev br-int'
    >>> usual("ifconfig br-int 10.1.1.254 netmask 255.255.255.0 up")
    'ip address replace 10.1.1.254/24 dev br-int'
    """
    line = " ".join(line.split())
    for pattern, instead in _SAME:
        line = re.sub(pattern, instead, line)
    return re.sub(
        r"^(?:ip netns exec (\S+) )?ifconfig (\S+) ([\d.]+) netmask ([\d.]+)(?: up)?$", _with_prefix, line
    )


def _with_prefix(found: re.Match[str]) -> str:
    room = f" -n {found[1]}" if found[1] else ""
    try:
        address = IPv4Interface(f"{found[3]}/{found[4]}")
    except ValueError:
        return found[0]
    return f"ip{room} address replace {address} dev {found[2]}"
