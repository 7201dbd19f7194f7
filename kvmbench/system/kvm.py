"""Whether KVM really works here: measured by making two small virtual machines and running them.

The lower half of this file is a complete virtual machine monitor in some sixty lines, and runs by itself:
`python3 kvmbench/system/kvm.py`. It leans on the standard library alone, for it is also what the probe
starts as a process of its own, which can be ended when a broken KVM never comes back.

Source: Linux, Documentation/virt/kvm/api.rst; Intel SDM volume 3, sections 3.4.5 (segments), 4.5 (paging),
9.8.5 (entering 64-bit mode).
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

API_VERSION = 12
DEVICE = "/dev/kvm"


@dataclass(frozen=True)
class KvmReport:
    """What was found out about KVM, look after look; a later one is False where an earlier one failed."""

    machine: str
    """The processor's architecture, as uname names it."""
    cpu_flag: str | None
    """`vmx` (Intel), `svm` (AMD), or None where the processor offers neither to this system."""
    device: Literal["missing", "present", "openable"]
    """/dev/kvm; `present` where it is there and this user may not open it."""
    api_version: int | None
    runs_real_mode: bool
    """16-bit code added 2 and 2."""
    runs_long_mode: bool
    """64-bit code, behind page tables, added 2 and 2 (times 2**32)."""
    runs_vectors: bool
    """The same in the vector registers, which every 64-bit system uses: an emulated KVM gives up here."""
    in_time: bool = True
    """False where the probe had to be ended."""

    @property
    def works(self) -> bool:
        """Whether guests can be run by KVM."""
        return self.reason == "works"

    @property
    def reason(self) -> str:
        """The first thing that stands in the way, in words; `works` where nothing does."""
        if self.machine != "x86_64":
            return f"this course's guests are x86_64, and this machine is {self.machine}"
        if self.device == "missing":
            return f"there is no {DEVICE}" + (
                "" if self.cpu_flag else ", and the processor shows no vmx or svm"
            )
        if self.device == "present":
            return f"{DEVICE} is there, and you may not open it"
        if self.api_version != API_VERSION:
            return f"{DEVICE} answers API version {self.api_version}, not {API_VERSION}"
        if not self.in_time:
            return "a guest of a few instructions did not come to its end in time"
        if not self.runs_real_mode or not self.runs_long_mode:
            return f"{'64' if self.runs_real_mode else '16'}-bit guest code does not run"
        if not self.runs_vectors:
            shown = "" if self.cpu_flag else "the processor shows no vmx or svm, and "
            return f"{shown}{DEVICE} adds 2 and 2 but stops at an SSE2 instruction: no Linux boots on it"
        if self.cpu_flag is None:
            return f"{DEVICE} runs small code, but the processor shows no vmx or svm: no Linux boots on it"
        return "works"


def engine(report: KvmReport) -> Literal["kvm", "tcg"]:
    """The accelerator that guests get: KVM where it works, else QEMU's own translator."""
    return "kvm" if report.works else "tcg"


def probe_kvm(timeout_s: float = 5.0) -> KvmReport:
    """Find out whether KVM works; it takes 0.1 s, never raises and never hangs."""
    out, in_time = _run_aside(timeout_s)
    return report_from(out, machine=platform.machine(), cpu_flag=cpu_flag(_cpuinfo()), in_time=in_time)


def report_from(out: str, *, machine: str, cpu_flag: str | None, in_time: bool = True) -> KvmReport:
    """The report, from what the probe printed before it ended (or was ended).

    >>> said = "present\\nopen\\napi 12\\nreal\\n"
    >>> report_from(said, machine="x86_64", cpu_flag="vmx", in_time=False).reason
    'a guest of a few instructions did not come to its end in time'
    """
    words: Mapping[str, str] = {
        line.split()[0]: line.split()[-1] for line in out.splitlines() if line.strip()
    }
    api = words.get("api", "")
    return KvmReport(
        machine=machine,
        cpu_flag=cpu_flag,
        device="openable" if "open" in words else "present" if "present" in words else "missing",
        api_version=int(api) if api.isascii() and api.isdigit() else None,
        runs_real_mode="real" in words,
        runs_long_mode="long" in words,
        runs_vectors="vectors" in words,
        in_time=in_time,
    )


