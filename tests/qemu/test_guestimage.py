"""The course's guest image: built, kept, replaced."""

from __future__ import annotations

import fcntl
import json
import re
import stat
import threading
from pathlib import Path

import pytest

from kvmbench.errors import ImageBuildFailed, ImageError
from kvmbench.qemu import guestimage
from kvmbench.qemu.guestimage_disk import Archive
from kvmbench.qemu.guestimage_elf import needed, sections
from kvmbench.qemu.guestimage_modules import Module, alias_list, dependency_list, unsigned
from kvmbench.qemu.guestimage_packages import newest_kernel
from kvmbench.system.run import run
from tests.qemu.real_guest import eventually


@pytest.fixture
def no_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An apt without sources: whoever asks it gets nothing."""
    settings = tmp_path / "apt.conf"
    settings.write_text(
        'Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "/dev/null";\n'
        f'Dir::State::lists "{tmp_path}";\n'
        'Dir::State::status "/dev/null";\nDir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(settings))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def _ready_made(cache: Path) -> Path:
    """A cache in which the course's image is, as far as anybody can tell from outside."""
    guestimage.guest_key(cache)
    made = cache / f"guest-{guestimage.source_hash(cache)}-000000000000.qcow2"
    run(["qemu-img", "create", "-f", "qcow2", str(made), "1M"]).checked()
    return made


@pytest.mark.guest
def test_an_image_is_built_from_packages_in_20_mb_and_is_never_changed(cache: Path) -> None:
    said: list[str] = []
    built = guestimage.ensure_guest_image(cache, said.append)
    assert built.stat().st_size <= 20 * 1024 * 1024
    assert stat.S_IMODE(built.stat().st_mode) == 0o444
    record = json.loads(built.with_suffix(".json").read_text())
    assert record["kernel"] in " ".join(record["packages"])
    assert any("fetching" in line for line in said)
    assert not list(cache.glob("making-*"))
    assert run(["qemu-img", "check", str(built)]).ok


def test_an_image_that_is_there_is_taken_without_asking_apt(cache: Path, no_archive: None) -> None:
    made = _ready_made(cache)
    said: list[str] = []
    assert guestimage.ensure_guest_image(cache, said.append) == made
    assert said == []


def test_without_packages_there_are_two_lines_and_nothing_half_made(cache: Path, no_archive: None) -> None:
    with pytest.raises(ImageBuildFailed) as failed:
        guestimage.ensure_guest_image(cache, lambda _: None)
    assert len(str(failed.value).splitlines()) == 2
    assert "linux-image-amd64" in failed.value.what
    assert {path.name for path in cache.iterdir()} == {"guest_ed25519", "guest_ed25519.pub", "lock"}


def test_a_forced_build_asks_apt_although_an_image_is_there(cache: Path, no_archive: None) -> None:
    made = _ready_made(cache)
    with pytest.raises(ImageBuildFailed):
        guestimage.ensure_guest_image(cache, lambda _: None, force=True)
    assert guestimage.ensure_guest_image(cache, lambda _: None) == made


def test_a_second_builder_waits_for_the_first_and_takes_its_image(cache: Path, no_archive: None) -> None:
    guestimage.guest_key(cache)
    said: list[str] = []
    found: list[Path] = []
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(
            target=lambda: found.append(guestimage.ensure_guest_image(cache, said.append))
        )
        second.start()
        eventually("the second builder says that it waits", lambda: bool(said))
        made = _ready_made(cache)
    second.join(timeout=20)
    assert found == [made]


def test_what_a_killed_builder_left_is_swept_away(cache: Path, no_archive: None) -> None:
    (cache / "making-abc").mkdir(parents=True)
    guestimage.guest_key(cache)
    assert not (cache / "making-abc").exists()


def test_a_place_that_cannot_be_written_is_told_in_two_lines(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ImageBuildFailed) as refused:
        guestimage.ensure_guest_image(tmp_path / "file" / "kvmbench")
    assert len(str(refused.value).splitlines()) == 2
    assert str(tmp_path / "file" / "kvmbench") in refused.value.what


def test_the_key_is_made_once_and_for_its_owner_alone(cache: Path) -> None:
    key = guestimage.guest_key(cache)
    text = key.read_text()
    assert guestimage.guest_key(cache) == key
    assert key.read_text() == text
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.with_suffix(".pub").read_text().startswith("ssh-ed25519 ")


