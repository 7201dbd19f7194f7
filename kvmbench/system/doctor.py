"""What this machine can do for a bench, and the one line that mends each gap."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from kvmbench.setup import apt, needs
from kvmbench.system.kvm import KvmReport, probe_kvm
from kvmbench.system.run import Completed, Machine, RealMachine

Severity = Literal["needed", "optional"]

OLDEST_PYTHON = (3, 10)
# Overlay mounts in a user namespace, and their option userxattr, came with Linux 5.11 (overlayfs.rst).
OLDEST_KERNEL = (5, 11)
LEAST_MEMORY_MIB = 2048
LEAST_FREE_MIB = 1024
TUN = "/dev/net/tun"


@dataclass(frozen=True)
class Finding:
    """One thing about the machine: whether it is as it must be, what was seen, and the line that mends it."""

    name: str
    ok: bool
    severity: Severity
    saw: str
    mend: str = ""
    """Empty where there is nothing to mend."""


@dataclass(frozen=True)
class Patient:
    """The machine with what else the looks depend on; all of it can be made up in a test."""

    machine: Machine
    uid: int
    python: tuple[int, int]
    kvm: Callable[[], KvmReport]
    directories: tuple[tuple[str, Path], ...]

    @property
    def sudo(self) -> str:
        return "" if self.uid == 0 else "sudo "

    @property
    def is_ubuntu(self) -> bool:
        return "ID=ubuntu" in (self.machine.read("/etc/os-release") or "").splitlines()

    def number(self, path: str) -> int | None:
        """The number in a file of /proc; None where it is missing."""
        text = (self.machine.read(path) or "").strip()
        return int(text) if text.isascii() and text.isdigit() else None

    def setting(self, name: str, value: int) -> str:
        """The line that sets a sysctl now and for each start of the machine."""
        return (
            f"echo {name}={value} | {self.sudo}tee -a /etc/sysctl.d/90-kvmbench.conf"
            f" && {self.sudo}sysctl -p /etc/sysctl.d/90-kvmbench.conf"
        )


def this_machine() -> Patient:
    """The machine that this runs on, with the directories that kvmbench writes in."""
    data = os.environ.get("KVMBENCH_HOME")
    return Patient(
        machine=RealMachine(),
        uid=os.geteuid(),
        python=(sys.version_info[0], sys.version_info[1]),
        kvm=probe_kvm,
        directories=(
            ("data", Path(data) if data else platformdirs.user_data_path("kvmbench")),
            ("cache", platformdirs.user_cache_path("kvmbench")),
        ),
    )


def diagnose(patient: Patient | None = None) -> list[Finding]:
    """Look at everything; it takes a second or less and changes nothing."""
    who = patient or this_machine()
    findings = [look(who) for look in (_python, _kernel, _namespaces, _overlay, _network, _tun, _kvm)]
    programs = list(_programs(who))
    findings += [*programs, _packages(who, programs), _processors(who), _memory(who)]
    findings += [_disk(who, name, directory) for name, directory in who.directories]
    return [*findings, _page_programs(who), _page_merging(who)]


def gaps(findings: Iterable[Finding]) -> list[Finding]:
    """The needed things that are not as they must be."""
    return [finding for finding in findings if not finding.ok and finding.severity == "needed"]


def _python(who: Patient) -> Finding:
    spoken = f"Python {who.python[0]}.{who.python[1]}"
    if who.python >= OLDEST_PYTHON:
        return Finding("python", True, "needed", spoken)
    return Finding("python", False, "needed", f"{spoken}, older than 3.10", "/usr/bin/python3 -m kvmbench up")


def _kernel(who: Patient) -> Finding:
    release = (who.machine.read("/proc/sys/kernel/osrelease") or "").strip()
    numbers = re.match(r"(\d+)\.(\d+)", release)
    if numbers and (int(numbers[1]), int(numbers[2])) >= OLDEST_KERNEL:
        return Finding("kernel", True, "needed", f"Linux {release}")
    package = "linux-generic" if who.is_ubuntu else "linux-image-amd64"
    return Finding(
        "kernel",
        False,
        "needed",
        f"Linux {release or 'of unknown version'}, older than 5.11",
        f"{who.sudo}apt-get install -y {package} && {who.sudo}reboot",
    )


# Each is tried for good, in namespaces of its own that are gone when the command ends.
TRY_NAMESPACES = (
    "unshare --user --map-root-user --mount --net --pid --uts --ipc --fork mount -t proc proc /proc"
)
TRY_OVERLAY = (
    "unshare --user --map-root-user --mount sh -c 'mount -t tmpfs tmpfs /mnt && cd /mnt && mkdir u w m"
    " && mount -t overlay -o userxattr,lowerdir=/etc,upperdir=u,workdir=w overlay m && touch m/kvmbench'"
)
TRY_NETWORK = (
    "unshare --user --map-root-user --net sh -c 'ip link add kb0 type bridge && ip link add kb1 type veth"
    " peer name kb2 && ip link set kb1 master kb0 && nft add table ip kb'"
)


def _namespaces(who: Patient) -> Finding:
    tried = who.machine.run(TRY_NAMESPACES, timeout_s=10.0)
    if tried.ok:
        return Finding("user namespaces", True, "needed", "a user may make namespaces and be root in them")
    said = _last_line(tried.err) or f"exit code {tried.code}"
    return Finding("user namespaces", False, "needed", said, _mend_namespaces(who, said))


def _mend_namespaces(who: Patient, said: str) -> str:
    """By what forbids them; the first that applies.

    Sources: user_namespaces(7); Debian's own sysctl; Ubuntu 24.04's restriction by AppArmor.
    """
    if who.number("/proc/sys/user/max_user_namespaces") == 0:
        return who.setting("user.max_user_namespaces", 15000)
    if who.number("/proc/sys/kernel/unprivileged_userns_clone") == 0:
        return who.setting("kernel.unprivileged_userns_clone", 1)
    if who.number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1:
        return who.setting("kernel.apparmor_restrict_unprivileged_userns", 0)
    # What is left is a container: its seccomp filter, or its masked /proc, which forbids a second one.
    masked = " --security-opt systempaths=unconfined" if "/proc" in said else ""
    return f"docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined{masked} IMAGE"


def _overlay(who: Patient) -> Finding:
    tried = who.machine.run(TRY_OVERLAY, timeout_s=10.0)
    if tried.ok:
        return Finding("overlay", True, "needed", "a user may mount overlays with userxattr")
    return _cannot(
        who,
        "overlay",
        tried,
        f"{who.sudo}modprobe overlay && echo overlay | {who.sudo}tee /etc/modules-load.d/kvmbench.conf",
    )


def _network(who: Patient) -> Finding:
    tried = who.machine.run(TRY_NETWORK, timeout_s=10.0)
    if tried.ok:
        return Finding("network", True, "needed", "a user may make bridges, veth pairs and netfilter tables")
    return _cannot(
        who,
        "network",
        tried,
        f"{who.sudo}modprobe -a bridge veth nf_tables nft_nat nft_masq nft_ct nft_compat",
    )


def _cannot(who: Patient, name: str, tried: Completed, mend: str) -> Finding:
    """A try that failed; where not even its user namespace could be made, that comes first."""
    said = _last_line(tried.err) or f"exit code {tried.code}"
    if said.startswith("unshare:"):
        return Finding(name, False, "needed", "no user namespace to try it in", _mend_namespaces(who, said))
    return Finding(name, False, "needed", said, mend)


TRY_TUN = f"stat -c %a {TUN} && exec 3<>{TUN}"


def _tun(who: Patient) -> Finding:
    """It must be open to all for a bench that root made: that bench's root is an ordinary user to it."""
    tried = who.machine.run(TRY_TUN)
    mode = tried.out.strip()
    if not mode:
        mend = f"{who.sudo}modprobe tun && ls -l {TUN}"
        return Finding("tun", False, "needed", f"there is no {TUN}", mend)
    if tried.ok and (who.uid != 0 or int(mode[-1], 8) & 6 == 6):
        return Finding("tun", True, "needed", f"{TUN} can be opened (mode {mode})")
    return Finding("tun", False, "needed", f"{TUN} has mode {mode}", f"{who.sudo}chmod 0666 {TUN}")


