"""What the machine under the bench offers to guests."""

from __future__ import annotations

import json
import os
import re

from kvmbench.model import HostFacts
from kvmbench.system import Machine

CPUINFO = "/proc/cpuinfo"
MEMINFO = "/proc/meminfo"
ENGINE = "/run/kvmbench/engine.json"
"""written by whoever made the bench, after trying: KVM that opens may still boot nothing"""
KSM = "/sys/kernel/mm/ksm"
KVM_DEVICE = "/dev/kvm"


def host(machine: Machine, *, kvm_device: str = KVM_DEVICE) -> HostFacts:
    """Read it; what the machine does not tell stays empty."""
    cpuinfo = machine.read(CPUINFO) or ""
    known = engine(machine.read(ENGINE))
    opens = bool(known.get("kvm_device")) if "kvm_device" in known else _opens(kvm_device)
    name = str(known.get("engine", "tcg"))
    return HostFacts(
        cpu_flag=cpu_flag(cpuinfo),
        kvm_device=opens,
        kvm_works=name == "kvm",
        engine=name,
        reason=str(known.get("reason", _unknown(opens, kvm_device))),
        cpus=len(re.findall(r"^processor\s*:", cpuinfo, re.MULTILINE)),
        memory_mib=_kib(machine.read(MEMINFO) or "", "MemTotal") // 1024,
        ksm={name: (machine.read(f"{KSM}/{name}") or "").strip() for name in machine.listdir(KSM)},
    )


def _unknown(opens: bool, kvm_device: str) -> str:
    """Nobody tried: then the launcher takes what works everywhere."""
    return (
        f"{kvm_device} opens, but nobody tried to run a guest with it"
        if opens
        else f"{kvm_device} does not open"
    )


def engine(text: str | None) -> dict[str, object]:
    """What was found out about KVM; empty when nobody did."""
    try:
        read = json.loads(text or "{}")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def cpu_flag(cpuinfo: str) -> str | None:
    """vmx (Intel), svm (AMD), or None.

    >>> cpu_flag("flags\\t\\t: fpu svm lahf_lm\\n")
    'svm'
    """
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    words = flags.group(1).split() if flags else []
    return next((flag for flag in ("vmx", "svm") if flag in words), None)


def _kib(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found.group(1)) if found else 0


def _opens(device: str) -> bool:
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True