def cpu_flag(cpuinfo: str) -> str | None:
    """The processor's flag for virtualization, from the text of /proc/cpuinfo.

    >>> cpu_flag("processor : 0\\nflags : fpu vmx sse2\\n")
    'vmx'
    >>> cpu_flag("flags : fpu vmx_like\\n") is None
    True
    """
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    return next((word for word in flags.split() if word in ("vmx", "svm")), None)


def _cpuinfo() -> str:
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _run_aside(timeout_s: float) -> tuple[str, bool]:
    """This file's lower half as a process of its own: what it printed, and whether it ended in time."""
    argv = [sys.executable, "-I", "-S", os.path.abspath(__file__)]
    try:
        ended = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode(errors="replace"), False
    except OSError:
        return "", True
    return ended.stdout.decode(errors="replace"), True


# A virtual machine, with nothing but a device file ------------------------------------------------

# ioctl requests (linux/kvm.h). 0xAE is KVM's letter; the upper half says which way how many bytes go.
KVM_GET_API_VERSION = 0xAE00
KVM_CREATE_VM = 0xAE01
KVM_GET_VCPU_MMAP_SIZE = 0xAE04
KVM_CREATE_VCPU = 0xAE41
KVM_SET_USER_MEMORY_REGION = 0x4020AE46
KVM_RUN = 0xAE80
KVM_GET_REGS = 0x8090AE81
KVM_SET_REGS = 0x4090AE82
KVM_GET_SREGS = 0x8138AE83
KVM_SET_SREGS = 0x4138AE84
KVM_EXIT_HLT = 5
EXIT_REASON = slice(8, 12)  # where `struct kvm_run` says why the guest stopped

MEMORY_BYTES = 0x200000  # 2 MiB: one large page
CODE, TABLES = 0x1000, 0x2000  # guest-physical addresses

ADD_16_BIT = bytes.fromhex("00d8")  # add al, bl
ADD_64_BIT = bytes.fromhex("4801d8")  # add rax, rbx
# movq xmm0, rax; movq xmm1, rbx; paddq xmm0, xmm1; movq rax, xmm0
ADD_VECTORS = bytes.fromhex("66480f6ec0 66480f6ecb 660fd4c1 66480f7ec0")
HLT = b"\xf4"

_U8, _U16, _U32, _U64 = ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64


class MemoryRegion(ctypes.Structure):
    """struct kvm_userspace_memory_region: a piece of our memory that the guest takes for RAM."""

    _fields_ = (
        ("slot", _U32),
        ("flags", _U32),
        ("guest_address", _U64),
        ("size", _U64),
        ("our_address", _U64),
    )


class Regs(ctypes.Structure):
    """struct kvm_regs: what a program knows as registers."""

    _fields_ = tuple(
        (name, _U64) for name in ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp"]
    ) + tuple(
        (name, _U64) for name in ["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip", "rflags"]
    )


class Segment(ctypes.Structure):
    """struct kvm_segment: a segment register with its hidden part."""

    _fields_ = (
        ("base", _U64),
        ("limit", _U32),
        ("selector", _U16),
        *tuple(
            (name, _U8)
            for name in ["type", "present", "dpl", "db", "s", "l", "g", "avl", "unusable", "padding"]
        ),
    )


class Table(ctypes.Structure):
    """struct kvm_dtable: where a descriptor table lies."""

    _fields_ = (("base", _U64), ("limit", _U16), ("padding", _U16 * 3))


