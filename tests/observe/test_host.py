"""The machine under the bench."""

from __future__ import annotations

from pathlib import Path

from kvmbench.model import HostFacts
from kvmbench.observe.host import host
from kvmbench.system import RecordedMachine

CPUINFO = (
    "processor\t: 0\nflags\t\t: fpu vme vmx sse\nbugs\t\t:\n\nprocessor\t: 1\nflags\t\t: fpu vme vmx sse\n"
)
FILES = {
    "/proc/cpuinfo": CPUINFO,
    "/proc/meminfo": "MemTotal:        8388608 kB\nMemFree:  1 kB\n",
    "/sys/kernel/mm/ksm/run": "1\n",
    "/sys/kernel/mm/ksm/pages_sharing": "4711\n",
}


def test_what_the_benchs_maker_found_out_is_told() -> None:
    engine = '{"engine": "tcg", "reason": "64-bit code does not run", "kvm_device": true, "cpu_flag": "vmx"}'
    assert host(RecordedMachine(files={**FILES, "/run/kvmbench/engine.json": engine})) == HostFacts(
        cpu_flag="vmx",
        kvm_device=True,
        kvm_works=False,
        engine="tcg",
        reason="64-bit code does not run",
        cpus=2,
        memory_mib=8192,
        ksm={"run": "1", "pages_sharing": "4711"},
    )


def test_kvm_works_where_that_was_found_out() -> None:
    engine = '{"engine": "kvm", "reason": "works", "kvm_device": true}'
    facts = host(RecordedMachine(files={"/run/kvmbench/engine.json": engine}))
    assert (facts.engine, facts.kvm_works, facts.kvm_device, facts.cpu_flag) == ("kvm", True, True, None)


def test_where_nobody_found_out_only_the_device_is_looked_at(tmp_path: Path) -> None:
    device = tmp_path / "kvm"
    closed = host(RecordedMachine(files=FILES), kvm_device=str(device))
    assert (closed.kvm_device, closed.engine, closed.reason) == (False, "tcg", f"{device} does not open")
    device.touch()
    opens = host(RecordedMachine(files={"/run/kvmbench/engine.json": "{broken"}), kvm_device=str(device))
    assert (opens.kvm_device, opens.kvm_works, opens.engine) == (True, False, "tcg")
    assert opens.reason == f"{device} opens, but nobody tried to run a guest with it"
    assert (opens.cpus, opens.memory_mib, opens.ksm) == (0, 0, {})
