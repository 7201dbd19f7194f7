"""A kernel that is quick to start: unpacked from the distribution's file and packed again in LZ4.

Distributions pack their kernel to be small. Under TCG, unpacking it is then half of the whole boot (xz: 3.5 s
of 6.4 s). LZ4 takes 0.2 s. A kernel file is two programs: a small one in 16-bit code that asks the BIOS about
the machine, and stays as it is; and one that unpacks the kernel, in whose place the one below is put.

Sources: Documentation/arch/x86/boot.rst of Linux (the header, the 32-bit entry, what a 64-bit kernel expects:
paging on with the kernel's memory mapped as itself, boot_params in rsi) and lz4_Block_format.md of LZ4.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from kvmbench.qemu import guestimage_elf as elf
from kvmbench.system.run import run

Compress = Callable[[bytes], bytes]

# Where a boot loader puts the part of the file that is not the 16-bit one.
_LOADED_AT = 0x100000

# From here on AT&T syntax, as `as --64` with .code32 takes it; addresses are absolute.
_STARTER = bytes.fromhex(
    "fa"  # start: cli                      ; 32 bits, protected mode, paging off
    "fc"  #        cld
    "89f5"  #        movl %esi, %ebp          ; boot_params: kept for the kernel
    "8b3528011000"  #        movl move_from, %esi     ; a payload in the kernel's way is moved up
    "8b3d2c011000"  #        movl move_to, %edi
    "8b0d30011000"  #        movl move_dwords, %ecx
    "fd"  #        std
    "f3a5"  #        rep movsl
    "fc"  #        cld
    "8b3534011000"  #        movl payload_at, %esi
    "8b3d38011000"  #        movl kernel_at, %edi
    "ad"  # block: lodsl                    ; LZ4 blocks: length, sequences; length 0 ends
    "85c0"  #        testl %eax, %eax
    "7443"  #        jz fill
    "8d1c06"  #        leal (%esi,%eax), %ebx
    "31c0"  # token: xorl %eax, %eax
    "ac"  #        lodsb
    "89c2"  #        movl %eax, %edx
    "89c1"  #        movl %eax, %ecx
    "c1e904"  #        shrl $4, %ecx            ; literals: high four bits, then bytes
    "80f90f"  #        cmpb $15, %cl
    "7507"  #        jne 2f
    "ac"  # 1:     lodsb
    "01c1"  #        addl %eax, %ecx
    "3cff"  #        cmpb $255, %al
    "74f9"  #        je 1b
    "f3a4"  # 2:     rep movsb
    "39de"  #        cmpl %ebx, %esi          ; a block's last sequence has no match
    "73dc"  #        jae block
    "66ad"  #        lodsw                    ; match: how far back
    "89d1"  #        movl %edx, %ecx
    "89fa"  #        movl %edi, %edx
    "29c2"  #        subl %eax, %edx
    "31c0"  #        xorl %eax, %eax
    "83e10f"  #        andl $15, %ecx           ; length less 4: low four bits, then bytes
    "80f90f"  #        cmpb $15, %cl
    "7507"  #        jne 4f
    "ac"  # 3:     lodsb
    "01c1"  #        addl %eax, %ecx
    "3cff"  #        cmpb $255, %al
    "74f9"  #        je 3b
    "83c104"  # 4:     addl $4, %ecx
    "87d6"  #        xchgl %edx, %esi
    "f3a4"  #        rep movsb
    "89d6"  #        movl %edx, %esi
    "ebc0"  #        jmp token
    "8b0d3c011000"  # fill:  movl kernel_end, %ecx    ; zero the rest of the kernel's memory
    "29f9"  #        subl %edi, %ecx
    "c1e902"  #        shrl $2, %ecx
    "41"  #        incl %ecx
    "f3ab"  #        rep stosl
    "bf00002000"  #        movl $0x200000, %edi     ; page tables at 2 MiB: the first GiB
    "b9000c0000"  #        movl $0xc00, %ecx
    "f3ab"  #        rep stosl
    "c7050000200003102000"  #        movl $0x201003, 0x200000
    "c7050010200003202000"  #        movl $0x202003, 0x201000
    "bf00202000"  #        movl $0x202000, %edi
    "b083"  #        movb $0x83, %al
    "66b90002"  #        movw $512, %cx
    "8907"  # 5:     movl %eax, (%edi)
    "83c708"  #        addl $8, %edi
    "0500002000"  #        addl $0x200000, %eax
    "e2f4"  #        loop 5b
    "0f011520011000"  #        lgdtl gdt_pointer
    "0f20e0"  #        movl %cr4, %eax
    "0c20"  #        orb $0x20, %al           ; PAE
    "0f22e0"  #        movl %eax, %cr4
    "b800002000"  #        movl $0x200000, %eax
    "0f22d8"  #        movl %eax, %cr3
    "b9800000c0"  #        movl $0xc0000080, %ecx   ; EFER.LME
    "0f32"  #        rdmsr
    "80cc01"  #        orb $1, %ah
    "0f30"  #        wrmsr
    "0f20c0"  #        movl %cr0, %eax
    "0d01000080"  #        orl $0x80000001, %eax    ; paging: long mode from here
    "0f22c0"  #        movl %eax, %cr0
    "eae80010001000"  #        ljmpl $0x10, $long
    "b818000000"  # long:  movl $0x18, %eax
    "8ed8"  #        movl %eax, %ds
    "8ec0"  #        movl %eax, %es
    "8ed0"  #        movl %eax, %ss
    "89ee"  #        movl %ebp, %esi          ; rsi: boot_params
    "8b042540011000"  #        movl entry, %eax
    "ffe0"  #        jmp *%rax
)

# What the starter reads: its segments at 0x100100, where they are at 0x100120, seven numbers at 0x100128.
_SEGMENTS_AT = 0x100
_SEGMENTS = struct.pack(
    "<4QHIH", 0, 0, 0x00AF9A000000FFFF, 0x00CF92000000FFFF, 31, _LOADED_AT + _SEGMENTS_AT, 0
)
_NUMBERS_BYTES = 7 * 4

# Places in the header of the 16-bit part.
_SETUP_SECTORS, _SIZE_IN_16_BYTES, _MAGIC, _RELOCATABLE, _EXTRA_ENTRIES = 0x1F1, 0x1F4, 0x202, 0x234, 0x236
_PAYLOAD_OFFSET, _PAYLOAD_BYTES, _PREFERRED_ADDRESS, _MEMORY_NEEDED = 0x248, 0x24C, 0x258, 0x260


def vmlinux_of(vmlinuz: bytes, zstd: str, scratch: Path) -> bytes | None:
    """The kernel within a distribution's file, or None where it is packed in a way not known here."""
    if vmlinuz[_MAGIC : _MAGIC + 4] != b"HdrS":
        return None
    offset, length = struct.unpack_from("<II", vmlinuz, _PAYLOAD_OFFSET)
    start = (vmlinuz[_SETUP_SECTORS] + 1) * 512 + offset
    packed = vmlinuz[start : start + length]
    try:
        unpacked = _unpack(packed, zstd, scratch)
    except (lzma.LZMAError, zlib.error):
        return None
    return unpacked if elf.is_elf(unpacked) else None


