"""Templates of instant guests: a guest booted once on the pristine image, laid to sleep, and kept.

    <beside the image>/templates/<of what it was made>/<shape>/memory      its RAM, as `instant` maps it
                                                              /state       all else, as QEMU migrates it
                                                              /about.json  sums of both, which QEMU and engine

They are made on the machine, from an image that nobody writes to, and shown to benches read-only: what a
student does on one bench never gets into a guest of another.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import shlex
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from secrets import token_hex
from types import ModuleType

from kvmbench.errors import GuestError, TemplateFailed
from kvmbench.qemu import agent
from kvmbench.qemu.options import GuestPlan
from kvmbench.system.one_maker import SCRATCH, one_maker
from kvmbench.system.run import Child, beside

QEMU = Path("/usr/bin/qemu-system-x86_64")
BOOT_TIMEOUT_S = 300.0
SLEEP_TIMEOUT_S = 300.0
_KEEP_DAYS = 30
_FIRST_SLOT = 3
"""of the cards on QEMU's pc: before them are the bridges and the screen, behind them is a virtio disk"""
_DRIVERS = {"virtio": "virtio_net", "rtl8139": "8139cp", "ne2k_pci": "ne2k_pci", "pcnet": "pcnet32"}

Report = Callable[[str], None]


@dataclass(frozen=True)
class Shape:
    """What guests must have in common to wake up from one template."""

    memory_mib: int
    vcpus: int
    disk: str
    """virtio or ide"""
    cards: tuple[str, ...]

    @property
    def name(self) -> str:
        """As `instant` reads it from a command line: 256-2-virtio-virtio."""
        return "-".join([str(self.memory_mib), str(self.vcpus), self.disk, *self.cards])


def shape_of(plan: GuestPlan) -> Shape:
    """The shape of a guest with one disk."""
    (drive,) = plan.drives
    return Shape(plan.memory_mib, plan.vcpus, drive.interface, tuple(nic.model for nic in plan.nics))


def source() -> Path:
    """The program `instant`: a script for /usr/bin/python3 that needs only the launcher of kvmbench."""
    return Path(__file__).with_name("instant")


def directory(image: Path, engine: str) -> Path:
    """Where the templates of this image lie; elsewhere when QEMU, the image or this module changes."""
    here = Path(__file__).parent
    digest = hashlib.sha256(repr([image.name, _mark(image), str(QEMU), _mark(QEMU), engine]).encode())
    for path in (here / "instant", here / "asleep", Path(__file__)):
        digest.update(path.read_bytes())
    return image.resolve().parent / "templates" / digest.hexdigest()[:12]


def ensure(image: Path, engine: str, shapes: Iterable[Shape], report: Report = print) -> Path:
    """Make the templates that are missing; the directory in which they are.

    Raises:
        TemplateFailed: one could not be made; those that are there stay, and nothing half-made is left.
    """
    place = directory(image, engine)
    missing = [shape for shape in shapes if not whole(place / shape.name)]
    if missing:
        with one_maker(place.parent, "template", TemplateFailed, report):
            _forget_the_old(place)
            for shape in missing:
                if not whole(place / shape.name):  # another one may have made it meanwhile
                    _make(image, engine, shape, place / shape.name, report)
    os.utime(place)
    return place


def whole(place: Path) -> bool:
    """Whether a template's files are what was written down; its memory is compared when it is used."""
    try:
        about = json.loads((place / "about.json").read_text())
        state = hashlib.sha256((place / "state").read_bytes()).hexdigest()
        return bool(about["state"] == state and about["memory_bytes"] == (place / "memory").stat().st_size)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _make(image: Path, engine: str, shape: Shape, target: Path, report: Report) -> None:
    report(f"booting a guest for the template {shape.name}")
    try:
        with tempfile.TemporaryDirectory(dir=target.parent.parent, prefix=SCRATCH) as name:
            scratch = Path(name)
            made = scratch / "template"
            made.mkdir(mode=0o755)
            with beside(_line(image, engine, shape), cwd=scratch) as qemu, _short(scratch) as sockets:
                _lay_to_sleep(sockets / "agent.sock", qemu, shape)
                _save(sockets / "qmp.sock", made / "state", qemu)
            _keep(scratch / "memory", made, engine)
            target.parent.mkdir(exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)  # a damaged one
            made.rename(target)
    except OSError as error:
        raise TemplateFailed(
            f"the template {shape.name} could not be kept: {error.strerror}",
            f"Make room for {2 * shape.memory_mib} MiB (df -h {target.parent.parent}); else guests boot.",
        ) from error
    except GuestError as error:
        raise TemplateFailed(
            f"the template {shape.name} could not be made: {error.what}",
            "Guests boot as without it; 'kvmbench image build' tries again.",
        ) from error


def _line(image: Path, engine: str, shape: Shape) -> list[str]:
    """QEMU's command line: what the launcher makes of a student's, without cards, on a passing disk."""
    size = shape.memory_mib << 20
    drive = f"file={str(image).replace(',', ',,')},format=qcow2,snapshot=on"
    slot = f"{_FIRST_SLOT + len(shape.cards):#x}"
    return [
        *(str(QEMU), "-name", "template", "-accel", engine, "-m", str(shape.memory_mib)),
        *("-smp", str(shape.vcpus), "-display", "none", "-serial", "null", "-nic", "none"),
        *("-object", f"memory-backend-file,id=pc.ram,size={size},mem-path=memory,share=on"),
        *("-machine", "memory-backend=pc.ram", "-device", "vmgenid,guid=auto"),
        *(
            ["-drive", f"{drive},if=none,id=disk", "-device", f"virtio-blk-pci,drive=disk,addr={slot}"]
            if shape.disk == "virtio"
            else ["-drive", f"{drive},if={shape.disk}"]
        ),
        *("-qmp", "unix:qmp.sock,server=on,wait=off"),
        *("-chardev", "socket,id=kvmbench-agent,path=agent.sock,server=on,wait=off"),
        *("-device", "isa-serial,chardev=kvmbench-agent,index=1", "-smbios", "type=3,asset=template"),
    ]


