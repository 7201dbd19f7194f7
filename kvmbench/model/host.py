"""The machine under the bench, disk images, and files that the tutorial writes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class HostFacts:
    """What the machine offers to guests."""

    cpu_flag: str | None
    """vmx (Intel), svm (AMD), or None"""
    kvm_device: bool
    """/dev/kvm is there and opens"""
    kvm_works: bool
    """a 64-bit guest really runs"""
    engine: str
    """kvm or tcg: what the launcher picks here"""
    reason: str
    """why"""
    cpus: int = 0
    memory_mib: int = 0
    ksm: dict[str, str] = field(default_factory=dict)
    """/sys/kernel/mm/ksm: run, pages_shared, pages_sharing, … as the kernel prints them"""


@dataclass(frozen=True)
class Image:
    """A disk image (qemu-img(1), info)."""

    path: str
    format: str
    virtual_size_bytes: int
    actual_size_bytes: int
    backing: str | None = None
    backing_format: str | None = None
    preallocated: bool | None = None
    """its metadata was written at creation; None for formats that have none"""
    trouble: str | None = None
    """what is wrong with it (a backing file that is missing, …), in qemu-img's words"""


@dataclass(frozen=True)
class FileSeen:
    """A file that the tutorial makes: its kind, mode and text."""

    path: str
    kind: str
    """file, link, directory or missing"""
    executable: bool = False
    target: str | None = None
    """where a symbolic link leads"""
    resolves: bool = True
    """whether something is there in the end"""
    text: str = ""
    """the first 4,096 characters of a text file"""