def _kvm(who: Patient) -> Finding:
    report = who.kvm()
    if report.works:
        return Finding("kvm", True, "optional", f"works ({report.cpu_flag})")
    return Finding("kvm", False, "optional", f"{report.reason}; guests run under TCG", _mend_kvm(who, report))


def _mend_kvm(who: Patient, report: KvmReport) -> str:
    if report.cpu_flag is None:
        return "switch on VT-x or AMD-V in the firmware (of a virtual machine: nested virtualization)"
    if report.device == "missing":
        return f"{who.sudo}modprobe {'kvm_intel' if report.cpu_flag == 'vmx' else 'kvm_amd'}"
    if report.device == "present":
        return f'{who.sudo}usermod -aG kvm "$USER", then log in again'
    return f"{who.sudo}dmesg | grep -i kvm"


def find_line(names: Sequence[str]) -> str:
    """One shell line that prints where each program or file is, or nothing for it."""
    return "for name in " + " ".join(names) + '; do command -v "$name" || ls "$name" 2>/dev/null; done; true'


def _programs(who: Patient) -> Iterator[Finding]:
    """Each program of the course. All are looked for at once: a process for each would take longer."""
    wanted = [name for need in needs.COURSE for name in need.names]
    found = {line.rpartition("/")[2]: line for line in who.machine.run(find_line(wanted)).out.split()}
    for need in needs.COURSE:
        name = need.name.rpartition("/")[2]
        if name in found:
            yield Finding(name, True, "needed", found[name])
        else:
            saw = f"missing: {need.name} ({need.why})"
            yield Finding(name, False, "needed", saw, apt.line_for([need.package], uid=who.uid))


