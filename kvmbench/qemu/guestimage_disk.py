"""A disk that boots: the guest's files in an archive, that and a kernel in a FAT partition, with syslinux."""

from __future__ import annotations

import stat
import struct
from collections.abc import Mapping
from pathlib import Path

from kvmbench.errors import ImageBuildFailed
from kvmbench.qemu.guestimage_packages import Packages
from kvmbench.system.run import run

DISK_MIB = 64
_SECTOR = 512
_FIRST_SECTOR = 2048
_LABEL = "KVMBENCH"

# What the kernel is told; most of it is there to start faster under TCG.
_WORDS = (
    "console=tty0 console=ttyS0,115200 quiet",
    # Not tsc=reliable: on a busy host its rate is measured wrongly, and the guest's time would run too fast.
    "no_timer_check",
    # No self-tests at boot: 0.1 s.
    "cryptomgr.notests initcall_blacklist=crypto_kdf108_init,init_blk_tracer",
    # A guest for exercises has nothing to guard from itself: 0.3 s.
    "mitigations=off nokaslr rodata=off init_on_alloc=0",
    "lsm= audit=0 nowatchdog",
    # The course is about IPv4: nothing else shall show up in tcpdump.
    "ipv6.disable_ipv6=1",
)
COMMAND_LINE = " ".join(_WORDS)
_SYSLINUX = f"DEFAULT linux\nPROMPT 0\nLABEL linux\nKERNEL /linux\nINITRD /initrd\nAPPEND {COMMAND_LINE}\n"


class Archive:
    """A cpio archive of the kind that a kernel unpacks at boot; everything in it belongs to root.

    Source: Documentation/driver-api/early-userspace/buffer-format.rst of Linux.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._count = 0
        self._directories: set[str] = set()

    def directory(self, name: str, mode: int = 0o755) -> None:
        """A directory, after those above it."""
        if name in self._directories or not name:
            return
        self.directory(name.rpartition("/")[0])
        self._directories.add(name)
        self._add(name, stat.S_IFDIR | mode)

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        self.directory(name.rpartition("/")[0])
        self._add(name, stat.S_IFREG | mode, content)

    def link(self, name: str, target: str) -> None:
        self.directory(name.rpartition("/")[0])
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, name: str, major: int, minor: int) -> None:
        self.directory(name.rpartition("/")[0])
        self._add(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def finished(self) -> bytes:
        self._add("TRAILER!!!", 0)
        return bytes(self._bytes)

    def _add(self, name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        self._count += 1
        ended = name.encode() + b"\0"
        numbers = (self._count, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(ended), 0)
        self._bytes += b"070701" + b"".join(b"%08X" % number for number in numbers) + ended
        self._bytes += bytes(-len(self._bytes) % 4)
        self._bytes += content
        self._bytes += bytes(-len(self._bytes) % 4)


def write_disk(target: Path, files: Mapping[str, bytes], packages: Packages, scratch: Path) -> None:
    """Write a qcow2 disk that boots from its only partition, which holds these files.

    Raises:
        ImageBuildFailed: one of the tools failed.
    """
    total = DISK_MIB * 1024 * 1024 // _SECTOR
    partition = scratch / "partition"
    with partition.open("wb") as file:
        file.truncate((total - _FIRST_SECTOR) * _SECTOR)
    size = ["-h", "16", "-s", "63", "-H", str(_FIRST_SECTOR), "-T", str(total - _FIRST_SECTOR), "-c", "16"]
    _tool(packages, "mformat", "-i", str(partition), "-v", _LABEL, *size, "::")
    for name, content in {**files, "syslinux.cfg": _SYSLINUX.encode()}.items():
        (scratch / name).write_bytes(content)
        _tool(packages, "mcopy", "-i", str(partition), str(scratch / name), f"::{name}")
    _tool(packages, "syslinux", "--install", str(partition))
    raw = scratch / "disk"
    with raw.open("wb") as file:
        file.write(_master_boot_record(packages.boot_code(), total))
        file.seek(_FIRST_SECTOR * _SECTOR)
        file.write(partition.read_bytes())
    _tool(packages, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(target))


def _master_boot_record(code: bytes, sectors: int) -> bytes:
    """The first sector: a program, and one active partition of FAT16 with logical block addresses (0x0e)."""
    beyond = b"\xfe\xff\xff"  # cylinder, head, sector: too far for them, so use the block addresses
    entry = struct.pack("<B3sB3sII", 0x80, beyond, 0x0E, beyond, _FIRST_SECTOR, sectors - _FIRST_SECTOR)
    return code.ljust(446, b"\0")[:446] + entry + bytes(48) + b"\x55\xaa"


def _tool(packages: Packages, name: str, *arguments: str) -> None:
    program = name if name == "qemu-img" else packages.tool(name)
    done = run([program, *arguments], env=packages.environment(), timeout_s=120)
    if not done.ok:
        said = (done.err or done.out).strip().splitlines()
        raise ImageBuildFailed(
            f"{name} failed while the boot disk was made: {said[-1] if said else f'exit code {done.code}'}",
            "Is there room for 500 MB in the cache directory ('df -h ~/.cache'), is qemu-utils installed?",
        )
