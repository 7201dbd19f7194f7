"""Addresses as people type them, read with errors that say what to type instead."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from kvmbench.errors import BadInput


def address(text: str) -> IPv4Address:
    """One host's address.

    Raises:
        BadInput: it is none.
    """
    try:
        return IPv4Address(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no address: {_why(error)}", "Write one like 10.1.1.254.") from None


def network(text: str) -> IPv4Network:
    """A network: its first address and the length of its prefix.

    Raises:
        BadInput: it is none, or an address within one.
    """
    try:
        return IPv4Network(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no network: {_why(error)}", "Write one like 10.1.1.0/24.") from None


def interface(text: str) -> IPv4Interface:
    """One host's address, with the length of its network's prefix.

    Raises:
        BadInput: it is none, has no prefix, or names the network itself or everybody in it.
    """
    if "/" not in text:
        address(text)
        raise BadInput(
            f"{text} has no prefix length",
            f"Say how large its network is: {text}/24 is one of 256 addresses.",
        )
    try:
        found = IPv4Interface(text)
    except ValueError as error:
        raise BadInput(
            f"{text!r} is no address with a prefix: {_why(error)}", "Write one like 10.1.1.254/24."
        ) from None
    first, last = found.network.network_address, found.network.broadcast_address
    if found.network.prefixlen < 31 and found.ip in (first, last):
        raise BadInput(
            f"{found.ip} names the network {found.network}, no single host",
            f"Take one between: {first + 1} to {last - 1}.",
        )
    return found


def _why(error: ValueError) -> str:
    return str(error).splitlines()[0]
