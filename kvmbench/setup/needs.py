"""Which programs and files the course needs, and the Debian package that brings each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

# An ordinary user's PATH lacks the sbin directories, where half of the programs live.
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")


@dataclass(frozen=True)
class Need:
    """One thing that must be there: any of some programs (or files, by full path), and who brings it."""

    names: tuple[str, ...]
    package: str
    why: str

    @property
    def name(self) -> str:
        return self.names[0]


COURSE: tuple[Need, ...] = (
    Need(("qemu-system-x86_64",), "qemu-system-x86", "runs the guests"),
    Need(("qemu-img",), "qemu-utils", "makes and reads disk images"),
    Need(("dnsmasq",), "dnsmasq-base", "hands out addresses"),
    Need(("iptables",), "iptables", "the tutorial's way to write netfilter rules"),
    Need(("nft",), "nftables", "netfilter rules as the kernel has them"),
    Need(("brctl",), "bridge-utils", "the tutorial's way to make a bridge"),
    Need(("ifconfig",), "net-tools", "the tutorial's way to set an address"),
    Need(("tcpdump",), "tcpdump", "shows packets"),
    Need(("ip",), "iproute2", "links, addresses, routes, namespaces"),
    Need(("ping",), "iputils-ping", "asks whether a host answers"),
    Need(("sysctl",), "procps", "switches forwarding on"),
    Need(("ssh",), "openssh-client", "logs in to a guest from outside"),
    Need(("ssh-keygen",), "openssh-client", "makes the bench's key"),
    Need(("curl",), "curl", "asks a web server from the shell"),
    Need(("conntrack",), "conntrack", "shows the connections that NAT keeps"),
    Need(("busybox",), "busybox-static", "small tools, also in the guest image"),
    Need(("sfdisk",), "fdisk", "partitions the guest image"),
    Need(("syslinux",), "syslinux", "boots the guest image"),
    Need(("/usr/lib/syslinux/mbr/mbr.bin",), "syslinux-common", "boots the guest image"),
    Need(("mcopy",), "mtools", "writes files into the guest image"),
    Need(("depmod",), "kmod", "puts the guest's kernel modules in order"),
    Need(("cpio",), "cpio", "packs the guest's initramfs"),
    Need(("zstd",), "zstd", "unpacks kernel modules"),
    Need(("xz",), "xz-utils", "unpacks kernel modules"),
    Need(("unshare",), "util-linux", "enters new namespaces"),
    Need(("fincore",), "util-linux-extra", "counts what the host's memory keeps of a disk image"),
    Need(("mount",), "mount", "lays out the bench's root directory"),
)

TESTS: tuple[Need, ...] = (
    Need(
        ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
        "chromium",
        "drives the notebooks in a real browser",
    ),
    Need(
        ("/usr/lib/x86_64-linux-gnu/libatomic.so.1", "/usr/lib/aarch64-linux-gnu/libatomic.so.1"),
        "libatomic1",
        "what Playwright's Node.js is linked with",
    ),
)


def find(name: str) -> str | None:
    """Where a program (or a file, by its full path) is, with the sbin directories looked at too."""
    if name.startswith("/"):
        return name if os.access(name, os.R_OK) else None
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SBIN))
    return shutil.which(name, path=path)


def missing(needs: Iterable[Need], finder: Callable[[str], str | None] = find) -> tuple[Need, ...]:
    """Those of the needs that this machine does not have."""
    return tuple(need for need in needs if not any(finder(name) for name in need.names))


def packages_for(needs: Iterable[Need]) -> tuple[str, ...]:
    """The packages that bring them, each once, in order.

    >>> packages_for([Need(("ssh",), "openssh-client", ""), Need(("ssh-keygen",), "openssh-client", "")])
    ('openssh-client',)
    """
    return tuple(dict.fromkeys(need.package for need in needs))


def distribution(os_release: Path = Path("/etc/os-release")) -> str:
    """The machine's distribution as os-release(5) names it; empty where that file is missing."""
    try:
        lines = os_release.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line[3:].strip("\"'") for line in lines if line.startswith("ID=")), "")
