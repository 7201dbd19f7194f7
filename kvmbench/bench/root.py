"""A bench's root directory: the system's directories, with a layer over those that the tutorial writes to."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from kvmbench.bench import linux

OVERLAYS = ("/etc", "/usr/bin", "/usr/sbin", "/usr/libexec", "/usr/local/bin", "/usr/local/sbin")
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "net/tun", "kvm")
OWN_DEVICES = ("net/tun", "kvm")
"""a bench that real root starts gets these as device nodes of its own: the machine's may be root's alone"""
HIDDEN = ("/etc/qemu-ifup", "/etc/qemu-ifdown")
"""the distribution brings these; on a bench the student writes them"""
DIRECTORIES = (
    *("dev", "proc", "sys", "tmp", "root", "home", "mnt", "media", "srv", "vms"),
    *("run", "run/kvmbench", "run/lock", "run/netns"),
    *("var", "var/lib", "var/lib/misc", "var/log", "var/tmp", "var/cache", "var/spool"),
)

HOSTS = """127.0.0.1 localhost
172.16.0.67 {name} bench
172.16.0.1 outside
"""
SSH = """# A guest gets a new host key with each new disk, and nobody can listen in on a bench.
Host 10.1.1.* 172.16.0.*
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
"""


@dataclass(frozen=True)
class Owner:
    """Who the bench's root is to the machine; `mapping` is a user namespace for real root's bind mounts."""

    uid: int
    gid: int
    mapping: int | None = None

    @property
    def foreign(self) -> bool:
        """Files have to be given to the bench's root, as real root made them."""
        return self.mapping is not None


@dataclass(frozen=True)
class Layout:
    """What goes into a bench's root directory, beside the system."""

    name: str
    home: Path
    """the bench's data directory on the machine"""
    meeting: Path
    read_only: tuple[Path, ...]
    writable: tuple[Path, ...]
    files: tuple[tuple[str, str], ...]
    """file on the machine → path on the bench: copied, executable bits and all"""
    shown: tuple[tuple[str, str], ...]
    """file on the machine → path on the bench: seen read-only, not copied"""
    engine: str
    """JSON for /run/kvmbench/engine.json"""
    disk_mib: int | None = None
    """all that the bench can write, in memory and no more than this; None: on the disk"""
    templates: Path | None = None
    """directory on the machine: seen read-only as /run/kvmbench/templates"""
    journal: Path | None = None
    """directory on the machine: the bench's own, writable, as /run/kvmbench/journal"""


