"""Templates are made once, by one at a time, from the pristine image; who is killed leaves no half of one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from kvmbench.errors import TemplateFailed
from kvmbench.qemu import template
from kvmbench.qemu.guestimage import ensure_guest_image
from kvmbench.qemu.template import Shape
from tests.qemu.real_guest import eventually

pytestmark = pytest.mark.guest

SHAPE = Shape(128, 1, "virtio", ("virtio",))
MAKE = """
import sys
from pathlib import Path
from kvmbench.qemu.template import Shape, ensure
ensure(Path(sys.argv[1]), "tcg", [Shape(128, 1, "virtio", ("virtio",))])
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course's image in a place of the test's own, so that its templates are as well."""
    return Path(shutil.copy(ensure_guest_image(), tmp_path_factory.mktemp("image") / "guest.qcow2"))


def qemus(below: Path) -> list[int]:
    """The QEMU processes that work in a directory, as the kernel tells it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            at_work = (entry / "cwd").readlink().is_relative_to(below)
            if at_work and "qemu-system" in (entry / "exe").readlink().name:
                found.append(int(entry.name))
    return found


def test_who_is_killed_while_making_one_leaves_nothing_that_is_taken_for_one(image: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", MAKE, str(image)], stdout=subprocess.PIPE) as maker:
        eventually("a QEMU at work", lambda: bool(qemus(image.parent)))
        os.kill(maker.pid, signal.SIGKILL)
    eventually("the end of that QEMU", lambda: not qemus(image.parent))
    place = template.directory(image, "tcg")
    assert not place.exists()
    # The next ones, two at once, find the lock open; one of them makes it, and sweeps away what was left.
    reports: list[str] = []
    with ThreadPoolExecutor(2) as both:
        made = list(both.map(lambda _: template.ensure(image, "tcg", [SHAPE], reports.append), range(2)))
    assert made == [place, place]
    assert [line for line in reports if line.startswith("booting")] == [
        "booting a guest for the template 128-1-virtio-virtio"
    ]
    assert template.whole(place / SHAPE.name)
    assert {path.name for path in place.parent.iterdir()} == {"lock", place.name}
    assert {path.name for path in place.iterdir()} == {SHAPE.name}
    assert all(path.stat().st_mode & 0o777 == 0o444 for path in (place / SHAPE.name).iterdir())
    assert qemus(image.parent) == []


def test_one_that_is_there_is_not_made_again_and_another_image_has_its_own(image: Path) -> None:
    place = template.directory(image, "tcg") / SHAPE.name
    state = (place / "state").stat()
    template.ensure(image, "tcg", [SHAPE], pytest.fail)
    assert (place / "state").stat() == state
    other = Path(shutil.copy(image, image.with_name("other.qcow2")))
    assert (
        len({template.directory(each, engine) for each in (image, other) for engine in ("tcg", "kvm")}) == 4
    )
    os.utime(image)
    assert not (template.directory(image, "tcg") / SHAPE.name).exists()


def test_an_image_that_does_not_boot_makes_no_template(tmp_path: Path) -> None:
    image = tmp_path / "guest.qcow2"
    image.write_bytes(b"no image")
    with pytest.raises(TemplateFailed, match="128-1-virtio-virtio could not be made: QEMU ended"):
        template.ensure(image, "tcg", [SHAPE])
    assert [path.name for path in (tmp_path / "templates").iterdir()] == ["lock"]
