"""dnsmasq as a DHCP server, read from what it was started with (dnsmasq(8)), and the leases it wrote down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address

from kvmbench.model import DhcpServer, Lease
from kvmbench.observe.processes import Process
from kvmbench.system import Machine

DEFAULT_LEASES = "/var/lib/misc/dnsmasq.leases"
DEFAULT_SETTINGS = "/etc/dnsmasq.conf"

_LONG = {
    "i": "interface",
    "F": "dhcp-range",
    "O": "dhcp-option",
    "l": "dhcp-leasefile",
    "C": "conf-file",
}
_FLAGS = frozenset("bdDeEfhkKLnNoqRvwyzZ1359")
"""short options that take no value, or only one that is written onto them"""
_NUMBERS = {"netmask": 1, "router": 3, "dns-server": 6, "domain-name": 15, "mtu": 26, "broadcast": 28}
"""`dnsmasq --help dhcp`"""

Settings = list[tuple[str, str]]


def runs_dnsmasq(program: str) -> bool:
    """Whether an executable of this name is dnsmasq."""
    return program == "dnsmasq"


def servers(
    processes: Sequence[Process], namespaces: Mapping[int, str], machine: Machine
) -> tuple[DhcpServer, ...]:
    """Every dnsmasq; `namespaces` tells the names of network namespaces by their inodes.

    A second process that one of them started, to run a script for it, is not told apart.
    """
    pids = {process.pid for process in processes}
    return tuple(
        _server(process, namespaces.get(process.netns, f"net:[{process.netns}]"), machine)
        for process in processes
        if process.parent not in pids
    )


def _server(process: Process, netns: str, machine: Machine) -> DhcpServer:
    typed = options(process.argv)
    file = next((value for name, value in typed if name == "conf-file"), DEFAULT_SETTINGS)
    given = [*typed, *settings(machine.read(file) or "")]
    return DhcpServer(
        pid=process.pid,
        argv=process.argv,
        netns=netns,
        interfaces=tuple(one for value in _of(given, "interface") for one in value.split(",") if one),
        ranges=tuple(each for value in _of(given, "dhcp-range") if (each := address_range(value))),
        options=dict(
            option
            for value in _of(given, "dhcp-option", "dhcp-option-force")
            if (option := dhcp_option(value))
        ),
        lease_file=next(iter(_of(given, "dhcp-leasefile")), DEFAULT_LEASES),
    )


def options(argv: Sequence[str]) -> Settings:
    """The options of a command line under their long names; of the others only that they are there.

    >>> options(["dnsmasq", "-kd", "-i", "br-int", "--dhcp-range=10.1.1.11,10.1.1.100", "-O3,10.1.1.254"])[2:]
    [('interface', 'br-int'), ('dhcp-range', '10.1.1.11,10.1.1.100'), ('dhcp-option', '3,10.1.1.254')]
    """
    return list(_options(iter(argv[1:])))


def _options(words: Iterator[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            yield name, value if equals or name not in _LONG.values() else next(words, "")
        elif word.startswith("-"):
            yield from _short(word[1:], words)


def _short(letters: str, words: Iterator[str]) -> Iterator[tuple[str, str]]:
    """-kd are two flags, -ibr-int is an option with its value."""
    for at, letter in enumerate(letters):
        if letter not in _FLAGS:
            yield _LONG.get(letter, letter), letters[at + 1 :] or next(words, "")
            return
        yield letter, ""


def settings(text: str) -> Settings:
    """The lines of a settings file: long options without their dashes.

    >>> settings("# for the lab\\ninterface=br-int  # the bridge\\nno-ping\\n")
    [('interface', 'br-int'), ('no-ping', '')]
    """
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line)
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def address_range(value: str) -> tuple[str, str] | None:
    """First and last address of a --dhcp-range; None where it names no two (static, IPv6).

    >>> address_range("set:lab,10.1.1.11,10.1.1.100,255.255.255.0,12h"), address_range("10.1.1.0,static")
    (('10.1.1.11', '10.1.1.100'), None)
    """
    parts = [part for part in value.split(",") if ":" not in part]
    return (parts[0], parts[1]) if len(parts) > 1 and _are_addresses(parts[:2]) else None


def _are_addresses(words: Iterable[str]) -> bool:
    try:
        return bool([IPv4Address(word) for word in words])
    except ValueError:
        return False


def dhcp_option(value: str) -> tuple[int, str] | None:
    """The number and the value of a --dhcp-option; None for one that is not known here.

    >>> dhcp_option("3,10.1.1.254"), dhcp_option("tag:lab,option:dns-server,10.1.1.254,10.1.1.253")
    ((3, '10.1.1.254'), (6, '10.1.1.254,10.1.1.253'))
    """
    parts = value.split(",")
    while parts and parts[0].startswith(("tag:", "net:", "encap:", "vendor:")):
        parts.pop(0)
    name = parts[0] if parts else ""
    number = int(name) if name.isdigit() else _NUMBERS.get(name.removeprefix("option:"))
    return (number, ",".join(parts[1:])) if number is not None else None


def _of(given: Settings, *names: str) -> list[str]:
    return [value for name, value in given if name in names]


def leases(found: Sequence[DhcpServer], machine: Machine) -> tuple[Lease, ...]:
    """The leases in the files of these servers, and in the usual file when none of them runs any more."""
    files = dict.fromkeys([*(server.lease_file for server in found), DEFAULT_LEASES])
    return tuple(lease for file in files for lease in read_leases(machine.read(file) or ""))


def read_leases(text: str) -> tuple[Lease, ...]:
    """Read a lease file: when it expires, MAC, address, host name, client id; IPv6 follows after a DUID.

    >>> read_leases("1700003600 52:54:00:00:00:02 10.1.1.57 c2 01:52:54:00:00:00:02\\n")[0].hostname
    'c2'
    """
    lines = (line.split() for line in text.splitlines())
    return tuple(
        Lease(
            address=words[2],
            mac=words[1],
            hostname=None if words[3] == "*" else words[3],
            expires=int(words[0]),
        )
        for words in lines
        if len(words) >= 4 and words[0].isdigit() and _are_addresses([words[2]])
    )