class Sregs(ctypes.Structure):
    """struct kvm_sregs: what an operating system knows as registers."""

    _fields_ = (
        *((name, Segment) for name in ["cs", "ds", "es", "fs", "gs", "ss", "tr", "ldt"]),
        *((name, Table) for name in ("gdt", "idt")),
        *((name, _U64) for name in ["cr0", "cr2", "cr3", "cr4", "cr8", "efer", "apic_base"]),
        ("interrupt_bitmap", _U64 * 4),
    )


def add(kvm: int, code: bytes, a: int, b: int, *, long_mode: bool) -> int | None:
    """Run code on a new virtual machine, a in RAX and b in RBX; RAX when it halts, None if it does not."""
    vm = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
    memory = mmap.mmap(-1, MEMORY_BYTES)
    memory[CODE : CODE + len(code)] = code
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    fcntl.ioctl(vm, KVM_SET_USER_MEMORY_REGION, MemoryRegion(0, 0, 0, MEMORY_BYTES, address))

    vcpu = fcntl.ioctl(vm, KVM_CREATE_VCPU, 0)
    sregs = Sregs()
    fcntl.ioctl(vcpu, KVM_GET_SREGS, sregs)
    sregs.cs.base = sregs.cs.selector = 0
    if long_mode:
        enter_long_mode(sregs, memory)
    fcntl.ioctl(vcpu, KVM_SET_SREGS, sregs)
    fcntl.ioctl(vcpu, KVM_SET_REGS, Regs(rax=a, rbx=b, rip=CODE, rflags=2))  # bit 1 is always set

    run = mmap.mmap(vcpu, fcntl.ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0))
    fcntl.ioctl(vcpu, KVM_RUN, 0)
    regs = Regs()
    fcntl.ioctl(vcpu, KVM_GET_REGS, regs)
    halted = int.from_bytes(run[EXIT_REASON], sys.byteorder) == KVM_EXIT_HLT
    return int(regs.rax) if halted else None


def enter_long_mode(sregs: Sregs, memory: mmap.mmap) -> None:
    """Set the processor up for 64-bit code: three levels of page tables, paging on, a 64-bit code segment.

    The tables map the first 2 MiB to themselves. Each entry is an address with the bits present (1) and
    writable (2); 0x80 says that the last one is a large page.
    """
    for level, entry in enumerate((TABLES + 0x1003, TABLES + 0x2003, 0x83)):
        at = TABLES + level * 0x1000
        memory[at : at + 8] = entry.to_bytes(8, "little")
    sregs.cr3 = TABLES
    sregs.cr4 = 1 << 9 | 1 << 5  # OSFXSR (vector registers may be used), PAE
    sregs.cr0 = 1 << 31 | 1 << 4 | 1  # PG, ET, PE
    sregs.efer = 1 << 10 | 1 << 8  # LMA, LME
    for segment in (sregs.cs, sregs.ds, sregs.es, sregs.fs, sregs.gs, sregs.ss):
        segment.base, segment.limit, segment.g, segment.s, segment.present = 0, 0xFFFFFFFF, 1, 1, 1
        segment.type, segment.selector, segment.db = 3, 16, 1  # data, read and write
    sregs.cs.type, sregs.cs.selector, sregs.cs.db, sregs.cs.l = 11, 8, 0, 1  # code, 64-bit


def main() -> None:
    """Print one word for each thing that works, in the order in which they are tried."""
    if not os.path.exists(DEVICE):
        return
    print("present", flush=True)
    kvm = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    print("open", flush=True)
    print("api", fcntl.ioctl(kvm, KVM_GET_API_VERSION, 0), flush=True)
    if add(kvm, ADD_16_BIT + HLT, 2, 2, long_mode=False) == 4:
        print("real", flush=True)
    two, four = 2 << 32, 4 << 32  # too large for anything but a 64-bit register
    if add(kvm, ADD_64_BIT + HLT, two, two, long_mode=True) == four:
        print("long", flush=True)
    if add(kvm, ADD_VECTORS + HLT, two, two, long_mode=True) == four:
        print("vectors", flush=True)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