def _lay_to_sleep(socket_path: Path, qemu: Child, shape: Shape) -> None:
    """Wait until it has booted, have `asleep` run in it, and wait until nothing of it is awake."""
    _booted(socket_path, qemu)
    drivers = dict.fromkeys(_DRIVERS.get(card, card) for card in shape.cards)
    script = Path(__file__).with_name("asleep").read_text()
    told = agent.ask(socket_path, f"set -- {shlex.join(drivers)}\n{script}", timeout_s=SLEEP_TIMEOUT_S)
    if not told.ok:
        raise GuestError(told.out.strip() or f"its system answered {told.code}", "Look at its image.")
    deadline = time.monotonic() + SLEEP_TIMEOUT_S
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(socket_path))
        heard = b""
        nonce = token_hex(6)
        while f"ASLEEP {nonce}".encode() not in heard:
            if time.monotonic() > deadline or not qemu.alive():
                raise GuestError("it did not fall asleep", "Look whether the disk is full: df -h")
            line.sendall(f"\nSLEEPS {nonce}\n".encode())
            if select.select([line], [], [], 0.1)[0]:
                heard += line.recv(1000)


def _booted(socket_path: Path, qemu: Child) -> None:
    """Wait until its agent answers, which it never does when QEMU has ended."""
    deadline = time.monotonic() + BOOT_TIMEOUT_S
    while qemu.alive() and time.monotonic() < deadline:
        with suppress(GuestError):
            agent.wait_ready(socket_path, 1)
            return
    raise GuestError(
        "it did not boot" if qemu.alive() else "QEMU ended", "Look whether the disk is full: df -h"
    )


def _save(socket_path: Path, state: Path, qemu: Child) -> None:
    """Have QEMU write all but the memory, which lies in its file already (QMP Reference, migrate)."""
    wanted = {"capabilities": [{"capability": "x-ignore-shared", "state": True}]}
    with socket.socket(socket.AF_UNIX) as monitor, monitor.makefile("rw") as talk:
        monitor.settimeout(SLEEP_TIMEOUT_S)
        monitor.connect(str(socket_path))
        talk.readline()  # QEMU's greeting

        def execute(command: str, **arguments: object) -> dict[str, object]:
            talk.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            talk.flush()
            for said in talk:
                answer: dict[str, object] = json.loads(said)
                if "error" in answer:
                    raise GuestError(f"QEMU refused {command}: {answer['error']}", "Is it a very old QEMU?")
                if "return" in answer:
                    returned = answer["return"]
                    return returned if isinstance(returned, dict) else {}
            raise GuestError("QEMU ended", "Look whether the disk is full: df -h")

        execute("qmp_capabilities")
        execute("migrate-set-capabilities", **wanted)
        execute("migrate", uri=f"exec:cat >{shlex.quote(str(state))}")
        while (status := execute("query-migrate").get("status")) != "completed":
            if status in ("failed", "cancelled") or not qemu.alive():
                raise GuestError("QEMU could not write its state", "Look whether the disk is full: df -h")
            time.sleep(0.01)
        execute("quit")
    qemu.wait(SLEEP_TIMEOUT_S)


def _keep(memory: Path, made: Path, engine: str) -> None:
    """The memory without its empty pages, and what tells later whether all of it is still the same."""
    kept = made / "memory"
    with memory.open("rb") as source_file, kept.open("wb") as target:
        total = scripts().copy(source_file.fileno(), target.fileno())
        os.fsync(target.fileno())
    about = {
        "qemu": _mark(QEMU),
        "engine": engine,
        "state": hashlib.sha256((made / "state").read_bytes()).hexdigest(),
        "memory": total,
        "memory_bytes": kept.stat().st_size,
    }
    (made / "about.json").write_text(json.dumps(about, indent=1) + "\n")
    for path in made.iterdir():
        path.chmod(0o444)  # a bench's root is another user where the machine's root made it


@cache
def scripts() -> ModuleType:
    """`instant` as a module: the maker sums up a memory with the very lines that compare it later."""
    loader = SourceFileLoader("instant", str(source()))
    spec = spec_from_loader("instant", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def _mark(program: Path) -> list[int]:
    """What tells one version of a file from another."""
    seen = program.stat()
    return [seen.st_size, seen.st_mtime_ns]


@contextmanager
def _short(path: Path) -> Iterator[Path]:
    """The directory by a short name: a unix socket's path ends at 107 bytes."""
    handle = os.open(path, os.O_PATH | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)


def _forget_the_old(place: Path) -> None:
    """Templates that no kvmbench has asked for since long; guests that map them go on."""
    for other in place.parent.iterdir():
        if other != place and other.is_dir() and time.time() - other.stat().st_mtime > _KEEP_DAYS * 86400:
            shutil.rmtree(other, ignore_errors=True)