def _packages(who: Patient, programs: Iterable[Finding]) -> Finding:
    """All that is missing in one line, for who does not want to type twenty."""
    missing = [finding.name for finding in programs if not finding.ok]
    if not missing:
        return Finding("packages", True, "needed", f"{len(needs.COURSE)} programs are there")
    wanted = [need for need in needs.COURSE if need.name.rpartition("/")[2] in missing]
    mend = apt.line_for(needs.packages_for(wanted), uid=who.uid)
    return Finding("packages", False, "needed", f"missing: {', '.join(missing)}", mend)


def _processors(who: Patient) -> Finding:
    said = who.machine.run(["nproc"]).out.strip()
    count = int(said) if said.isdigit() else 0
    if count >= 2:
        return Finding("processors", True, "optional", f"{count}")
    saw = f"{count or 'unknown'}: two guests share it and start slowly"
    return Finding("processors", False, "optional", saw, "give this machine two processors or more")


def _memory(who: Patient) -> Finding:
    said = re.search(r"^MemAvailable:\s+(\d+) kB", who.machine.read("/proc/meminfo") or "", re.MULTILINE)
    available_mib = int(said[1]) // 1024 if said else 0
    if available_mib >= LEAST_MEMORY_MIB:
        return Finding("memory", True, "optional", f"{available_mib} MiB available")
    saw = f"{available_mib} MiB available; two guests and JupyterLab want {LEAST_MEMORY_MIB}"
    return Finding(
        "memory", False, "optional", saw, "end other programs, or give this machine 4 GiB of memory"
    )


def free_line(directory: Path) -> str:
    """One shell line that prints the room and the writability of a directory, or of what is above it."""
    return (
        f'd={shlex.quote(str(directory))}; while [ ! -e "$d" ]; do d=$(dirname "$d"); done;'
        ' df -Pm "$d" | tail -n 1; [ -d "$d" ] && [ -w "$d" ] && echo writable || echo closed "$d"'
    )


def _disk(who: Patient, name: str, directory: Path) -> Finding:
    title = f"{name} directory"
    variable = f"XDG_{name.upper()}_HOME"
    lines = who.machine.run(free_line(directory)).out.splitlines()
    columns = lines[0].split() if lines else []
    free_mib = int(columns[3]) if len(columns) >= 6 and columns[3].isdigit() else 0
    if "writable" not in lines:
        mend = f"export {variable}=/a/directory/that/you/may/write"
        return Finding(title, False, "needed", f"{directory} cannot be written", mend)
    if free_mib < LEAST_FREE_MIB:
        saw = f"{directory} has {free_mib} MiB free; a gigabyte is wanted"
        mend = f"export {variable}=/a/directory/with/more/room (df -h shows the disks)"
        return Finding(title, False, "needed", saw, mend)
    return Finding(title, True, "needed", f"{directory} has {free_mib} MiB free")


def _page_programs(who: Patient) -> Finding:
    """Screens, consoles and the live picture: bundled at the installation, if npm was to be had."""
    bundle = who.machine.read(str(Path(sys.prefix) / "share/jupyter/kernels/kvmbench/frontend/kvmbench.js"))
    if bundle is not None and not bundle.startswith("// stand-in"):
        return Finding("page programs", True, "optional", "screens, consoles and the live picture are there")
    clone = Path(__file__).resolve().parents[2]
    return Finding(
        "page programs",
        False,
        "optional",
        "screens, consoles and the live picture are text only: npm's registry was out of reach",
        f"{shlex.quote(sys.executable)} -m pip install --no-deps --editable {shlex.quote(str(clone))}",
    )


def _page_merging(who: Patient) -> Finding:
    run = who.number("/sys/kernel/mm/ksm/run")
    if run is None:
        saw = "this kernel has no samepage merging; that step of the course is skipped"
        mend = f"{who.sudo}apt-get install -y {'linux-generic' if who.is_ubuntu else 'linux-image-amd64'}"
        return Finding("samepage merging", False, "optional", saw, mend)
    return Finding("samepage merging", True, "optional", "available, " + ("on" if run == 1 else "off"))


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
