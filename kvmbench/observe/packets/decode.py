"""A frame in words: who, to whom, what; and what stays the same of it when an address is translated."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_DHCP_TYPES = ("", "DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM")
"""RFC 2132, option 53"""
_TCP_FLAGS = ((0x02, "SYN"), (0x10, "ACK"), (0x01, "FIN"), (0x04, "RST"), (0x08, "PSH"), (0x20, "URG"))
_UNREACHABLE = ("network", "host", "protocol", "port", "too big:", "source route")
_DNS_TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV"}
_ICMP6 = {
    1: "unreachable",
    128: "echo request",
    129: "echo reply",
    130: "group query",
    133: "who is a router?",
    134: "I am a router",
    135: "who has this address?",
    136: "I have this address",
    143: "group report",
}
_DNS_PORTS, _DHCP_PORTS = {53, 5353}, {67, 68}
Key = tuple[object, ...]
"""what a packet has in common with itself elsewhere, after a hop or a translation"""


@dataclass(frozen=True)
class Decoded:
    """What a frame says."""

    protocol: str
    source: str
    """an address, with :port where there is one"""
    target: str
    says: str
    key: Key


def decode(data: bytes) -> Decoded:
    """Read an Ethernet frame; what is odd about it is told in words, and nothing is raised.

    >>> decode(bytes.fromhex("ffffffffffff525400000001080600010800060400015254000000010a010101"
    ...                      "0000000000000a010102")).says
    'who has 10.1.1.2? tell 10.1.1.1'
    """
    import dpkt

    try:
        return _ethernet(dpkt.ethernet.Ethernet(data))
    except Exception:  # noqa: BLE001 (dpkt raises what struct, its slices and its tables raise on cut frames)
        return _other("?", data, f"{len(data)} bytes that are no whole frame")


def _ethernet(frame: Any) -> Decoded:
    import dpkt

    inner = frame.data
    readers: tuple[tuple[type, Callable[[Any], Decoded]], ...] = (
        (dpkt.arp.ARP, _arp),
        (dpkt.ip.IP, _ip),
        (dpkt.ip6.IP6, _ip),
    )
    for kind, read in readers:
        if isinstance(inner, kind):
            return read(inner)
    said = "spanning tree" if frame.dst.startswith(b"\x01\x80\xc2") else f"Ethernet type 0x{frame.type:04x}"
    return Decoded(
        "STP" if said[0] == "s" else "?", frame.src.hex(":"), frame.dst.hex(":"), said, _digest(bytes(frame))
    )


def _arp(arp: Any) -> Decoded:
    asks, sender, target = arp.op == 1, socket.inet_ntoa(arp.spa), socket.inet_ntoa(arp.tpa)
    says = f"who has {target}? tell {sender}" if asks else f"{sender} is at {arp.sha.hex(':')}"
    return Decoded("ARP", sender, target, says, ("arp", arp.op, arp.sha, arp.spa, arp.tha, arp.tpa))


def _ip(packet: Any) -> Decoded:
    import dpkt

    four = isinstance(packet, dpkt.ip.IP)
    family = socket.AF_INET if four else socket.AF_INET6
    source, target = socket.inet_ntop(family, packet.src), socket.inet_ntop(family, packet.dst)
    identity = packet.id if four else 0
    inner = packet.data
    if four and packet.offset:
        return Decoded("IPv4", source, target, f"a piece, from byte {packet.offset}", _digest(bytes(packet)))
    if isinstance(inner, dpkt.tcp.TCP):
        return _tcp(inner, source, target, identity)
    if isinstance(inner, dpkt.udp.UDP):
        return _udp(inner, source, target, identity)
    if isinstance(inner, dpkt.icmp.ICMP):
        return _icmp(inner, source, target, identity)
    if isinstance(inner, dpkt.icmp6.ICMP6):
        says = _ICMP6.get(inner.type, f"type {inner.type}")
        return Decoded("ICMPv6", source, target, says, ("icmp6", source, target, *_digest(bytes(inner))))
    number = packet.p if four else packet.nxt
    return Decoded(
        "IPv4" if four else "IPv6", source, target, f"protocol {number}", (identity, *_digest(bytes(inner)))
    )


def _icmp(message: Any, source: str, target: str, identity: int) -> Decoded:
    import dpkt

    inner = message.data
    if isinstance(inner, dpkt.icmp.ICMP.Echo):
        says = f"echo {'request' if message.type == 8 else 'reply'}, number {inner.seq}"
        key: Key = ("icmp", identity, message.type, inner.seq, *_digest(inner.data))
        return Decoded("ICMP", source, target, says, key)
    says = {3: _unreachable(message.code), 5: "take another way", 11: "too many hops"}.get(
        message.type, f"type {message.type}, code {message.code}"
    )
    quoted = getattr(getattr(inner, "data", None), "id", 0)
    return Decoded("ICMP", source, target, says, ("icmp", identity, message.type, message.code, quoted))


def _unreachable(code: int) -> str:
    return f"{_UNREACHABLE[code]} unreachable" if code < len(_UNREACHABLE) else "forbidden"


def _tcp(segment: Any, source: str, target: str, identity: int) -> Decoded:
    flags = " ".join(name for bit, name in _TCP_FLAGS if segment.flags & bit)
    said = f", {len(segment.data)} bytes" if segment.data else ""
    line = _first_line(segment.data)
    return Decoded(
        "TCP",
        _with_port(source, segment.sport),
        _with_port(target, segment.dport),
        f"{flags}{said}{f': {line}' if line else ''}",
        ("tcp", identity, segment.seq, segment.ack, segment.flags, *_digest(segment.data)),
    )


def _udp(datagram: Any, source: str, target: str, identity: int) -> Decoded:
    ports = {datagram.sport, datagram.dport}
    protocol, says = "UDP", f"{len(datagram.data)} bytes"
    if ports & _DHCP_PORTS and (told := _dhcp(datagram.data)):
        protocol, says = "DHCP", told
    elif ports & _DNS_PORTS and (told := _dns(datagram.data)):
        protocol, says = "DNS", told
    ends = _with_port(source, datagram.sport), _with_port(target, datagram.dport)
    return Decoded(protocol, *ends, says, ("udp", identity, *_digest(datagram.data)))


def _dhcp(data: bytes) -> str:
    import dpkt

    try:
        message = dpkt.dhcp.DHCP(data)
    except dpkt.UnpackError:
        return ""
    options = dict(message.opts)
    number = options.get(53, b"\0")[0]
    said = [_DHCP_TYPES[number] if 0 < number < len(_DHCP_TYPES) else "BOOTP"]
    given = socket.inet_ntoa(message.yiaddr.to_bytes(4, "big"))
    said += [f"address {given}"] if message.yiaddr else []
    said += [f"wants {socket.inet_ntoa(options[50])}"] if len(options.get(50, b"")) == 4 else []
    said += [f"router {socket.inet_ntoa(options[3][:4])}"] if len(options.get(3, b"")) >= 4 else []
    said += [f"name {options[12].decode(errors='replace')}"] if options.get(12) else []
    return ", ".join([*said, f"for {message.chaddr[:6].hex(':')}"])


def _dns(data: bytes) -> str:
    import dpkt

    try:
        message = dpkt.dns.DNS(data)
    except (dpkt.UnpackError, IndexError, ValueError):
        return ""
    asked = ", ".join(f"{_DNS_TYPES.get(one.type, one.type)} {one.name}" for one in message.qd)
    if message.qr == dpkt.dns.DNS_Q:
        return f"asks {asked}"
    addresses = [
        socket.inet_ntop(socket.AF_INET if one.type == 1 else socket.AF_INET6, one.rdata)
        for one in message.an
        if one.type in (1, 28)
    ]
    none = "no such name" if message.rcode == 3 else "no address"
    return f"answers {asked}: {', '.join(addresses) or none}"


def _with_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _first_line(data: bytes) -> str:
    """The first line, where it is text: SSH's and HTTP's are."""
    line = data.split(b"\n")[0].strip()[:60]
    return line.decode("ascii") if line.isascii() and line.decode("ascii").isprintable() else ""


def _digest(data: bytes) -> Key:
    return (len(data), hashlib.blake2b(data, digest_size=8).digest())


def _other(protocol: str, data: bytes, says: str) -> Decoded:
    return Decoded(protocol, "", "", says, _digest(data))
