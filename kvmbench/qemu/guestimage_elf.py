"""The little of ELF that a guest's build needs: a kernel's segments, a program's libraries, a driver's words.

Source: elf(5). Only 64-bit little-endian files are read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_PT_LOAD = 1
_SHT_NOBITS = 8
_DT_NEEDED = 1


@dataclass(frozen=True)
class Segment:
    """Bytes that must stand at a physical address, followed by zeros up to `memory_bytes`."""

    address: int
    content: bytes
    memory_bytes: int


def is_elf(data: bytes) -> bool:
    return data[:6] == b"\x7fELF\x02\x01"


def entry(data: bytes) -> int:
    """The address of the first instruction."""
    return int(struct.unpack_from("<Q", data, 24)[0])


def segments(data: bytes) -> list[Segment]:
    """What must be loaded."""
    (start,) = struct.unpack_from("<Q", data, 32)
    each, count = struct.unpack_from("<HH", data, 54)
    found = []
    for index in range(count):
        kind, _flags, offset, _virtual, physical, in_file, in_memory = struct.unpack_from(
            "<IIQQQQQ", data, start + index * each
        )
        if kind == _PT_LOAD:
            found.append(Segment(physical, data[offset : offset + in_file], in_memory))
    return found


def sections(data: bytes) -> dict[str, bytes]:
    """The bytes of each section by its name; none for a file that is not ELF."""
    if not is_elf(data):
        return {}
    (start,) = struct.unpack_from("<Q", data, 40)
    each, count, names_index = struct.unpack_from("<HHH", data, 58)
    headers = [struct.unpack_from("<IIQQQQ", data, start + index * each) for index in range(count)]
    content = [
        b"" if kind == _SHT_NOBITS else data[offset : offset + size]
        for _name, kind, _flags, _address, offset, size in headers
    ]
    names = content[names_index]
    return {_text(names, header[0]): found for header, found in zip(headers, content, strict=True)}


def needed(data: bytes) -> list[str]:
    """The shared libraries that a program or a library asks for."""
    found = sections(data)
    names, entries = found.get(".dynstr", b""), found.get(".dynamic", b"")
    return [_text(names, value) for tag, value in struct.iter_unpack("<qQ", entries) if tag == _DT_NEEDED]


def module_info(data: bytes) -> list[tuple[str, str]]:
    """What a kernel module says of itself: (depends, "mii"), (alias, "pci:v…"), …"""
    words = sections(data).get(".modinfo", b"").split(b"\0")
    pairs = (word.decode(errors="replace").partition("=") for word in words if word)
    return [(key, value) for key, _, value in pairs]


def _text(names: bytes, at: int) -> str:
    return names[at : names.index(b"\0", at)].decode()
