"""The course's guest image: built once for each user and kept, or replaced by one of the user's own."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kvmbench.errors import ImageBuildFailed, ImageError
from kvmbench.qemu.guestimage_build import GUEST_FILES, build
from kvmbench.system.one_maker import SCRATCH, one_maker
from kvmbench.system.run import run

# The modules that decide what is in an image.
_BUILDER = tuple(f"guestimage_{part}.py" for part in ("build", "disk", "elf", "kernel", "modules"))
_IMPORTED = "imported.qcow2"
_KEY = "guest_ed25519"


def cache_directory() -> Path:
    """Where this user's images are kept: $XDG_CACHE_HOME/kvmbench or ~/.cache/kvmbench."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "kvmbench"


def ensure_guest_image(
    cache: Path | None = None, report: Callable[[str], None] = print, *, force: bool = False
) -> Path:
    """The qcow2 image that benches use: the imported one, else the course's, built where it is missing.

    An image once built serves until kvmbench itself changes: apt is not asked again, so this is instant and
    works offline. `force` builds from today's packages. Older images stay: disks of benches may lean on them.

    Raises:
        ImageBuildFailed: it could not be built; the cache is as it was.
    """
    cache = cache or cache_directory()
    imported = cache / _IMPORTED
    if imported.exists() and not force:
        return imported.resolve()
    wanted = source_hash(cache)
    if not force and (found := _built(cache, wanted)):
        return found
    with one_maker(cache, "guests' image", ImageBuildFailed, report):
        if not force and (found := _built(cache, wanted)):  # by another, while this one waited
            return found
        return _build_into(cache, wanted, report)


def guest_key(cache: Path | None = None) -> Path:
    """The private key (ed25519, mode 0600) that root of every built guest accepts; made at first use.

    Raises:
        ImageBuildFailed: ssh-keygen is missing or failed.
    """
    cache = cache or cache_directory()
    key = cache / _KEY
    if key.exists() and key.with_suffix(".pub").exists():
        return key
    with one_maker(cache, "guests' image", ImageBuildFailed):
        if key.exists() and key.with_suffix(".pub").exists():
            return key
        with tempfile.TemporaryDirectory(dir=cache, prefix=SCRATCH) as directory:
            made = Path(directory) / _KEY
            done = run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "kvmbench", "-f", str(made)])
            if not done.ok:
                raise ImageBuildFailed(
                    f"ssh-keygen failed: {done.err.strip() or done.out.strip() or done.code}",
                    "Install it: apt-get install openssh-client",
                )
            made.with_suffix(".pub").replace(key.with_suffix(".pub"))
            made.replace(key)
    return key


def import_image(source: Path, cache: Path | None = None) -> Path:
    """Make a disk image of the user's own (CirrOS, a cloud image) the one that new benches use; it is copied.

    Raises:
        ImageError: the file is missing, or is no disk image.
    """
    cache = cache or cache_directory()
    if not source.is_file():
        raise ImageError(
            f"there is no file {source}",
            "Give the path of a disk image, such as cirros-0.6.2-x86_64-disk.img.",
        )
    kind = _format(source)
    with (
        one_maker(cache, "guests' image", ImageBuildFailed),
        tempfile.TemporaryDirectory(dir=cache, prefix=SCRATCH) as directory,
    ):
        made = Path(directory) / _IMPORTED
        done = run(["qemu-img", "convert", "-f", kind, "-O", "qcow2", str(source), str(made)], timeout_s=1800)
        if not done.ok:
            raise ImageError(
                f"{source} could not be copied: {_last_line(done.err)}",
                f"Is the download whole (compare its checksum), and is there room in {cache}?",
            )
        made.chmod(0o444)
        # Disks of benches may lean on an image that was imported before: each has a name of its own.
        kept = cache / f"imported-{time.time_ns()}.qcow2"
        made.replace(kept)
        link = Path(directory) / "link"
        link.symlink_to(kept.name)
        link.replace(cache / _IMPORTED)
    return kept


def use_built_image(cache: Path | None = None) -> bool:
    """Forget the imported image, so that new benches use the course's again; whether there was one."""
    imported = (cache or cache_directory()) / _IMPORTED
    if not imported.exists():
        return False
    imported.unlink()
    return True


def source_hash(cache: Path) -> str:
    """What an image depends on beside the packages: the builder, the guest's files, the key it accepts."""
    digest = hashlib.sha256(_public_key(cache).encode())
    here = Path(__file__).parent
    for path in [here / name for name in _BUILDER] + sorted(GUEST_FILES.rglob("*")):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _build_into(cache: Path, wanted: str, report: Callable[[str], None]) -> Path:
    if platform.machine() != "x86_64":
        raise ImageBuildFailed(
            f"the course image is built for x86-64, and this machine is {platform.machine()}",
            "Give an x86-64 image of your own to 'kvmbench image import FILE'.",
        )
    with tempfile.TemporaryDirectory(dir=cache, prefix=SCRATCH) as directory:
        scratch = Path(directory)
        made = scratch / "guest.qcow2"
        try:
            packages = build(made, _public_key(cache), scratch, report)
        except OSError as error:
            raise ImageBuildFailed(
                f"the course image could not be built: {error.strerror}: {error.filename or cache}",
                f"Make room for 500 MB in {cache} ('df -h {cache}'), then try again.",
            ) from error
        versions = hashlib.sha256("\n".join(packages.versions).encode()).hexdigest()[:12]
        image = cache / f"guest-{wanted}-{versions}.qcow2"
        record = {"kernel": packages.kernel_release, "packages": list(packages.versions)}
        image.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
        made.chmod(0o444)  # benches put overlays on it: it must never change
        made.replace(image)
    report(f"the course image is ready: {image.name}, {image.stat().st_size / 2**20:.0f} MiB")
    return image


def _built(cache: Path, wanted: str) -> Path | None:
    """The newest image that this very builder made."""
    found = sorted(cache.glob(f"guest-{wanted}-*.qcow2"), key=lambda path: path.stat().st_mtime_ns)
    return found[-1] if found else None


def _public_key(cache: Path) -> str:
    return guest_key(cache).with_suffix(".pub").read_text()


def _format(source: Path) -> str:
    """The format that qemu-img sees, which for a disk image without a format of its own is raw."""
    seen = run(["qemu-img", "info", "--output=json", str(source)])
    if not seen.ok:
        raise ImageError(
            f"qemu-img cannot read {source}: {_last_line(seen.err)}",
            "Is the download whole? Compare its checksum with the publisher's.",
        )
    kind = str(json.loads(seen.out)["format"])
    if kind == "raw":
        with source.open("rb") as file:
            bootable = file.read(512)[510:] == b"\x55\xaa"
        if not bootable:  # qemu-img calls every file that it does not know raw, a text as well
            raise ImageError(
                f"{source} is not a disk image: it has no format that QEMU knows, and no boot sector",
                "Give a qcow2 file, such as cirros-0.6.2-x86_64-disk.img. Is it still packed (.gz, .xz)?",
            )
    return kind


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1].removeprefix("qemu-img: ")
