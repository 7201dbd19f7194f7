"""Captures as files: pcapng, which keeps the places, and the older pcap, which every program reads."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from kvmbench.errors import BadInput
from kvmbench.observe.packets.sightings import Frame

_ETHERNET, _MOST_BYTES = 1, 65_535
_MAGIC_NS, _MAGIC_US = 0xA1B23C4D, 0xA1B2C3D4
_HEAD, _RECORD = "IHHiIII", "IIII"
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
"""block types of pcapng (draft-ietf-opsawg-pcapng)"""
_BYTE_ORDER = 0x1A2B3C4D
_NAME, _RESOLUTION, _FLAGS = 2, 9, 2
_IN, _OUT = 1, 2
_SECOND = 1_000_000_000


def save(frames: Sequence[Frame], path: str | Path) -> Path:
    """Write frames to a file: .pcapng with the place and direction of each, .pcap without.

    Raises:
        BadInput: the suffix is neither, or the file cannot be written.
    """
    path = Path(path)
    writers = {".pcap": _pcap, ".pcapng": _pcapng}
    if path.suffix not in writers:
        raise BadInput(f"{path.name!r} is no name for a capture", "End it in .pcapng, or in .pcap.")
    try:
        path.write_bytes(b"".join(writers[path.suffix](frames)))
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written: {error.strerror}", "Give a directory that is there and is yours."
        ) from error
    return path


def load(path: str | Path) -> tuple[Frame, ...]:
    """Read a capture, this one's or tcpdump's; in a .pcap the place of each frame is the file's name.

    Raises:
        BadInput: the file cannot be read, or holds no Ethernet frames.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}", "See what there is: ls -l") from error
    try:
        is_ng = data[:4] == struct.pack("<I", _SECTION)
        return tuple(_read_pcapng(data) if is_ng else _read_pcap(data, path.name))
    except (struct.error, ValueError, IndexError, KeyError) as error:
        raise BadInput(
            f"{path} is no capture of Ethernet frames: {error}", "Write one: tcpdump -i br-int -w FILE"
        ) from error


def _pcap(frames: Iterable[Frame]) -> Iterator[bytes]:
    yield struct.pack("<" + _HEAD, _MAGIC_NS, 2, 4, 0, 0, _MOST_BYTES, _ETHERNET)
    for frame in frames:
        time = divmod(frame.time_ns, _SECOND)
        yield struct.pack("<" + _RECORD, *time, len(frame.data), frame.size) + frame.data


def _read_pcap(data: bytes, place: str) -> Iterator[Frame]:
    order = next(
        (sign for sign in "<>" if struct.unpack_from(sign + "I", data)[0] in (_MAGIC_NS, _MAGIC_US)), ""
    )
    if not order:
        raise ValueError("it begins with other bytes")
    magic, *_, kind = struct.unpack_from(order + _HEAD, data)
    if kind & 0xFFFF != _ETHERNET:
        raise ValueError(f"its link type is {kind}")
    unit = 1 if magic == _MAGIC_NS else 1000
    at = struct.calcsize(_HEAD)
    while at + 16 <= len(data):
        seconds, rest, kept, size = struct.unpack_from(order + _RECORD, data, at)
        at += 16
        if at + kept > len(data):
            return  # cut short, as by a tcpdump that was killed
        yield Frame(seconds * _SECOND + rest * unit, place, False, data[at : at + kept], size)
        at += kept


def _pcapng(frames: Sequence[Frame]) -> Iterator[bytes]:
    yield _block(_SECTION, struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1))
    places = list(dict.fromkeys(frame.place for frame in frames))
    for place in places:
        told = _option(_NAME, place.encode()) + _option(_RESOLUTION, b"\x09") + bytes(4)
        yield _block(_INTERFACE, struct.pack("<HHI", _ETHERNET, 0, _MOST_BYTES) + told)
    for frame in frames:
        high, low = divmod(frame.time_ns, 1 << 32)
        head = struct.pack("<IIIII", places.index(frame.place), high, low, len(frame.data), frame.size)
        way = _option(_FLAGS, struct.pack("<I", _OUT if frame.outgoing else _IN)) + bytes(4)
        yield _block(_PACKET, head + _padded(frame.data) + way)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _option(number: int, value: bytes) -> bytes:
    return struct.pack("<HH", number, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _read_pcapng(data: bytes) -> Iterator[Frame]:
    """Little-endian files: those of this machine."""
    places: list[tuple[str, int]] = []
    at = 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if length < 12 or at + length > len(data):
            return
        body = data[at + 8 : at + length - 4]
        if kind == _SECTION:
            if struct.unpack_from("<I", body)[0] != _BYTE_ORDER:
                raise ValueError("it is of a machine with another byte order")
            places = []
        elif kind == _INTERFACE:
            if struct.unpack_from("<H", body)[0] != _ETHERNET:
                raise ValueError("one of its interfaces carries other frames")
            told = _options(body[8:])
            places.append((told.get(_NAME, b"?").decode(errors="replace"), _unit_ns(told)))
        elif kind == _PACKET:
            number, high, low, kept, size = struct.unpack_from("<IIIII", body)
            told = _options(body[20 + kept + (-kept % 4) :])
            out = struct.unpack("<I", told.get(_FLAGS, bytes(4)))[0] & 3 == _OUT
            place, unit = places[number]
            yield Frame((high << 32 | low) * unit, place, out, body[20 : 20 + kept], size)
        at += length


def _unit_ns(told: dict[int, bytes]) -> int:
    digits = told.get(_RESOLUTION, b"\x06")[0]
    if digits > 9:
        raise ValueError("its times are in no power of ten down to a nanosecond")
    return int(10 ** (9 - digits))


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        number, length = struct.unpack_from("<HH", data, at)
        if number == 0:
            break
        found[number] = data[at + 4 : at + 4 + length]
        at += 4 + length + (-length % 4)
    return found
