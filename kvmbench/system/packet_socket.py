"""Every frame that passes an interface, as the kernel hands it out (packet(7)), with the kernel's time."""

from __future__ import annotations

import ctypes
import socket
import struct
import tempfile
from dataclasses import dataclass
from functools import partial

from kvmbench.errors import BadInput, LookFailed
from kvmbench.system.netlink import in_namespace
from kvmbench.system.run import run

OWN = ""
MOST_BYTES = 65_535
_ALL_PROTOCOLS, _ETHERNET, _LOOPBACK = 0x0003, 1, 772
"""ETH_P_ALL; ARPHRD_ETHER and ARPHRD_LOOPBACK, whose frames begin with an Ethernet header"""
_OUTGOING = 4
"""PACKET_OUTGOING of packet(7)"""
_ATTACH_FILTER, _TIMESTAMPS = 26, 35
"""SO_ATTACH_FILTER and SO_TIMESTAMPNS of socket(7)"""
_INSTRUCTION = struct.Struct("=HBBI")
_TIME = struct.Struct("=qq")
_BUFFER_BYTES = 4 << 20
_PCAP_HEAD = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, MOST_BYTES, 1)


@dataclass(frozen=True)
class Raw:
    """One frame."""

    time_ns: int
    """since 1970"""
    outgoing: bool
    """it left by this interface, and did not come in by it"""
    data: bytes
    size: int
    """bytes on the wire; `data` may be shorter"""


class PacketSocket:
    """Listens on one interface, in its namespace; it does not make the interface promiscuous.

    Raises:
        BadInput: there is no such interface, or it is of a kind without Ethernet frames.
        LookFailed: the namespace may not be entered, or the kernel refused.
    """

    def __init__(self, interface: str, netns: str = OWN, *, program: bytes = b"", most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._socket = in_namespace(netns, partial(_open, interface, netns, program))

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def read(self) -> Raw | None:
        """The next frame; None when none is waiting."""
        try:
            data, told, _, (_, _, kind, *_) = self._socket.recvmsg(
                MOST_BYTES, socket.CMSG_SPACE(_TIME.size), socket.MSG_DONTWAIT
            )
        except (BlockingIOError, OSError):  # nothing there, or the interface went down: it may come up again
            return None
        seconds, rest = next((_TIME.unpack(value) for _, kind, value in told if kind == _TIMESTAMPS), (0, 0))
        time_ns = seconds * 1_000_000_000 + rest
        return Raw(time_ns, kind == _OUTGOING, data[: self._most_bytes], len(data))


def _open(interface: str, netns: str, program: bytes) -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    where = f" in namespace {netns}" if netns else ""
    try:
        opened = socket.socket(socket.AF_PACKET, kind, 0)  # of no protocol: nothing comes before it is bound
    except OSError as error:
        raise LookFailed(
            f"packets may not be read here: {error.strerror}",
            "On a bench you are root, and may.",
        ) from error
    try:
        if program:
            _attach(opened, program)
        opened.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        opened.bind((interface, _ALL_PROTOCOLS))
        hardware = opened.getsockname()[3]
    except OSError as error:
        opened.close()
        raise BadInput(
            f"there is no interface {interface}{where}: {error.strerror}",
            f"See which there are: ip -br link, or in a namespace ip -n {netns or 'NAME'} -br link",
        ) from error
    if hardware not in (_ETHERNET, _LOOPBACK):
        opened.close()
        raise BadInput(f"{interface}{where} carries no Ethernet frames", "Take its other end, or the bridge.")
    return opened


def _attach(opened: socket.socket, program: bytes) -> None:
    kept = ctypes.create_string_buffer(program)
    head = struct.pack("HxxxxxxP", len(program) // _INSTRUCTION.size, ctypes.addressof(kept))
    opened.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, head)


def compiled(expression: str) -> bytes:
    """What a filter (pcap-filter(7)) means, as a program for the kernel; empty for no filter.

    Raises:
        BadInput: it is none, in tcpdump's own words; or there is no tcpdump.
    """
    if not expression.strip():
        return b""
    with tempfile.NamedTemporaryFile(prefix="kvmbench-", suffix=".pcap") as nothing:
        nothing.write(_PCAP_HEAD)
        nothing.flush()
        done = run(["tcpdump", "-ddd", "-s", str(MOST_BYTES), "-r", nothing.name, "--", expression])
    if not done.ok:
        said = [
            line.removeprefix("tcpdump: ") for line in done.err.splitlines() if "reading from" not in line
        ]
        raise BadInput(
            f"{expression!r} is no filter: {said[-1] if said else 'tcpdump said nothing'}",
            'Write it as for tcpdump: "icmp", "tcp port 80", "host 10.1.1.1 and not arp" (man pcap-filter).',
        )
    numbers = [[int(word) for word in line.split()] for line in done.out.splitlines()[1:]]
    return b"".join(_INSTRUCTION.pack(*each) for each in numbers)
