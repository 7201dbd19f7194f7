"""The doctor: a healthy machine written down, and every gap in it with its line."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from kvmbench.setup import needs
from kvmbench.system import doctor
from kvmbench.system.doctor import Finding, Patient, diagnose, gaps
from kvmbench.system.kvm import KvmReport
from kvmbench.system.run import Completed, RecordedMachine

NAMES = [name for need in needs.COURSE for name in need.names]
FIND = doctor.find_line(NAMES)
DATA, CACHE = Path("/home/ann/.local/share/kvmbench"), Path("/home/ann/.cache/kvmbench")
DISK = "/dev/vda1          30000   9000     21000  30% /\nwritable\n"
KVM = KvmReport(
    machine="x86_64",
    cpu_flag="svm",
    device="openable",
    api_version=12,
    runs_real_mode=True,
    runs_long_mode=True,
    runs_vectors=True,
)

ANSWERS: dict[str, Completed | str] = {
    doctor.TRY_NAMESPACES: "",
    doctor.TRY_OVERLAY: "",
    doctor.TRY_NETWORK: "",
    doctor.TRY_TUN: "666\n",
    FIND: "".join(f"{name if name.startswith('/') else '/usr/bin/' + name}\n" for name in NAMES),
    "nproc": "4\n",
    doctor.free_line(DATA): DISK,
    doctor.free_line(CACHE): DISK,
}
PROGRAMS = f"{sys.prefix}/share/jupyter/kernels/kvmbench/frontend/kvmbench.js"
FILES = {
    PROGRAMS: "export{render};",
    "/proc/sys/kernel/osrelease": "6.1.0-28-amd64\n",
    "/proc/sys/user/max_user_namespaces": "63000\n",
    "/proc/meminfo": "MemTotal:        8000000 kB\nMemAvailable:    6291456 kB\n",
    "/sys/kernel/mm/ksm/run": "0\n",
    "/etc/os-release": "NAME=Debian\nID=debian\n",
}


def patient(
    answers: dict[str, Completed | str] | None = None,
    files: dict[str, str | None] | None = None,
    *,
    uid: int = 1000,
    python: tuple[int, int] = (3, 11),
    kvm: KvmReport = KVM,
) -> Patient:
    """A healthy machine, but for what is given here; a file that is None is missing."""
    kept = {path: text for path, text in {**FILES, **(files or {})}.items() if text is not None}
    return Patient(
        machine=RecordedMachine({**ANSWERS, **(answers or {})}, kept),
        uid=uid,
        python=python,
        kvm=lambda: kvm,
        directories=(("data", DATA), ("cache", CACHE)),
    )


def failed(err: str) -> Completed:
    return Completed(("sh",), 1, "", err)


def only_gap(who: Patient) -> Finding:
    """The one finding that is not as it must be (missing programs also show in their summary)."""
    wrong = [finding for finding in diagnose(who) if not finding.ok and finding.name != "packages"]
    assert len(wrong) == 1, wrong
    return wrong[0]


def test_a_healthy_machine_has_no_gap_and_nothing_to_mend() -> None:
    findings = diagnose(patient())
    assert all(finding.ok and finding.saw and not finding.mend for finding in findings), findings
    assert len({finding.name for finding in findings}) == len(findings)


def test_a_python_that_is_too_old() -> None:
    found = only_gap(patient(python=(3, 9)))
    assert (found.name, found.mend) == ("python", "/usr/bin/python3 -m kvmbench up")


@pytest.mark.parametrize(
    ("release", "distribution", "mend"),
    [
        ("5.10.0-8-amd64", "debian", "sudo apt-get install -y linux-image-amd64 && sudo reboot"),
        ("5.4.0-42-generic", "ubuntu", "sudo apt-get install -y linux-generic && sudo reboot"),
        ("", "debian", "sudo apt-get install -y linux-image-amd64 && sudo reboot"),
    ],
)
def test_a_kernel_that_is_too_old(release: str, distribution: str, mend: str) -> None:
    who = patient(
        files={"/proc/sys/kernel/osrelease": release, "/etc/os-release": f"X=1\nID={distribution}\n"}
    )
    found = only_gap(who)
    assert (found.name, found.mend) == ("kernel", mend)


@pytest.mark.parametrize(
    ("files", "setting"),
    [
        ({"/proc/sys/user/max_user_namespaces": "0\n"}, "user.max_user_namespaces=15000"),
        ({"/proc/sys/kernel/unprivileged_userns_clone": "0\n"}, "kernel.unprivileged_userns_clone=1"),
        (
            {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"},
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ],
)
def test_forbidden_user_namespaces_are_allowed_by_the_setting_that_forbids_them(
    files: dict[str, str | None], setting: str
) -> None:
    refused = failed("unshare: write failed /proc/self/uid_map: Operation not permitted\n")
    found = only_gap(patient({doctor.TRY_NAMESPACES: refused}, files))
    assert found.saw == "unshare: write failed /proc/self/uid_map: Operation not permitted"
    assert found.mend == (
        f"echo {setting} | sudo tee -a /etc/sysctl.d/90-kvmbench.conf"
        " && sudo sysctl -p /etc/sysctl.d/90-kvmbench.conf"
    )


def test_a_setting_that_forbids_namespaces_is_no_gap_where_they_work_all_the_same() -> None:
    who = patient(files={"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"})
    assert gaps(diagnose(who)) == []


@pytest.mark.parametrize(
    ("said", "option"),
    [
        ("unshare: unshare failed: Operation not permitted", "seccomp=unconfined"),
        ("mount: /proc: permission denied.", "systempaths=unconfined"),
    ],
)
def test_a_container_that_forbids_namespaces_is_told_apart(said: str, option: str) -> None:
    found = only_gap(patient({doctor.TRY_NAMESPACES: failed(said)}))
    assert found.mend.startswith("docker run")
    assert option in found.mend


def test_overlays_that_cannot_be_mounted() -> None:
    found = only_gap(
        patient({doctor.TRY_OVERLAY: failed("mount: /mnt/m: unknown filesystem type 'overlay'.")})
    )
    assert (found.name, found.saw) == ("overlay", "mount: /mnt/m: unknown filesystem type 'overlay'.")
    assert found.mend.startswith("sudo modprobe overlay")


def test_links_that_cannot_be_made() -> None:
    found = only_gap(patient({doctor.TRY_NETWORK: failed("RTNETLINK answers: Operation not supported")}))
    assert (found.name, found.mend) == (
        "network",
        "sudo modprobe -a bridge veth nf_tables nft_nat nft_masq nft_ct nft_compat",
    )


def test_without_user_namespaces_what_needs_them_has_the_same_line() -> None:
    refused = failed("unshare: unshare failed: No space left on device")
    tries = (doctor.TRY_NAMESPACES, doctor.TRY_OVERLAY, doctor.TRY_NETWORK)
    who = patient(dict.fromkeys(tries, refused), {"/proc/sys/user/max_user_namespaces": "0"})
    wrong = gaps(diagnose(who))
    assert [finding.name for finding in wrong] == ["user namespaces", "overlay", "network"]
    assert len({finding.mend for finding in wrong}) == 1
    assert wrong[1].saw == "no user namespace to try it in"


def test_a_tun_device_that_is_missing() -> None:
    found = only_gap(patient({doctor.TRY_TUN: failed("stat: cannot statx '/dev/net/tun'")}))
    assert (found.saw, found.mend) == ("there is no /dev/net/tun", "sudo modprobe tun && ls -l /dev/net/tun")


def test_a_tun_device_that_is_closed() -> None:
    found = only_gap(patient({doctor.TRY_TUN: Completed(("sh",), 2, "600\n", "sh: cannot create")}))
    assert (found.saw, found.mend) == ("/dev/net/tun has mode 600", "sudo chmod 0666 /dev/net/tun")


def test_for_root_a_tun_device_must_be_open_to_all_since_the_benchs_root_is_nobody_to_it() -> None:
    found = only_gap(patient({doctor.TRY_TUN: "600\n"}, uid=0))
    assert (found.name, found.mend) == ("tun", "chmod 0666 /dev/net/tun")


@pytest.mark.parametrize(
    ("gap", "mend"),
    [
        (
            {"cpu_flag": None},
            "switch on VT-x or AMD-V in the firmware (of a virtual machine: nested virtualization)",
        ),
        ({"device": "missing"}, "sudo modprobe kvm_amd"),
        ({"device": "missing", "cpu_flag": "vmx"}, "sudo modprobe kvm_intel"),
        ({"device": "present"}, 'sudo usermod -aG kvm "$USER", then log in again'),
        ({"runs_vectors": False}, "sudo dmesg | grep -i kvm"),
    ],
)
def test_kvm_that_does_not_work_is_optional_and_has_its_line(gap: dict[str, object], mend: str) -> None:
    report = dataclasses.replace(KVM, **gap)  # type: ignore[arg-type]  # the gaps are of several types
    who = patient(kvm=report)
    found = only_gap(who)
    assert (found.name, found.severity, found.mend) == ("kvm", "optional", mend)
    assert found.saw == f"{report.reason}; guests run under TCG"
    assert gaps(diagnose(who)) == []


@pytest.mark.parametrize("need", needs.COURSE, ids=lambda need: need.name)
def test_a_missing_program_names_its_package(need: needs.Need) -> None:
    found_lines = [line for line in str(ANSWERS[FIND]).splitlines() if not line.endswith("/" + need.name)]
    there = [line for line in found_lines if line != need.name]
    found = only_gap(patient({FIND: "\n".join(there)}))
    assert found.saw == f"missing: {need.name} ({need.why})"
    assert found.mend == (
        f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {need.package}"
    )


def test_all_missing_programs_together_have_one_line_with_each_package_once() -> None:
    findings = {finding.name: finding for finding in diagnose(patient({FIND: ""}))}
    packages = findings["packages"].mend.rpartition("--no-install-recommends ")[2].split()
    assert packages == list(dict.fromkeys(need.package for need in needs.COURSE))


def test_one_processor_and_little_memory_are_told_and_do_not_stop() -> None:
    who = patient({"nproc": "1\n"}, {"/proc/meminfo": "MemAvailable:     524288 kB\n"})
    wrong = {finding.name: finding for finding in diagnose(who) if not finding.ok}
    assert wrong["processors"].saw == "1: two guests share it and start slowly"
    assert wrong["memory"].saw == "512 MiB available; two guests and JupyterLab want 2048"
    assert gaps(diagnose(who)) == []
    assert all(finding.mend for finding in wrong.values())


def test_a_full_disk() -> None:
    full = DISK.replace("21000", "  600")
    found = only_gap(patient({doctor.free_line(DATA): full}))
    assert (found.name, found.severity) == ("data directory", "needed")
    assert found.saw == f"{DATA} has 600 MiB free; a gigabyte is wanted"
    assert found.mend.startswith("export XDG_DATA_HOME=")


def test_a_directory_that_may_not_be_written() -> None:
    closed = DISK.replace("writable", "closed /home")
    found = only_gap(patient({doctor.free_line(CACHE): closed}))
    assert (found.name, found.saw) == ("cache directory", f"{CACHE} cannot be written")
    assert found.mend.startswith("export XDG_CACHE_HOME=")


def test_a_kernel_without_samepage_merging() -> None:
    found = only_gap(patient(files={"/sys/kernel/mm/ksm/run": None}))
    assert (found.name, found.severity, found.mend) == (
        "samepage merging",
        "optional",
        "sudo apt-get install -y linux-image-amd64",
    )


@pytest.mark.parametrize("bundle", [None, "// stand-in: …"])
def test_an_installation_without_npm_says_how_the_consoles_are_had(bundle: str | None) -> None:
    found = only_gap(patient(files={PROGRAMS: bundle}))
    assert (found.name, found.severity) == ("page programs", "optional")
    assert "-m pip install --no-deps --editable" in found.mend


def test_root_is_told_lines_without_sudo() -> None:
    who = patient({FIND: "", doctor.TRY_OVERLAY: failed("no")}, uid=0)
    assert all("sudo" not in finding.mend for finding in diagnose(who))


def test_a_machine_that_answers_nothing_is_one_gap_after_the_other_and_no_error() -> None:
    who = Patient(RecordedMachine(), 1000, (3, 11), lambda: KVM, (("data", DATA),))
    assert all(finding.saw and finding.mend for finding in gaps(diagnose(who)))


def test_the_lines_that_are_run_here_are_understood_by_this_machines_shell(tmp_path: Path) -> None:
    """A real look: every finding says something, and each gap has its line."""
    who = dataclasses.replace(doctor.this_machine(), directories=(("data", tmp_path / "it's" / "new"),))
    findings = {finding.name: finding for finding in diagnose(who)}
    assert all(finding.saw and (finding.ok or finding.mend) for finding in findings.values())
    assert findings["python"].ok
    assert findings["unshare"].saw.endswith("/unshare")
    assert findings["data directory"].saw.startswith(f"{tmp_path}/it's/new has ")
