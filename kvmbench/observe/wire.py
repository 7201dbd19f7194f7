"""Questions on the wire, put by this process itself, from the namespace that the calling thread is in."""

from __future__ import annotations

import http.client
import secrets
import socket
import struct
import time
from dataclasses import dataclass

_ECHO_REPLY, _UNREACHABLE, _ECHO, _EXCEEDED = 0, 3, 8, 11
_WHY = {0: "network unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable"}
"""RFC 792; the further codes are about being forbidden"""
_BANNER_S = 1.5
_RECURSE, _NO_SUCH_NAME, _POINTER, _DNS_HEAD = 0x0100, 3, 0xC0, 12
_MOST_BYTES = 4096


@dataclass(frozen=True)
class Answer:
    """What came back: see ProbeResult."""

    ok: bool | None
    said: str = ""
    why: str = ""


def ping(target: str, *, tries: int = 2, wait_s: float = 1.0) -> Answer:
    """Whether an ICMP echo is answered, each with an identifier and a payload that nobody could guess."""
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    except PermissionError as error:
        return Answer(None, why=f"ICMP may not be sent here: {error.strerror}")
    why = f"no answer to {tries} echo requests of {wait_s:g} s each"
    with raw:
        for number in range(tries):
            identifier, nonce = secrets.randbelow(0xFFFF) + 1, secrets.token_bytes(16)
            try:
                raw.sendto(_echo(identifier, number, nonce), (target, 0))
            except OSError as error:
                why = error.strerror or str(error)
                continue
            answered, complaint = _await_reply(raw, target, identifier, number, nonce, wait_s)
            if answered:
                return Answer(True)
            why = complaint or why
    return Answer(False, why=why)


def _echo(identifier: int, number: int, nonce: bytes) -> bytes:
    head = struct.pack("!BBHHH", _ECHO, 0, 0, identifier, number)
    return struct.pack("!BBHHH", _ECHO, 0, checksum(head + nonce), identifier, number) + nonce


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071).

    >>> hex(checksum(bytes.fromhex("0001f203f4f5f6f7")))
    '0x220d'
    """
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _await_reply(
    raw: socket.socket, target: str, identifier: int, number: int, nonce: bytes, wait_s: float
) -> tuple[bool, str]:
    """Whether it came; and otherwise what a router on the way said."""
    until = time.monotonic() + wait_s
    while (left := until - time.monotonic()) > 0:
        raw.settimeout(left)
        try:
            packet, (sender, _) = raw.recvfrom(_MOST_BYTES)
        except (TimeoutError, OSError):
            return False, ""
        message = packet[(packet[0] & 0x0F) * 4 :]  # a raw socket hands out the IP header too
        mine = struct.pack("!HH", identifier, number)
        if message[0] == _ECHO_REPLY and message[4:8] == mine and message[8:] == nonce and sender == target:
            return True, ""
        if message[0] in (_UNREACHABLE, _EXCEEDED) and _quotes(message[8:], mine):
            words = _WHY.get(message[1], "forbidden") if message[0] == _UNREACHABLE else "too many hops"
            return False, f"{sender} says: {words}"
    return False, ""


def _quotes(returned: bytes, mine: bytes) -> bool:
    """An error message quotes the packet that it is about: IP header, then the first eight bytes."""
    if not returned:
        return False
    inner = returned[(returned[0] & 0x0F) * 4 :]
    return inner[:1] == bytes([_ECHO]) and inner[4:8] == mine


def tcp(target: str, port: int, *, timeout_s: float = 3.0) -> Answer:
    """Whether a connection opens, and the first line that the service sends of itself."""
    try:
        with socket.create_connection((target, port), timeout=timeout_s) as connection:
            return Answer(True, _first_line(connection))
    except OSError as error:
        return Answer(False, why=_words(error, timeout_s))


def _first_line(connection: socket.socket) -> str:
    until = time.monotonic() + _BANNER_S
    said = b""
    while b"\n" not in said and len(said) < _MOST_BYTES and (left := until - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            part = connection.recv(_MOST_BYTES)
        except OSError:  # it waits for us to speak first
            break
        if not part:
            break
        said += part
    return said.split(b"\n")[0].decode(errors="replace").strip()


def http_get(target: str, port: int, *, timeout_s: float = 4.0) -> Answer:
    """Whether a web page comes, and its body."""
    connection = http.client.HTTPConnection(target, port, timeout=timeout_s)
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read(_MOST_BYTES).decode(errors="replace").strip()
    except OSError as error:
        return Answer(False, why=_words(error, timeout_s))
    except http.client.HTTPException as error:
        return Answer(False, why=f"what came is no HTTP: {error!r}")
    finally:
        connection.close()
    if response.status >= 400:
        return Answer(False, body, f"{response.status} {response.reason}")
    return Answer(True, body)


def _words(error: OSError, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    return error.strerror or str(error)


def dns(server: str, port: int, name: str, *, tries: int = 2, wait_s: float = 1.0) -> Answer:
    """What address a name server has for a name (RFC 1035, 4.1), over UDP."""
    number = secrets.token_bytes(2)
    try:
        labels = b"".join(bytes([len(one)]) + one for one in name.encode("ascii").split(b"."))
    except (UnicodeEncodeError, ValueError):
        return Answer(None, why=f"{name!r} is no host name")
    asked = labels + b"\0" + struct.pack("!HH", 1, 1)
    query = number + struct.pack("!HHHHH", _RECURSE, 1, 0, 0, 0) + asked
    why = f"no answer to {tries} questions of {wait_s:g} s each"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.settimeout(wait_s)
        for _ in range(tries):
            try:
                plug.connect((server, port))  # so that a refusal is heard, and nobody else's answer
                plug.send(query)
                reply = plug.recv(_MOST_BYTES)
            except TimeoutError:
                continue
            except OSError as error:
                why = error.strerror or str(error)
                continue
            if reply[:2] == number and len(reply) > _DNS_HEAD:
                return resolved(reply, len(query))
    return Answer(False, why=why)


def resolved(reply: bytes, at: int) -> Answer:
    """The first IPv4 address in a name server's reply whose answers begin `at` a place."""
    code, count = reply[3] & 0x0F, struct.unpack_from("!H", reply, 6)[0]
    if code not in (0, _NO_SUCH_NAME):
        return Answer(False, why=f"the name server answers with error {code}")
    try:
        for _ in range(count if code == 0 else 0):
            while reply[at] and reply[at] < _POINTER:
                at += reply[at] + 1
            at += 2 if reply[at] >= _POINTER else 1
            kind, _, _, length = struct.unpack_from("!HHIH", reply, at)
            at += 10
            if kind == 1 and length == 4:
                return Answer(True, socket.inet_ntoa(reply[at : at + 4]))
            at += length
    except (IndexError, struct.error, OSError):
        return Answer(False, why="what came is no reply of a name server")
    return Answer(False, why="no such name")
