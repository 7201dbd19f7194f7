"""The course's guest put together: packages, drivers, the files of `guest/`, an archive, a kernel, a disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kvmbench.errors import ImageBuildFailed
from kvmbench.qemu import guestimage_elf as elf
from kvmbench.qemu.guestimage_disk import Archive, write_disk
from kvmbench.qemu.guestimage_kernel import quick_kernel, vmlinux_of
from kvmbench.qemu.guestimage_modules import alias_list, choose, dependency_list
from kvmbench.qemu.guestimage_packages import Packages, Report, fetch
from kvmbench.system.run import run

GUEST_FILES = Path(__file__).parent / "guest"
_LARGEST_BYTES = 20 * 1024 * 1024
# crypt(5): the course's password, which is no secret: kvmbench.
_SHADOW = "root:$5$rounds=1000$kvmbench$5J8pNeYRpIm6oWfJTqIIxRy3evCUueKAkWD/j3B9qBB:19000:0:99999:7:::\n"
# e100 brings no i82551 up without giving it microcode, which is not free. QEMU's card ignores what it gets.
_E100_MICROCODE = bytes(134 * 4 + 3)
_E100_NAMES = ("d101m_ucode.bin", "d101s_ucode.bin", "d102e_ucode.bin")


def build(target: Path, public_key: str, scratch: Path, report: Report) -> Packages:
    """Build the course image into a file, with working space in a directory; returns what it was built from.

    Raises:
        ImageBuildFailed: the packages cannot be had, or a tool failed.
    """
    packages = fetch(scratch, report)
    report("putting the guest together")
    compress = _compressor(packages, scratch)
    archive = guest_archive(packages, public_key, lambda packed: compress("zstd", packed, "-d"))
    initrd = compress("zstd", archive, "-17")
    original = packages.file(f"vmlinuz-{packages.kernel_release}").read_bytes()
    vmlinux = vmlinux_of(original, packages.tool("zstd"), scratch)
    quick = vmlinux and quick_kernel(original, vmlinux, lambda data: compress("lz4", data, "-l", "-9"))
    if not quick or len(quick) + len(initrd) > _LARGEST_BYTES - 2**20:
        report(f"keeping the kernel as the distribution packed it ({len(original) / 2**20:.0f} MiB)")
        quick = original
    write_disk(target, {"linux": quick, "initrd": initrd}, packages, scratch)
    if target.stat().st_size > _LARGEST_BYTES:
        report(f"the image came to {target.stat().st_size / 2**20:.0f} MiB, more than the 20 that were meant")
    return packages


def guest_archive(packages: Packages, public_key: str, unpack_zstd: Callable[[bytes], bytes]) -> bytes:
    """The guest's files, as the kernel unpacks them into memory."""
    archive = Archive()
    for name in ("proc", "sys", "dev", "run", "mnt", "var/log", "var/www", "usr/share", "usr/local/bin"):
        archive.directory(name)
    archive.directory("tmp", 0o1777)
    archive.directory("root", 0o700)
    archive.directory("root/.ssh", 0o700)
    archive.link("var/run", "../run")
    archive.character_device("dev/console", 5, 1)
    archive.file("root/.ssh/authorized_keys", public_key.encode(), 0o600)
    archive.file("etc/shadow", _SHADOW.encode(), 0o600)
    for path in sorted(GUEST_FILES.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            mode = 0o755 if content.startswith(b"#!") else 0o644
            archive.file(str(path.relative_to(GUEST_FILES)), content, mode)
    _add_programs(archive, packages)
    _add_drivers(archive, packages, unpack_zstd)
    return archive.finished()


def _add_programs(archive: Archive, packages: Packages) -> None:
    busybox = packages.file("bin/busybox")
    archive.file("bin/busybox", busybox.read_bytes(), 0o755)
    archive.link("init", "bin/busybox")
    ours = {str(path.relative_to(GUEST_FILES)) for path in GUEST_FILES.rglob("*")}
    listed = run([str(busybox), "--list-full"])
    if not listed.ok:
        raise ImageBuildFailed(
            f"the fetched busybox does not run: {listed.err.strip() or listed.code}",
            "The course image is built for and on x86-64; is the cache directory mounted noexec?",
        )
    for applet in listed.out.split():
        if applet != "bin/busybox" and applet not in ours:
            archive.link(applet, "/bin/busybox")
    waiting = ["sbin/dropbear", "bin/dropbearkey", "bin/dbclient"]
    programs = [packages.file(name).read_bytes() for name in waiting]
    for name, content in zip(waiting, programs, strict=True):
        archive.file(f"usr/{name}", content, 0o755)
    archive.link("usr/bin/ssh", "dbclient")
    archive.file("lib64/ld-linux-x86-64.so.2", packages.file("ld-linux-x86-64.so.2").read_bytes(), 0o755)
    libraries: dict[str, bytes] = {}
    while programs:
        for name in elf.needed(programs.pop()):
            if name not in libraries and not name.startswith("ld-linux"):
                libraries[name] = packages.file(name).read_bytes()
                programs.append(libraries[name])
    for name, content in sorted(libraries.items()):
        archive.file(f"lib/{name}", content, 0o755)


def _add_drivers(archive: Archive, packages: Packages, unpack_zstd: Callable[[bytes], bytes]) -> None:
    release = packages.kernel_release
    modules = choose(packages.file(f"lib/modules/{release}/modules.builtin").parent, unpack_zstd)
    for module in modules:
        archive.file(f"lib/modules/{release}/{module.name}.ko", module.content)
    archive.file(f"lib/modules/{release}/modules.dep", dependency_list(modules).encode())
    archive.file(f"lib/modules/{release}/modules.alias", alias_list(modules).encode())
    for name in _E100_NAMES:
        archive.file(f"lib/firmware/e100/{name}", _E100_MICROCODE)


def _compressor(packages: Packages, scratch: Path) -> Callable[..., bytes]:
    """A function that sends bytes through lz4 or zstd."""

    def compress(tool: str, data: bytes, *options: str) -> bytes:
        source, target = scratch / "plain", scratch / "packed"
        source.write_bytes(data)
        line = [packages.tool(tool), *options, "-q", "-f", str(source)]
        line += ["-o", str(target)] if tool == "zstd" else [str(target)]
        done = run(line, env=packages.environment(), timeout_s=300)
        if not done.ok:
            raise ImageBuildFailed(
                f"{tool} failed: {done.err.strip() or done.code}",
                f"Does '{tool} --version' work here? It comes with the package {tool}.",
            )
        return target.read_bytes()

    return compress
