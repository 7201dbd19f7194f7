"""What we build, QEMU takes; what QEMU refuses, we refuse before it. No guest boots: -S."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from kvmbench.qemu.line import Context, Spelling, option_of, parse, qemu_argv, refuse
from kvmbench.qemu.line.installed import PROGRAM, here
from kvmbench.system.run import run

pytestmark = pytest.mark.guest
PATIENCE_S = 60
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Tried:
    """What became of a QEMU: it answered at its QMP socket, or it ended and said why."""

    answered: bool
    said: str


@pytest.fixture(scope="module")
def images() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="kvmbench-"))  # not tmp_path: a socket's path ends at 107 bytes
    for name in ("a.qcow2", "b.qcow2"):
        run(["qemu-img", "create", "-f", "qcow2", str(directory / name), "64M"]).checked()
    (directory / "r.img").write_bytes(bytes(2**20))
    yield directory
    shutil.rmtree(directory)


def tried(words: list[str], directory: Path) -> Tried:
    """Start QEMU with a processor that stands still, and end it once it answers."""
    place = directory / "qmp.sock"
    place.unlink(missing_ok=True)
    words = [PROGRAM, *words[1:], "-S", "-qmp", f"unix:{place},server=on,wait=off"]
    process = subprocess.Popen(
        words, cwd=directory, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + PATIENCE_S
    try:
        while process.poll() is None and not _answers(place):
            assert time.monotonic() < deadline, f"waited {PATIENCE_S} s for {words}"
            time.sleep(0.02)
        answered = process.poll() is None
        process.terminate()
        _, said = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    return Tried(answered, said)


def _answers(place: Path) -> bool:
    """Whether it is ready: it greets before it has made its devices, and carries out no order until then."""
    try:
        with socket.socket(socket.AF_UNIX) as line, line.makefile("rw") as text:
            line.settimeout(PATIENCE_S)
            line.connect(str(place))
            text.readline()
            for order in ("qmp_capabilities", "query-status"):
                text.write(json.dumps({"execute": order}))
                text.flush()
                answer = json.loads(text.readline())
            return bool(answer["return"]["status"] == "prelaunch")
    except (OSError, ValueError):
        return False


GOOD = (HERE / "taken.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("spelling", get_args(Spelling))
@pytest.mark.parametrize("line", GOOD)
def test_qemu_takes_what_we_build(line: str, spelling: Spelling, images: Path) -> None:
    guest = parse(f"qemu-kvm {line}")
    assert refuse(guest, Context(installed=here())) == ()
    quiet = [] if "-nographic" in line or "-vnc" in line else ["-display", "none"]
    done = tried([*qemu_argv(guest, spelling), *quiet], images)
    assert done.answered, done.said


BAD = [
    ("-nic user,mac=52:54:00:00:00", "-nic user"),
    ("-net nic,macaddr=01:54:00:00:00:01 -net user", "-net nic"),
    ("-net nic,vlan=0 -net user", "-net nic"),
    ("-net nic,name=x -net user", "-net nic"),
    ("-net nic,mac=52:54:00:00:00:01 -net user", "-net nic"),
    ("-nic user,macaddr=52:54:00:00:00:01", "-nic"),
    ("-nic user,model=vritio", "-nic"),
    ("-nic tpa", "-nic"),
    ("-device e1000,netdev=zz", "-device"),
    ("-netdev user", "-netdev"),
    ("-device virtoi-net-pci", "-device"),
    ("-hda a.qcow2 -hda b.qcow2", "-hda b.qcow2"),
    ("-hdc a.qcow2 -cdrom r.img", "-cdrom"),
    ("-drive file=a.qcow2,index=9", "-drive"),
    ("-drive file=a.qcow2,if=scsi", "-drive"),
    ("-drive file=a.qcow2,if=vritio", "-drive"),
    ("-drive file=a.qcow2,media=cd", "-drive"),
    ("-drive file=a.qcow2,cache=no", "-drive"),
    ("-drive file=a.qcow2,aio=natve", "-drive"),
    ("-drive file=a.qcow2,if=virtio,aio=native", "-drive"),
    ("-drive file=a.qcow2,serial=3", "-drive"),
    ("-drive file=a.qcow2,fromat=qcow2", "-drive"),
    ("-drive file=a.qcow2,readonly=on", "-drive"),
    ("-drive file=a.qcow2,index=x", "-drive"),
    ("-drive if=virtio", "-drive"),
    ("-drive if=none,id=d,file=a.qcow2 -drive if=none,id=d,file=b.qcow2", ""),
    ("-smp 3,sockets=2,cores=2", "-smp"),
    ("-smp 4,maxcpus=2", "-smp"),
    ("-smp 2,corse=1", "-smp"),
    ("-smp two", "-smp"),
    ("-smp 300", "-smp"),
    ("-smp 4,clusters=2", "-smp"),
    ("-boot order=z", "-boot"),
    ("-boot order=dd", "-boot"),
    ("-boot menu=perhaps", "-boot"),
    ("-boot reboot-timeout=99999", "-boot"),
    ("-m lots", "-m"),
    ("-machine q36", "-machine"),
    ("-M 256", "-M"),
    ("-cpu Haswel", "-cpu"),
    ("-accel kvmm", "-accel"),
    ("-enable-kvm -accel tcg", "-enable-kvm"),
    ("-vga sdt", "-vga"),
    ("-display gkt", "-display"),
    ("-vnc here", "-vnc"),
    ("-vnc :99999", "-vnc"),
    ("-name c1,proces=x", "-name"),
    ("-nmae c1", "-nmae"),
    ("-no-kvm", "-no-kvm"),
    ("-nographic -daemonize", "-nographic"),
    ("-daemonize -serial stdio", "-serial"),
]


@pytest.mark.parametrize(("line", "option"), BAD, ids=[line for line, _ in BAD])
def test_what_qemu_refuses_we_refuse_with_the_option_that_it_is_about(
    line: str, option: str, images: Path
) -> None:
    troubles = refuse(f"qemu-kvm {line}", Context(installed=here()))
    assert troubles
    assert any(trouble.option.startswith(option) for trouble in troubles), troubles
    quiet = [] if "-display" in line or "-nographic" in line else ["-display", "none"]
    words = ["qemu-kvm", *line.split(), *quiet]
    done = tried(words, images)
    assert not done.answered, "QEMU takes it"
    assert option_of(done.said, words).startswith(option if option != "-nmae" else ""), done.said
