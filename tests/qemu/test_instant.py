"""`instant`: which lines it takes, which template it trusts, and what it says when a guest has to boot."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import struct
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

from kvmbench.course.plan import C1, C2, C3, with_nic
from kvmbench.qemu import launcher, options, template

DRIVE = "-drive file=/vms/a.img,if=virtio,format=qcow2"
NIC = "-nic tap,model=virtio,ifname=tap01"


def loaded(path: Path) -> Any:
    """A module of the test's own, so that nobody else sees what it changes."""
    name = path.name.replace("-", "_")
    spec = spec_from_loader(name, SourceFileLoader(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


qemu_kvm = loaded(launcher.source())
instant = loaded(template.source())


def shape(line: str) -> str:
    return str(instant.shape(qemu_kvm, qemu_kvm.options(shlex.split(line))))


@pytest.mark.parametrize("old", [False, True], ids=["today", "old"])
@pytest.mark.parametrize("plan", [C1, C2, C3, with_nic(C3, model="rtl8139")], ids=lambda plan: plan.name)
def test_a_line_asks_for_the_template_that_is_made_of_its_plan(plan: options.GuestPlan, old: bool) -> None:
    line = shlex.join(options.argv(plan, old=old)[1:])
    if "-hda" in line:
        with pytest.raises(instant.Plainly, match="-hda"):
            shape(line)
    else:
        assert shape(line) == template.shape_of(plan).name


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (f"-m 256 -smp 2 {DRIVE} {NIC} -daemonize", "256-2-virtio-virtio"),
        (f"--m 256 --smp 2 {DRIVE} {NIC} -vnc :7 -daemonize", "256-2-virtio-virtio"),
        (f"{DRIVE} {NIC} -daemonize", "128-1-virtio-virtio"),
        (f"-m 256 {DRIVE} -nic tap,model=virtio-net-pci {NIC} -daemonize", "256-1-virtio-virtio-virtio"),
        (f"-m 256 {DRIVE} -net nic,model=virtio -net tap -daemonize", "256-1-virtio-virtio"),
        (f"-m 256 {DRIVE} -nic none -daemonize", "256-1-virtio"),
        (f"-m 256 {DRIVE} -net none -daemonize", "256-1-virtio"),
        (f"-m 256 {DRIVE} -daemonize", "256-1-virtio-e1000"),
        ("-drive file=/vms/a.img -nic none -daemonize", "128-1-ide"),
    ],
)
def test_the_name_of_a_template_is_the_hardware_of_a_line(line: str, wanted: str) -> None:
    assert shape(line) == wanted


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"{DRIVE} {NIC}", "only a guest with -daemonize can start so"),
        (f"{DRIVE} {NIC} -nographic", "no template was made with -nographic"),
        (f"{DRIVE} {NIC} -cpu max -daemonize", "no template was made with -cpu"),
        (f"{DRIVE} {NIC} -snapshot -daemonize", "no template was made with -snapshot"),
        (f"{NIC} -daemonize", "a template has one plain disk"),
        (f"{DRIVE} {DRIVE} {NIC} -daemonize", "a template has one plain disk"),
        (f"{DRIVE},media=cdrom {NIC} -daemonize", "a template has one plain disk"),
        (f"{DRIVE},snapshot=on {NIC} -daemonize", "a template has one plain disk"),
        (f"{DRIVE} -nic tap,model=ne2k_isa -daemonize", "a card ne2k_isa cannot be plugged in later"),
        (f"{DRIVE} -net nic,model=i82551 -daemonize", "a card i82551 cannot be plugged in later"),
    ],
)
def test_a_line_that_no_template_fits_boots_and_is_told_why(line: str, why: str) -> None:
    with pytest.raises(instant.Plainly) as told:
        shape(line)
    assert str(told.value) == why


def disk(path: Path, size: int, backing: str) -> Path:
    """The head of a qcow2 image."""
    path.write_bytes(struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 32, len(backing), 16, size) + backing.encode())
    return path


def test_only_an_overlay_of_the_course_image_holds_the_system_that_sleeps(tmp_path: Path) -> None:
    mine = loaded(template.source())
    mine.BASE = str(disk(tmp_path / "base", 64 << 20, ""))
    assert mine.leans_on_the_course_image(disk(tmp_path / "a", 64 << 20, mine.BASE))
    assert not mine.leans_on_the_course_image(disk(tmp_path / "b", 80 << 30, mine.BASE))
    assert not mine.leans_on_the_course_image(disk(tmp_path / "c", 64 << 20, "/vms/centos/centos.img"))
    assert not mine.leans_on_the_course_image(disk(tmp_path / "d", 64 << 20, ""))
    (tmp_path / "e").write_bytes(b"no image")
    assert not mine.leans_on_the_course_image(tmp_path / "e")
    assert not mine.leans_on_the_course_image(tmp_path / "missing")


