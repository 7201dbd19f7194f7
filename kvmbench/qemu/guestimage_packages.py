"""The Debian or Ubuntu packages that the course's guest is made of: fetched and unpacked without root."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmbench.errors import ImageBuildFailed
from kvmbench.system.run import PATH, Completed, run

Report = Callable[[str], None]

# Packages whose only content is a dependency on the newest kernel with every driver. Not the cloud
# kernels: they drive virtio cards alone, and the course compares virtio with e1000, rtl8139, ne2k and pcnet.
_NEWEST_KERNEL = ("linux-image-amd64", "linux-image-generic")
_PROGRAMS = ("busybox-static", "dropbear-bin")
# The programs that put the image together, by the package that brings them where they are not installed.
_TOOLS = {"syslinux": "syslinux", "mformat": "mtools", "mcopy": "mtools", "lz4": "lz4", "zstd": "zstd"}
_BOOT_CODE = Path("usr/lib/syslinux/mbr/mbr.bin")
# A kernel package is 400 MB of drivers; these directories have none that the guest uses.
_NOT_UNPACKED = (
    "*/kernel/sound", "*/kernel/drivers/gpu", "*/kernel/drivers/media", "*/kernel/drivers/net/wireless",
    "*/kernel/drivers/infiniband", "*/kernel/drivers/staging", "*/kernel/drivers/usb", "*/kernel/drivers/iio",
    "*/kernel/drivers/hwmon", "*/kernel/drivers/platform", "*/usr/share", "*/boot/System.map-*",
)  # fmt: skip
_ROOM = "Make room for 500 MB where the image is kept ('df -h ~/.cache'), then try again."
_OFFLINE = "Connect this machine to its package archive, try 'apt-get update', then build the image again."


@dataclass(frozen=True)
class Packages:
    """What was fetched: the kernel's release, each package's name and version, the tree they unpacked to."""

    kernel_release: str
    versions: tuple[str, ...]
    tree: Path

    def find(self, pattern: str) -> Path | None:
        """The first file of the tree that matches, symbolic links followed."""
        return next((path for path in sorted(self.tree.rglob(pattern)) if path.is_file()), None)

    def file(self, pattern: str) -> Path:
        """Like `find`, of a file that must be there.

        Raises:
            ImageBuildFailed: the packages have no such file.
        """
        found = self.find(pattern)
        if found is None:
            raise ImageBuildFailed(
                f"none of the packages has a file {pattern}: {' '.join(self.versions)}",
                "The image is known to build on Debian 12 and 13 and on Ubuntu 22.04 and 24.04.",
            )
        return found

    def tool(self, name: str) -> str:
        """A program that puts the image together: the installed one, else the fetched one."""
        return shutil.which(name, path=PATH) or str(self.file(f"bin/{name}"))

    def boot_code(self) -> bytes:
        """The master boot record's program."""
        installed = "/" / _BOOT_CODE
        return (installed if installed.exists() else self.file(str(_BOOT_CODE))).read_bytes()

    def environment(self) -> dict[str, str]:
        """An environment in which the fetched tools find each other."""
        own = sorted({str(path.parent) for path in self.tree.rglob("bin/*")})
        return {**os.environ, "PATH": ":".join([PATH, *own]), "LC_ALL": "C"}


def fetch(scratch: Path, report: Report) -> Packages:
    """Download the newest packages into a directory and unpack them there.

    The machine's own package lists are asked first; where they are missing or too old, lists of our own are
    fetched, which needs no root.

    Raises:
        ImageBuildFailed: apt is missing, or has no such packages, or cannot reach its archive.
    """
    if shutil.which("apt-get", path=PATH) is None or shutil.which("dpkg-deb", path=PATH) is None:
        raise ImageBuildFailed(
            "the course image is built from Debian packages, and this machine has no apt-get or no dpkg-deb",
            "Build it on Debian or Ubuntu, or give an image of your own to 'kvmbench image import FILE'.",
        )
    try:
        return _fetch(scratch / "packages", dict(os.environ), report)
    except ImageBuildFailed:
        report("the package lists of this machine do not serve: fetching lists of our own")
        return _fetch(scratch / "packages-again", _own_lists(scratch / "apt"), report)