def quick_kernel(vmlinuz: bytes, vmlinux: bytes, compress: Compress) -> bytes | None:
    """The same kernel in a file that starts fast, or None where it does not lie as expected.

    `compress` makes a file in LZ4's legacy format (lz4 -l).
    """
    parts = elf.segments(vmlinux)
    start = min(part.address for part in parts)
    end = _page(max(part.address + part.memory_bytes for part in parts))
    memory = bytearray(end - start)
    for part in parts:
        memory[part.address - start : part.address - start + len(part.content)] = part.content
    # A file of lz4 -l is four bytes of magic, then blocks, each with its length before it.
    payload = compress(bytes(memory).rstrip(b"\0"))[4:] + bytes(4)
    payload += bytes(-len(payload) % 4)

    payload_at = _LOADED_AT + _SEGMENTS_AT + len(_SEGMENTS) + _NUMBERS_BYTES
    payload_end = payload_at + len(payload)
    moved_to = payload_at if payload_end <= start else end
    if elf.entry(vmlinux) < start or moved_to + len(payload) > 0x40000000:
        return None
    numbers = struct.pack(
        "<7I",
        payload_end - 4,
        moved_to + len(payload) - 4,
        0 if moved_to == payload_at else len(payload) // 4,
        moved_to,
        start,
        end,
        elf.entry(vmlinux),
    )
    program = _STARTER.ljust(_SEGMENTS_AT, b"\0") + _SEGMENTS + numbers + payload
    program += bytes(-len(program) % 16)
    return _header(vmlinuz, len(program), max(end, moved_to + len(payload))) + program


def _header(vmlinuz: bytes, program_bytes: int, memory_end: int) -> bytes:
    """The 16-bit part, told of the other program behind it, which works at one address only."""
    setup = bytearray(vmlinuz[: (vmlinuz[_SETUP_SECTORS] + 1) * 512])
    struct.pack_into("<I", setup, _SIZE_IN_16_BYTES, program_bytes // 16)
    setup[_RELOCATABLE] = 0
    struct.pack_into("<H", setup, _EXTRA_ENTRIES, 0)
    struct.pack_into("<II", setup, _PAYLOAD_OFFSET, 0, 0)
    struct.pack_into("<Q", setup, _PREFERRED_ADDRESS, _LOADED_AT)
    struct.pack_into("<I", setup, _MEMORY_NEEDED, memory_end - _LOADED_AT)
    return bytes(setup)


def _unpack(packed: bytes, zstd: str, scratch: Path) -> bytes:
    # Four bytes with the unpacked length may follow; xz and gzip leave alone what comes after their end.
    if packed.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(packed)
    if packed.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(31).decompress(packed)
    if packed.startswith(b"\x28\xb5\x2f\xfd"):
        source, target = scratch / "kernel.zst", scratch / "kernel"
        source.write_bytes(packed[:-4])
        run([zstd, "-d", "-q", "-f", str(source), "-o", str(target)], timeout_s=120)
        return target.read_bytes() if target.exists() else b""
    return b""


def _page(address: int) -> int:
    return (address + 0xFFF) & ~0xFFF
