"""Disk images: on what qemu-img printed, and on images that qemu-img makes."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from kvmbench.model import Image
from kvmbench.observe.images import MOST, image, images, paths, preallocated
from kvmbench.system import Completed, RealMachine, RecordedMachine, run
from tests.observe.recordings import text

INFO = text("overlay.info.json")
MAP_OF_AN_OVERLAY = text("overlay.map.json")
MAP_WITH_METADATA = text("preallocated.map.json")
MAP_WITHOUT = text("plain.map.json")
PATH = "/vms/cirros/cirros1.img"
ASK_INFO = f"qemu-img info -U --output=json {PATH}"
ASK_MAP = f"qemu-img map -U --output=json {PATH}"


def test_an_overlay_names_its_backing_file() -> None:
    machine = RecordedMachine({ASK_INFO: INFO, ASK_MAP: MAP_OF_AN_OVERLAY})
    assert image(PATH, machine) == Image(
        path=PATH,
        format="qcow2",
        virtual_size_bytes=10737418240,
        actual_size_bytes=200704,
        backing="/vms/base/guest.qcow2",
        backing_format="qcow2",
        preallocated=False,
    )


@pytest.mark.parametrize(
    ("printed", "answer"),
    [(MAP_WITH_METADATA, True), (MAP_WITHOUT, False), (MAP_OF_AN_OVERLAY, False), ("[]", False), ("?", None)],
)
def test_preallocated_means_that_each_part_has_its_place_in_the_file(
    printed: str, answer: bool | None
) -> None:
    assert preallocated(printed) is answer


def test_a_backing_file_that_is_gone_is_told_in_qemu_imgs_words() -> None:
    words = (
        f"qemu-img: Could not open '{PATH}': Could not open backing file: "
        "Could not open '/vms/base/guest.qcow2': No such file or directory\n"
    )
    machine = RecordedMachine({ASK_INFO: INFO, ASK_MAP: Completed((), 1, "", words)})
    found = image(PATH, machine)
    assert found is not None
    assert found.trouble == words.removeprefix("qemu-img: ").strip()
    assert found.preallocated is None


def test_an_image_that_is_not_there_is_left_out() -> None:
    words = f"qemu-img: Could not open '{PATH}': Could not open '{PATH}': No such file or directory\n"
    machine = RecordedMachine({ASK_INFO: Completed((), 1, "", words)})
    assert images([PATH], machine) == ()


def test_without_qemu_img_each_image_says_so() -> None:
    (found,) = images([PATH], RecordedMachine())
    assert (found.format, found.trouble) == ("", f"{ASK_INFO}: not recorded")


def test_what_is_looked_at_is_asked_for_in_use_or_in_the_store() -> None:
    machine = RecordedMachine(
        files={"/vms/cirros/cirros1.img": "", "/vms/base/guest.qcow2": "", "/vms/base/notes.txt": ""}
    )
    assert paths(["/root/a.img"], ["/vms/cirros/cirros1.img"], machine) == (
        "/root/a.img",
        "/vms/cirros/cirros1.img",
        "/vms/base/guest.qcow2",
    )


def test_a_store_full_of_images_is_looked_at_up_to_a_bound() -> None:
    many = RecordedMachine(files={f"/vms/lab/{number:03}.img": "" for number in range(MOST + 5)})
    assert len(paths(["/root/a.img"], [], many)) == 1 + MOST


def made(*words: str) -> None:
    run(["qemu-img", *words]).checked()


def test_real_images_are_told_apart(tmp_path: Path) -> None:
    at = {name: str(tmp_path / name) for name in ("meta", "plain", "raw", "over", "orphan", "text")}
    made("create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", at["meta"], "300M")
    made("create", "-q", "-f", "qcow2", at["plain"], "300M")
    made("create", "-q", "-f", "raw", at["raw"], "1M")
    made("create", "-q", "-f", "qcow2", "-b", at["meta"], "-F", "qcow2", at["over"])
    made("create", "-q", "-u", "-f", "qcow2", "-b", str(tmp_path / "gone"), "-F", "qcow2", at["orphan"], "1M")
    Path(at["text"]).write_text("no image")
    found = {
        Path(each.path).name: each for each in images([*at.values(), str(tmp_path / "no")], RealMachine())
    }
    assert {name: (each.format, each.preallocated, each.trouble is None) for name, each in found.items()} == {
        "meta": ("qcow2", True, True),
        "plain": ("qcow2", False, True),
        "raw": ("raw", None, True),
        "over": ("qcow2", False, True),
        "orphan": ("qcow2", None, False),
        "text": ("raw", None, True),
    }
    assert found["meta"].virtual_size_bytes == 300 * 2**20
    assert (found["over"].backing, found["over"].backing_format) == (at["meta"], "qcow2")
    assert "No such file or directory" in (found["orphan"].trouble or "")


def test_an_image_stays_preallocated_when_a_guest_has_written_to_it(tmp_path: Path) -> None:
    path = str(tmp_path / "disk.img")
    made("create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", path, "100M")
    run(["qemu-io", "-f", "qcow2", "-c", "write -P 7 20M 1M", path]).checked()
    (found,) = images([path], RealMachine())
    assert found.preallocated is True


class Counting(RealMachine):
    """This machine, and what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, argv: Sequence[str] | str, *, timeout_s: float = 30.0, input: str = "") -> Completed:
        self.asked.append(" ".join(argv))
        return super().run(argv, timeout_s=timeout_s, input=input)


def an_old_overlay(directory: Path) -> tuple[str, Path]:
    """An overlay and its base, as if made some time ago."""
    base, overlay = directory / "base.qcow2", directory / "overlay.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", str(base), "10M"]).checked()
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(base), "-F", "qcow2", str(overlay)]).checked()
    for each in (base, overlay):
        os.utime(each, (1_600_000_000, 1_600_000_000))
    time.sleep(0.15)
    return str(overlay), base


def test_an_image_that_did_not_change_is_not_asked_about_again(tmp_path: Path) -> None:
    overlay, _ = an_old_overlay(tmp_path)
    machine = Counting()
    first = image(overlay, machine)
    asked = len(machine.asked)
    assert asked > 0
    assert image(overlay, machine) == first
    assert len(machine.asked) == asked

    run(["qemu-io", "-c", "write 0 64k", overlay]).checked()
    changed = image(overlay, machine)
    assert changed is not None
    assert first is not None
    assert changed.actual_size_bytes > first.actual_size_bytes


def test_an_image_whose_backing_file_went_or_came_back_is_asked_about_again(tmp_path: Path) -> None:
    overlay, base = an_old_overlay(tmp_path)
    machine = RealMachine()
    whole = image(overlay, machine)
    base.rename(tmp_path / "elsewhere")
    broken = image(overlay, machine)
    assert whole is not None
    assert broken is not None
    assert whole.trouble is None
    assert broken.trouble is not None
    (tmp_path / "elsewhere").rename(base)
    assert image(overlay, machine) == whole


def test_an_image_that_was_written_just_now_is_not_remembered(tmp_path: Path) -> None:
    path = str(tmp_path / "new.img")
    machine = Counting()
    for size in ("10M", "20M", "30M"):
        run(["qemu-img", "create", "-q", "-f", "raw", path, size]).checked()
        found = image(path, machine)
        assert found is not None
        assert found.virtual_size_bytes == int(size[:-1]) << 20