def newest_kernel(depends: str) -> str | None:
    """The release that a metapackage's dependencies name.

    >>> newest_kernel("linux-image-6.1.0-56-amd64 (= 6.1.192-2)")
    '6.1.0-56-amd64'
    """
    found = re.search(r"linux-image-(?:unsigned-)?(\d[^\s,(|]*)", depends)
    return found[1] if found else None


def _fetch(into: Path, environment: Mapping[str, str], report: Report) -> Packages:
    into.mkdir()
    release, kernel = _kernel_packages(environment)
    names = [*kernel, *_with_dependencies(_PROGRAMS, environment), *_missing_tools()]
    report(f"fetching {len(names)} packages (Linux {release}, about 80 MB)")
    _checked(
        run(
            ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *names],
            cwd=into, env=environment, timeout_s=1800,
        )
    )  # fmt: skip
    archives = sorted(into.glob("*.deb"))
    tree = into / "tree"
    tree.mkdir()
    for archive in archives:
        report(f"unpacking {archive.name.split('_')[0]}")
        _unpack(archive, tree)
        archive.unlink()
    return Packages(release, tuple(archive.stem.replace("_", " ") for archive in archives), tree)


def _kernel_packages(environment: Mapping[str, str]) -> tuple[str, list[str]]:
    """The newest generic kernel's release and its packages; Ubuntu keeps the drivers in some of their own."""
    offered = _shown(_NEWEST_KERNEL, environment)
    for metapackage in _NEWEST_KERNEL:
        release = newest_kernel(offered.get(metapackage, ""))
        if release is not None:
            parts = [f"linux-{part}-{release}" for part in ("image", "modules", "modules-extra")]
            return release, list(_shown(parts, environment))
    raise ImageBuildFailed(f"apt knows none of {', '.join(_NEWEST_KERNEL)}", _OFFLINE)


def _shown(packages: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Those of the packages that apt has, with what they depend on; one call, as it takes a second."""
    shown = run(["apt-cache", "show", "--no-all-versions", *packages], env=environment)
    found: dict[str, str] = {}
    for record in shown.out.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in record.splitlines() if re.match(r"[A-Z][\w-]*: ", line))
        if "Package" in fields:
            found[fields["Package"]] = fields.get("Depends", "")
    return found


def _with_dependencies(packages: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The packages and all that they need to run."""
    kinds = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    options = [f"--no-{kind}" for kind in kinds]
    listed = _checked(run(["apt-cache", "depends", "--recurse", *options, *packages], env=environment))
    # Indented lines are relations, <angle brackets> virtual packages, a colon names a foreign architecture.
    return [line for line in listed.out.splitlines() if re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", line)]


def _missing_tools() -> list[str]:
    missing = {package for tool, package in _TOOLS.items() if shutil.which(tool, path=PATH) is None}
    if not ("/" / _BOOT_CODE).exists():
        missing.add("syslinux-common")
    return sorted(missing)


def _unpack(archive: Path, tree: Path) -> None:
    excluded = " ".join(f"--exclude={shlex.quote(pattern)}" for pattern in _NOT_UNPACKED)
    files = f"dpkg-deb --fsys-tarfile {shlex.quote(str(archive))}"
    _checked(run(f"{files} | tar -x --no-same-owner -C {shlex.quote(str(tree))} {excluded}", timeout_s=600))


def _own_lists(directory: Path) -> dict[str, str]:
    """The environment of an apt with package lists of its own, from the machine's own sources."""
    (directory / "lists" / "partial").mkdir(parents=True)
    (directory / "archives" / "partial").mkdir(parents=True)
    settings = directory / "apt.conf"
    given = os.environ.get("APT_CONFIG")
    settings.write_text(
        (Path(given).read_text() if given else "")
        + f'Dir::State::lists "{directory}/lists";\nDir::Cache "{directory}";\nAPT::Sandbox::User "root";\n'
    )
    environment = {**os.environ, "APT_CONFIG": str(settings)}
    _checked(run(["apt-get", "-q", "update"], env=environment, timeout_s=600))
    return environment


def _checked(done: Completed) -> Completed:
    if not done.ok:
        said = [line for line in (done.err or done.out).splitlines() if line.startswith("E:")]
        said = said or (done.err or done.out).strip().splitlines()[-1:] or ["it said nothing"]
        full = "space" in said[0]  # what apt, dpkg-deb and tar say of a full disk
        raise ImageBuildFailed(f"{' '.join(done.argv)[:60]} … failed: {said[0]}", _ROOM if full else _OFFLINE)
    return done
