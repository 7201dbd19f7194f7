"""The probe of KVM: on this machine for good, and with every gap made up."""

from __future__ import annotations

import ctypes
import dataclasses
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kvmbench.system import kvm
from kvmbench.system.kvm import KvmReport, cpu_flag, engine, probe_kvm, report_from

WORKS = KvmReport(
    machine="x86_64",
    cpu_flag="vmx",
    device="openable",
    api_version=12,
    runs_real_mode=True,
    runs_long_mode=True,
    runs_vectors=True,
)
STOPS_AT_VECTORS = "/dev/kvm adds 2 and 2 but stops at an SSE2 instruction: no Linux boots on it"
ALL_WORDS = "present\nopen\napi 12\nreal\nlong\nvectors\n"


def test_where_everything_runs_kvm_is_the_engine() -> None:
    assert (WORKS.works, WORKS.reason, engine(WORKS)) == (True, "works", "kvm")


@pytest.mark.parametrize(
    ("gap", "reason"),
    [
        ({"machine": "aarch64"}, "this course's guests are x86_64, and this machine is aarch64"),
        ({"device": "missing"}, "there is no /dev/kvm"),
        (
            {"device": "missing", "cpu_flag": None},
            "there is no /dev/kvm, and the processor shows no vmx or svm",
        ),
        ({"device": "present"}, "/dev/kvm is there, and you may not open it"),
        ({"api_version": 11}, "/dev/kvm answers API version 11, not 12"),
        ({"in_time": False}, "a guest of a few instructions did not come to its end in time"),
        ({"runs_real_mode": False}, "16-bit guest code does not run"),
        ({"runs_long_mode": False}, "64-bit guest code does not run"),
        (
            {"runs_vectors": False},
            STOPS_AT_VECTORS,
        ),
        (
            {"runs_vectors": False, "cpu_flag": None},
            "the processor shows no vmx or svm, and " + STOPS_AT_VECTORS,
        ),
        (
            {"cpu_flag": None},
            "/dev/kvm runs small code, but the processor shows no vmx or svm: no Linux boots on it",
        ),
    ],
)
def test_each_gap_has_its_own_reason_and_means_tcg(gap: dict[str, object], reason: str) -> None:
    report = dataclasses.replace(WORKS, **gap)  # type: ignore[arg-type]  # the gaps are of several types
    assert (report.works, report.reason, engine(report)) == (False, reason, "tcg")


def test_what_the_probe_prints_becomes_a_report() -> None:
    assert report_from(ALL_WORDS, machine="x86_64", cpu_flag="vmx") == WORKS


@pytest.mark.parametrize("words", range(len(ALL_WORDS.splitlines())))
def test_a_probe_that_is_cut_off_keeps_what_it_found_and_does_not_work(words: int) -> None:
    said = "".join(ALL_WORDS.splitlines(keepends=True)[:words])
    report = report_from(said, machine="x86_64", cpu_flag="vmx", in_time=False)
    assert report.device == ("missing", "present", *["openable"] * 4)[words]
    assert (report.api_version == 12, report.runs_real_mode) == (words > 2, words > 3)
    assert not report.works


@pytest.mark.parametrize(
    ("cpuinfo", "flag"),
    [
        ("processor\t: 0\nflags\t\t: fpu vme vmx sse2\n", "vmx"),
        ("processor\t: 0\nflags\t\t: fpu svm sse2\n", "svm"),
        ("processor\t: 0\nflags\t\t: fpu sse2\nvmx flags\t: vnmi\n", None),
        ("", None),
    ],
)
def test_the_flag_is_read_from_the_flags_alone(cpuinfo: str, flag: str | None) -> None:
    assert cpu_flag(cpuinfo) == flag


def test_the_layouts_are_as_long_as_the_requests_say() -> None:
    lengths = {
        kvm.KVM_SET_USER_MEMORY_REGION: kvm.MemoryRegion,
        kvm.KVM_GET_REGS: kvm.Regs,
        kvm.KVM_SET_REGS: kvm.Regs,
        kvm.KVM_GET_SREGS: kvm.Sregs,
        kvm.KVM_SET_SREGS: kvm.Sregs,
    }
    for request, layout in lengths.items():
        assert ctypes.sizeof(layout) == request >> 16 & 0x3FFF  # ioctl(2): bits 16 to 29 hold the size


@pytest.mark.parametrize("code", [kvm.ADD_64_BIT, kvm.ADD_VECTORS], ids=["plain", "vectors"])
def test_the_guest_code_adds_also_on_this_very_processor(code: bytes) -> None:
    """Where KVM gives up, the code must be right all the same: it is run here as a function of C."""
    # push rbx; mov rax, rdi; mov rbx, rsi; ...; pop rbx; ret
    function = bytes.fromhex("53 4889f8 4889f3") + code + bytes.fromhex("5b c3")
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        page[: len(function)] = function
        start = ctypes.c_char.from_buffer(page)
        add = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)(ctypes.addressof(start))
        total = add(2 << 32, 2 << 32)
        del start  # a page with a pointer into it cannot be unmapped
    assert total == 4 << 32


def test_the_probe_of_this_machine_agrees_with_itself() -> None:
    report = probe_kvm()
    assert (report.device != "missing") == Path(kvm.DEVICE).exists()
    assert report.works == (report.reason == "works") == (engine(report) == "kvm")
    if report.cpu_flag is None:
        assert not report.works
    if report.works:
        assert report.runs_real_mode
        assert report.runs_long_mode
        assert report.runs_vectors


def test_where_the_device_opens_a_virtual_machine_adds_two_and_two() -> None:
    """On a machine that has no /dev/kvm to open, the probe must say just that."""
    report = probe_kvm()
    if not os.access(kvm.DEVICE, os.R_OK | os.W_OK):
        assert report.device != "openable"
        return
    assert report.api_version == 12
    device = os.open(kvm.DEVICE, os.O_RDWR)
    try:
        assert kvm.add(device, kvm.ADD_16_BIT + kvm.HLT, 2, 3, long_mode=False) == 5
    finally:
        os.close(device)


def test_a_probe_that_takes_too_long_is_ended() -> None:
    report = probe_kvm(timeout_s=0.0)
    assert (report.in_time, report.works) == (False, False)


def test_the_file_runs_by_itself_with_the_standard_library_alone() -> None:
    ran = subprocess.run(
        [sys.executable, "-I", "-S", kvm.__file__], capture_output=True, text=True, timeout=60, check=False
    )
    assert set(ran.stdout.split()) <= set(ALL_WORDS.split())