@pytest.fixture
def kept(tmp_path: Path) -> Any:
    """`instant` on a bench of files: a template of two pages with a hole between, and a text for QEMU."""
    mine = loaded(template.source())
    mine.TEMPLATES, mine.MEMORY = str(tmp_path / "templates"), str(tmp_path / "memory")
    mine.kvm = loaded(launcher.source())
    mine.kvm.RUN, mine.kvm.QEMU = str(tmp_path), str(tmp_path / "qemu")
    (tmp_path / "qemu").write_text("QEMU")
    (tmp_path / "engine.json").write_text('{"engine": "tcg"}')
    place = tmp_path / "templates" / "256"
    place.mkdir(parents=True)
    (place / "state").write_bytes(b"state")
    with (place / "memory").open("wb") as memory:
        memory.write(b"first page")
        memory.seek(4 << 20)
        memory.write(b"last page")
        memory.truncate(8 << 20)
    with (place / "memory").open("rb") as memory, (tmp_path / "copy").open("wb") as copy:
        total = mine.copy(memory.fileno(), copy.fileno())
    assert (tmp_path / "copy").read_bytes() == (place / "memory").read_bytes()
    assert (tmp_path / "copy").stat().st_blocks * 512 < 1 << 20
    about = {
        "qemu": mine.mark(mine.kvm.QEMU),
        "engine": "tcg",
        "state": hashlib.sha256(b"state").hexdigest(),
        "memory": total,
        "memory_bytes": 8 << 20,
    }
    (place / "about.json").write_text(json.dumps(about))
    return mine


def change(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"X")


def test_a_whole_template_is_used_and_copied_once(kept: Any, tmp_path: Path) -> None:
    place, about = kept.template("256", kept.kvm)
    path = Path(kept.memory(place, about))
    assert path.read_bytes() == Path(place, "memory").read_bytes()
    written = path.stat().st_ino
    assert Path(kept.memory(place, about)).stat().st_ino == written
    assert {each.name for each in path.parent.iterdir()} == {"lock", path.name}


def test_a_damaged_template_is_noticed(kept: Any, tmp_path: Path) -> None:
    place = tmp_path / "templates" / "256"
    damages: dict[str, Callable[[], object]] = {
        "state": lambda: change(place / "state", 2),
        "cut": lambda: (place / "memory").open("r+b").truncate(4 << 20),
        "other QEMU": lambda: (tmp_path / "qemu").write_text("QEMU, newer"),
        "other engine": lambda: (tmp_path / "engine.json").write_text('{"engine": "kvm"}'),
        "about": lambda: (place / "about.json").write_text('{"qemu": '),
        "no state": lambda: (place / "state").unlink(),
        "gone": lambda: shutil.rmtree(place),
    }
    words = {
        "state": "the template 256 is damaged",
        "cut": "the template 256 is damaged",
        "other QEMU": "the template 256 was made with another QEMU",
        "other engine": "the template 256 was made with another QEMU",
        "about": "the template 256 cannot be read",
        "no state": "there is no template 256",
        "gone": "there is no template 256",
    }
    shutil.copytree(tmp_path, tmp_path.with_name("whole"))
    for name, damage in damages.items():
        shutil.rmtree(tmp_path)
        shutil.copytree(tmp_path.with_name("whole"), tmp_path)
        assert kept.template("256", kept.kvm)[0] == str(place)
        damage()
        with pytest.raises(kept.Plainly) as told:
            kept.template("256", kept.kvm)
        assert words[name] in str(told.value), name


@pytest.mark.parametrize("at", [3, (4 << 20) + 2, 6 << 20], ids=["first page", "last page", "hole"])
def test_a_memory_that_changed_is_noticed_before_a_guest_has_it(kept: Any, tmp_path: Path, at: int) -> None:
    place, about = kept.template("256", kept.kvm)
    change(Path(place, "memory"), at)
    with pytest.raises(kept.Plainly, match="the template 256 is damaged"):
        kept.memory(place, about)
    assert [path.name for path in (tmp_path / "memory").iterdir()] == ["lock"]


def test_a_disk_that_is_full_leaves_no_half_of_a_memory(kept: Any, tmp_path: Path) -> None:
    place, about = kept.template("256", kept.kvm)

    def full(source: int, target: int) -> int:
        raise OSError(28, "No space left on device")

    kept.copy = full
    with pytest.raises(kept.Plainly, match="cannot be copied: No space left on device"):
        kept.memory(place, about)
    assert [path.name for path in (tmp_path / "memory").iterdir()] == ["lock"]