def test_another_key_is_another_image(cache: Path, tmp_path: Path) -> None:
    assert guestimage.source_hash(cache) != guestimage.source_hash(tmp_path / "another")


def test_an_imported_image_is_what_benches_use_until_it_is_forgotten(cache: Path, tmp_path: Path) -> None:
    made = _ready_made(cache)
    own = tmp_path / "cirros.img"
    run(["qemu-img", "create", "-f", "qcow2", str(own), "40M"]).checked()
    imported = guestimage.import_image(own, cache)
    assert guestimage.ensure_guest_image(cache) == imported
    assert (
        json.loads(run(["qemu-img", "info", "--output=json", str(imported)]).out)["virtual-size"]
        == 40 * 2**20
    )
    assert guestimage.use_built_image(cache)
    assert not guestimage.use_built_image(cache)
    assert guestimage.ensure_guest_image(cache) == made


def test_a_raw_disk_with_a_boot_sector_is_imported_as_qcow2(cache: Path, tmp_path: Path) -> None:
    raw = tmp_path / "disk.raw"
    raw.write_bytes(bytes(510) + b"\x55\xaa" + bytes(2**20 - 512))
    imported = guestimage.import_image(raw, cache)
    assert json.loads(run(["qemu-img", "info", "--output=json", str(imported)]).out)["format"] == "qcow2"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "there is no file"),
        (b"I am a letter, not a disk.\n", "is not a disk image"),
        (b"QFI\xfb\0\0\0\x03", "qemu-img cannot read"),
    ],
)
def test_what_is_no_image_is_refused_in_two_lines(
    cache: Path, tmp_path: Path, content: bytes | None, what: str
) -> None:
    made = _ready_made(cache)
    source = tmp_path / "source.img"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(ImageError) as refused:
        guestimage.import_image(source, cache)
    assert what in refused.value.what
    assert str(source) in refused.value.what
    assert len(str(refused.value).splitlines()) == 2
    assert guestimage.ensure_guest_image(cache) == made


@pytest.mark.parametrize(
    ("depends", "release"),
    [
        ("linux-image-6.1.0-56-amd64 (= 6.1.192-2)", "6.1.0-56-amd64"),
        ("linux-image-6.12.107+deb13-amd64 (= 6.12.107-1)", "6.12.107+deb13-amd64"),
        (
            "linux-image-6.8.0-151-generic | linux-image-unsigned-6.8.0-151-generic, linux-firmware",
            "6.8.0-151-generic",
        ),
        ("linux-firmware", None),
    ],
)
def test_the_newest_kernel_is_read_from_a_metapackage(depends: str, release: str | None) -> None:
    assert newest_kernel(depends) == release


def test_a_driver_is_listed_with_all_that_it_needs_the_last_needed_first() -> None:
    ring = Module("virtio_ring", b"", (), ())
    virtio = Module("virtio", b"", ("virtio_ring",), ())
    pci = Module("virtio_pci", b"", ("virtio_ring", "virtio"), ("pci:v00001AF4d*",))
    lines = dependency_list([ring, virtio, pci]).splitlines()
    assert lines[2] == "virtio_pci.ko: virtio.ko virtio_ring.ko"
    assert alias_list([ring, pci]) == "alias pci:v00001AF4d* virtio_pci\n"


def test_a_driver_loses_its_signature_and_nothing_else() -> None:
    signed = (
        b"\x7fELF driver"
        + b"s" * 300
        + bytes(8)
        + (300).to_bytes(4, "big")
        + b"~Module signature appended~\n"
    )
    assert unsigned(signed) == b"\x7fELF driver"
    assert unsigned(b"\x7fELF driver") == b"\x7fELF driver"


def test_an_archive_is_what_cpio_reads(tmp_path: Path) -> None:
    archive = Archive()
    archive.file("a/b/program", b"#!/bin/sh\n", 0o755)
    archive.link("a/link", "b/program")
    (tmp_path / "archive").write_bytes(archive.finished())
    listed = run(f"cpio -tv < {tmp_path}/archive").checked().out
    assert re.search(r"drwxr-xr-x .* a\n", listed)
    assert re.search(r"-rwxr-xr-x +1 root +root +10 .* a/b/program\n", listed)
    assert "a/link -> b/program" in listed


def test_the_libraries_of_a_program_are_read_from_it() -> None:
    shell = Path("/bin/sh").resolve().read_bytes()
    assert "libc.so.6" in needed(shell)
    assert sections(b"no program") == {}
