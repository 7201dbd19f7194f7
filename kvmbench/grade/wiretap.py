"""What really passes by on the wires of a network namespace, read while questions are asked."""

from __future__ import annotations

import os
import secrets
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from ipaddress import IPv4Address
from types import TracebackType

_ETH_P_ALL, _ETH_P_IP, _ETH_P_ARP = 0x0003, 0x0800, 0x0806
_ICMP, _TCP = 1, 6
_OUTGOING = 4
"""PACKET_OUTGOING of packet(7)"""
MOST_FRAMES = 20_000
_MOST_PAYLOAD = 400


@dataclass(frozen=True)
class Frame:
    """An IPv4 packet that passed an interface."""

    link: str
    outgoing: bool
    source: str
    target: str
    protocol: int
    size: int
    """bytes behind the header of ICMP or TCP"""
    kind: int
    """ICMP type, or the destination port of TCP"""
    payload: bytes

    @property
    def asks(self) -> bool:
        return self.protocol == _ICMP and self.kind == 8

    @property
    def answers(self) -> bool:
        return self.protocol == _ICMP and self.kind == 0


class Wiretap:
    """Listens on every interface of the calling thread's namespace, until it is left."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self._stop, self._stopped = os.pipe()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        self._thread = threading.Thread(target=self._listen, name="wiretap", daemon=True)

    def __enter__(self) -> Wiretap:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        os.write(self._stopped, b"x")
        self._thread.join()
        self._socket.close()
        os.close(self._stop)
        os.close(self._stopped)

    def _listen(self) -> None:
        while len(self.frames) < MOST_FRAMES:
            ready, _, _ = select.select([self._socket.fileno(), self._stop], [], [])
            if self._socket.fileno() not in ready:
                return
            packet, (link, protocol, kind, *_) = self._socket.recvfrom(65536)
            if protocol == _ETH_P_IP and (frame := read(packet, link, kind == _OUTGOING)):
                self.frames.append(frame)


def read(packet: bytes, link: str, outgoing: bool) -> Frame | None:
    """An IPv4 packet that carries ICMP or TCP; None for any other."""
    try:
        length = (packet[0] & 0x0F) * 4
        total = min(int.from_bytes(packet[2:4], "big"), len(packet))
        protocol = packet[9]
        source, target = (str(IPv4Address(packet[at : at + 4])) for at in (12, 16))
        inner = packet[length:total]
        if protocol == _ICMP:
            kind, payload = inner[0], inner[8:]
        elif protocol == _TCP:
            kind, payload = int.from_bytes(inner[2:4], "big"), inner[(inner[12] >> 4) * 4 :]
        else:
            return None
    except (IndexError, ValueError):
        return None
    return Frame(link, outgoing, source, target, protocol, len(payload), kind, payload[:_MOST_PAYLOAD])


def owns_address(tap: str, address: str, *, wait_s: float = 1.0) -> bool:
    """Whether whoever holds the other end of a tap answers to an address (RFC 5227, ARP probe).

    The question goes into this tap and no other, so that only its guest can hear it.
    """
    me, asked = b"\x02" + secrets.token_bytes(5), IPv4Address(address).packed
    fields = (1, _ETH_P_IP, 6, 4, 1, me, bytes(4), bytes(6), asked)
    question = b"\xff" * 6 + me + struct.pack("!HHHBBH6s4s6s4s", _ETH_P_ARP, *fields)
    # Of all protocols: what comes in by the port of a bridge is handed to no listener for one alone.
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL)) as wire:
        try:
            wire.bind((tap, _ETH_P_ALL))
            return any(_answered(wire, question, me, asked, wait_s / 2) for _ in range(2))
        except OSError:
            return False


def _answered(wire: socket.socket, question: bytes, me: bytes, asked: bytes, wait_s: float) -> bool:
    wire.send(question)
    until = time.monotonic() + wait_s
    while (left := until - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            said, (_, protocol, kind, *_) = wire.recvfrom(2048)
        except TimeoutError:
            return False
        is_reply = protocol == _ETH_P_ARP and kind != _OUTGOING and said[20:22] == b"\0\x02"
        if is_reply and said[:6] == me and said[28:32] == asked:
            return True
    return False