def build(layout: Layout, owner: Owner) -> Path:
    """Put the tree together on `home/root`; it becomes the root directory by pivot_root.

    Raises:
        OSError: a mount was refused; its text names it.
    """
    linux.mount("", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    root = layout.home / "root"
    linux.mount("tmpfs", root, "tmpfs", linux.MS_NOSUID, f"mode=755,size={_share(layout, 4, '2g')}")
    make = _Maker(root, owner)
    make.own(root)
    for name in DIRECTORIES:
        make.directory(name)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    make.link("var/run", "/run")
    make.link("var/lock", "/run/lock")
    _system(make)
    _devices(make, _share(layout, 16, "1g"))
    store = layout.home if layout.disk_mib is None else _in_memory(make, layout)
    _overlays(make, layout, store)
    linux.bind(store / "vms", root / "vms")
    linux.bind(store / "home", root / "root")
    _bench_files(make, layout)
    _shown(make, layout)
    linux.bind(layout.meeting, make.directory(layout.meeting))
    return root


def _share(layout: Layout, part: int, otherwise: str) -> str:
    """The size of one of the file systems in memory, for mount's options: a part of what there is."""
    return otherwise if layout.disk_mib is None else f"{layout.disk_mib // part}m"


def _in_memory(make: _Maker, layout: Layout) -> Path:
    """A disk of a fixed size, with copies of what the bench's directory holds."""
    store = layout.home / "store"
    store.mkdir(exist_ok=True)
    linux.mount("tmpfs", store, "tmpfs", linux.MS_NOSUID, f"mode=755,size={_share(layout, 1, '')}")
    for name in ("vms", "home"):
        shutil.copytree(layout.home / name, store / name, symlinks=True)
        for path in (store / name, *(store / name).rglob("*")):
            make.own(path)
    return store


def _shown(make: _Maker, layout: Layout) -> None:
    """The machine's directories, the deeper ones on top of those that hold them."""
    for directory in sorted({*layout.read_only, *layout.writable}, key=lambda path: len(path.parts)):
        if directory not in layout.read_only:
            make.shown_writable(directory)
            continue
        for above in reversed(directory.parents):
            if any(top in above.parents for top in layout.writable):
                # A mount cannot be moved away; a directory that holds it could be, and made anew.
                place = make.directory(above)
                linux.bind(place, place)
        linux.bind(directory, make.directory(directory), read_only=True)


class _Maker:
    """Makes directories, files and links below the new root that belong to the bench's root."""

    def __init__(self, root: Path, owner: Owner) -> None:
        self.root, self.owner = root, owner

    def own(self, path: Path) -> None:
        if self.owner.foreign:
            os.chown(path, self.owner.uid, self.owner.gid, follow_symlinks=False)

    def directory(self, path: Path | str) -> Path:
        place = self.root
        for part in Path(path).parts:
            if part == "/":
                continue
            place /= part
            if not place.exists():
                place.mkdir()
                self.own(place)
        return place

    def file(self, path: str, text: str = "", mode: int = 0o644) -> Path:
        place = self.directory(Path(path).parent) / Path(path).name
        place.write_text(text)
        place.chmod(mode)
        self.own(place)
        return place

    def link(self, path: str, target: str) -> None:
        (self.root / path).symlink_to(target)
        self.own(self.root / path)

    def shown_writable(self, directory: Path) -> None:
        """A directory of the machine, writable for the bench's root as for the one who made the bench."""
        target = self.directory(directory)
        if self.owner.mapping is None:
            linux.bind(directory, target)
        else:
            linux.bind_mapped(directory, target, self.owner.mapping)


def _system(make: _Maker) -> None:
    """/usr and what else the system has at the top, read-only; on a merged-/usr system most are links."""
    for name in ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt"):
        source = Path("/", name)
        if source.is_symlink():
            make.link(name, os.readlink(source))
        elif source.is_dir():
            linux.bind(source, make.directory(name), read_only=True)


def _devices(make: _Maker, shared_memory: str) -> None:
    for name in DEVICES:
        source = Path("/dev", name)
        if not source.exists():
            continue
        target = make.directory(Path("dev", name).parent) / source.name
        if make.owner.foreign and name in OWN_DEVICES:
            os.mknod(target, source.stat().st_mode & ~0o7777 | 0o600, source.stat().st_rdev)
            make.own(target)
        else:
            target.touch()
            linux.bind(source, target)
    linux.mount("devpts", make.directory("dev/pts"), "devpts", data="newinstance,ptmxmode=0666,mode=620")
    linux.mount(
        "tmpfs", make.directory("dev/shm"), "tmpfs", linux.MS_NOSUID, f"mode=1777,size={shared_memory}"
    )
    make.link("dev/ptmx", "pts/ptmx")
    make.link("dev/fd", "/proc/self/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        make.link(f"dev/{name}", f"/proc/self/fd/{number}")


def _overlay(layers: Path, lower: str, upper: Path, work: Path, target: Path) -> None:
    os.chdir(layers)  # in the options colons and commas mean something, and they end at 4095 bytes
    options = f"lowerdir={lower},upperdir={upper},workdir={work},userxattr"
    try:
        linux.mount("overlay", target, "overlay", data=options)
    finally:
        os.chdir("/")


def _layers(make: _Maker, layout: Layout, store: Path) -> Path:
    """Where what the bench changes is kept: on its disk, or in memory where no overlay can lie on that.

    A container's root is often an overlay itself, and an overlay's upper layer cannot be one.
    """
    if store != layout.home:
        return store
    trial = layout.home / "trial"
    for part in ("lower", "upper", "work"):
        (trial / part).mkdir(parents=True, exist_ok=True)
        make.own(trial / part)
    try:
        _overlay(trial, "lower", Path("upper"), Path("work"), make.root / "mnt")
        linux.umount(make.root / "mnt")
        return layout.home
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    linux.mount("tmpfs", trial, "tmpfs", linux.MS_NOSUID, "mode=755,size=1g")
    return trial


def _overlays(make: _Maker, layout: Layout, store: Path) -> None:
    layers = _layers(make, layout, store)
    for place in OVERLAYS:
        if not Path(place).is_dir() or Path(place).is_symlink():
            continue
        upper, work = (layers / kind / place.strip("/").replace("/", "-") for kind in ("upper", "work"))
        fresh = not upper.exists()
        for directory in (upper, work):
            directory.mkdir(parents=True, exist_ok=True)
            make.own(directory)
        if place == "/etc" and fresh:
            _etc(_Maker(upper, make.owner), layout)
        if place == "/usr/local/bin":
            _Maker(upper, make.owner).file("kvmbench", _kvmbench_script(), 0o755)
        for source, target in layout.files:
            if os.path.dirname(target) == place and fresh:
                shutil.copy(source, upper / os.path.basename(target))
                (upper / os.path.basename(target)).chmod(0o755)
                make.own(upper / os.path.basename(target))
        target_directory = make.directory(place)
        _overlay(layers, place, upper.relative_to(layers), work.relative_to(layers), target_directory)
        for path in HIDDEN:
            if fresh and os.path.dirname(path) == place:
                (make.root / path.strip("/")).unlink(missing_ok=True)


def _kvmbench_script() -> str:
    """`kvmbench` on the bench is the very program that made the bench."""
    package = Path(__file__).resolve().parents[2]
    return f'#!/bin/sh\nPYTHONPATH={package} exec {sys.executable} -m kvmbench.cli "$@"\n'


def _etc(make: _Maker, layout: Layout) -> None:
    """The bench's own /etc: nobody's account but the system's, one user id, names for the hosts."""
    make.file("hostname", f"{layout.name}\n")
    make.file("hosts", HOSTS.format(name=layout.name))
    make.file("resolv.conf", "# A bench has no name server until you start one.\n")
    make.file("ssh/ssh_config.d/kvmbench.conf", SSH)
    for name in ("passwd", "group"):
        lines = Path("/etc", name).read_text().splitlines()
        make.file(name, "".join(f"{line}\n" for line in lines if 0 <= int(line.split(":")[2]) < 1000))
    for name in ("netns", "iproute2"):
        make.directory(name)
    for name in ("sysctl.conf",):
        make.file(name, "# Read by `sysctl -p`.\n")


def _bench_files(make: _Maker, layout: Layout) -> None:
    make.file("run/kvmbench/engine.json", layout.engine)
    make.file("run/kvmbench/bench.json", f'{{"name": "{layout.name}"}}\n')
    make.directory("run/kvmbench/guests")
    linux.bind(layout.home / "service", make.directory("run/kvmbench/service"), read_only=True)
    if layout.templates is not None:
        linux.bind(layout.templates, make.directory("run/kvmbench/templates"), read_only=True)
    if layout.journal is not None:
        linux.bind(layout.journal, make.directory("run/kvmbench/journal"))
    for source, target in layout.shown:
        linux.bind(source, make.file(target), read_only=True)
