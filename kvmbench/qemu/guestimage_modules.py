"""The drivers that go into the guest, and the lists by which modprobe finds them."""

from __future__ import annotations

import lzma
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmbench.errors import ImageBuildFailed
from kvmbench.qemu import guestimage_elf as elf

# Without these there is no guest: the tutorial's disk and its network card.
_ESSENTIAL = ("virtio_pci", "virtio_blk", "virtio_net")
# What else QEMU can put into a machine of the course: disks, network cards, the power button, the boot disk's
# file system. A name that a kernel does not have is left out.
_WANTED = (
    "ata_piix", "ahci", "sd_mod",
    "e1000", "e1000e", "8139cp", "8139too", "ne2k_pci", "pcnet32", "e100", "tulip", "vmxnet3",
    "button", "evdev", "virtio_balloon", "virtio_rng",
    "vfat", "nls_cp437", "nls_ascii", "nls_utf8", "nls_iso8859_1",
)  # fmt: skip


@dataclass(frozen=True)
class Module:
    """A driver as a file: its name with underscores, its bytes unpacked, what it needs, what it drives."""

    name: str
    content: bytes
    depends: tuple[str, ...]
    aliases: tuple[str, ...]


def choose(directory: Path, unpack_zstd: Callable[[bytes], bytes]) -> list[Module]:
    """The guest's drivers out of lib/modules/RELEASE, each after those that it needs.

    Raises:
        ImageBuildFailed: one without which there is no guest is neither there nor built in.
    """
    files = {_name(path): path for path in directory.rglob("*.ko*")}
    built_in = {_name(Path(line)) for line in _lines(directory / "modules.builtin")}
    missing = [name for name in _ESSENTIAL if name not in files and name not in built_in]
    if missing:
        raise ImageBuildFailed(
            f"the kernel package has no driver {missing[0]}",
            "A generic kernel of Debian 12 or Ubuntu 22.04 or newer has it; is another kernel pinned in apt?",
        )
    chosen: dict[str, Module] = {}

    def add(name: str) -> None:
        if name in chosen or name not in files:
            return
        content = unsigned(_unpacked(files[name], unpack_zstd))
        said = elf.module_info(content)
        words = ",".join(_values(said, "depends")).split(",")
        depends = [word.replace("-", "_") for word in words if word]
        for needed in depends:
            add(needed)
        chosen[name] = Module(name, content, tuple(depends), _values(said, "alias"))

    for name in (*_ESSENTIAL, *_WANTED):
        add(name)
    return list(chosen.values())


def unsigned(module: bytes) -> bytes:
    """A module without the signature behind it, which takes 0.05 s to verify under TCG: of each of ten.

    The kernel loads it all the same, and notes once in its log that it is tainted.
    Source: scripts/sign-file.c and include/linux/module_signature.h of Linux.

    >>> unsigned(b"code" + b"signature" + bytes(8) + b"\\0\\0\\0\\x09" + b"~Module signature appended~\\n")
    b'code'
    """
    mark = b"~Module signature appended~\n"
    if not module.endswith(mark):
        return module
    end = len(module) - len(mark)
    signature_bytes = int.from_bytes(module[end - 4 : end], "big")
    return module[: end - 12 - signature_bytes]


def dependency_list(modules: Sequence[Module]) -> str:
    """The file modules.dep: each module with all that it needs, the last needed first.

    >>> mii = Module("mii", b"", (), ())
    >>> print(dependency_list([mii, Module("e100", b"", ("mii",), ())]), end="")
    mii.ko:
    e100.ko: mii.ko
    """
    by_name = {module.name: module for module in modules}
    return "".join(
        " ".join([f"{module.name}.ko:", *(f"{name}.ko" for name in _all_needed(module, by_name))]) + "\n"
        for module in modules
    )


def alias_list(modules: Sequence[Module]) -> str:
    """The file modules.alias: which module drives what.

    >>> print(alias_list([Module("e100", b"", (), ("pci:v00008086d00001029sv*",))]), end="")
    alias pci:v00008086d00001029sv* e100
    """
    return "".join(f"alias {alias} {module.name}\n" for module in modules for alias in module.aliases)


def _all_needed(module: Module, by_name: dict[str, Module]) -> list[str]:
    found: list[str] = []
    for name in module.depends:
        if name in by_name:
            found += [name, *_all_needed(by_name[name], by_name)]
    # What is needed by several stands last, to be loaded first.
    return list(reversed(list(dict.fromkeys(reversed(found)))))


def _name(path: Path) -> str:
    return re.sub(r"\.ko(\.\w+)?$", "", path.name).replace("-", "_")


def _values(said: Iterable[tuple[str, str]], key: str) -> tuple[str, ...]:
    return tuple(value for found, value in said if found == key)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _unpacked(path: Path, unpack_zstd: Callable[[bytes], bytes]) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(content)
    if path.suffix == ".zst":
        return unpack_zstd(content)
    return content
