"""The bench's qemu-kvm: what it adds, what it leaves alone, what it refuses."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from kvmbench.qemu import launcher

TUTORIAL = (
    "-name c1 -m 256 -smp 2 -drive file={disk},media=disk,if=virtio,format=qcow2 "
    "-net nic,model=virtio,macaddr=52:54:00:00:00:01 -net tap,ifname=tap01,script={ifup} -vnc :0 -daemonize"
)


def _loaded() -> ModuleType:
    loader = SourceFileLoader("qemu_kvm", str(launcher.source()))
    spec = spec_from_loader("qemu_kvm", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


qemu_kvm = _loaded()

RUN_IT = f"""
import sys
from importlib.machinery import SourceFileLoader
it = SourceFileLoader("it", {str(launcher.source())!r}).load_module()
it.QEMU, it.RUN = "/bin/echo", sys.argv[1]
it.running = dict  # guests that run on this machine meanwhile are none of the test's
it.main(sys.argv[2:])
"""


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "c1.img"
    path.touch()
    return path


@pytest.fixture
def ifup(tmp_path: Path) -> Path:
    path = tmp_path / "ifup"
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o755)
    return path


def _ended(run: Path, line: str) -> subprocess.CompletedProcess[str]:
    """The launcher with `echo` in QEMU's place: what it prints is the command line that QEMU would get."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN_IT, str(run), *line.split()],
        capture_output=True,
        text=True,
        timeout=20,
    )


def _argv(run: Path, line: str) -> list[str]:
    ended = _ended(run, line)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split()


def _refusals(line: str, others: dict[str, str] | None = None) -> list[str]:
    running = {name: qemu_kvm.options(words.split()) for name, words in (others or {}).items()}
    return [f"{what}\n{hint}" for what, hint in qemu_kvm.troubles(qemu_kvm.options(line.split()), running)]


def test_the_tutorials_line_keeps_its_words_and_gets_its_sockets(
    tmp_path: Path, disk: Path, ifup: Path
) -> None:
    line = TUTORIAL.format(disk=disk, ifup=ifup).replace("-vnc :0", "-vnc :917")
    argv = _argv(tmp_path, line)
    place = f"{tmp_path}/guests/c1"
    given = line.split()
    kept = [word.removesuffix(",downscript=no") for word in argv]
    assert kept[: len(given)] == given
    assert argv[len(given) :] == [
        *("-accel", "tcg"),
        *("-qmp", f"unix:{place}/qmp.sock,server=on,wait=off"),
        *("-qmp", f"unix:{place}/events.sock,server=on,wait=off"),
        *("-serial", f"unix:{place}/console.sock,server=on,wait=off"),
        *("-chardev", f"socket,id=kvmbench-agent,path={place}/agent.sock,server=on,wait=off"),
        *("-device", "isa-serial,chardev=kvmbench-agent,index=1"),
        *("-pidfile", f"{place}/pid"),
        *("-smbios", "type=3,asset=c1"),
    ]


@pytest.mark.parametrize(("engine", "expected"), [("kvm", "kvm"), ("tcg", "tcg")])
def test_the_engine_is_the_one_that_was_found_to_work(tmp_path: Path, engine: str, expected: str) -> None:
    (tmp_path / "engine.json").write_text(json.dumps({"engine": engine, "reason": "measured"}))
    argv = _argv(tmp_path, "-m 64")
    assert argv[argv.index("-accel") + 1] == expected


@pytest.mark.parametrize("text", ["", "{", "{}"])
def test_an_engine_file_that_says_nothing_means_tcg(tmp_path: Path, text: str) -> None:
    (tmp_path / "engine.json").write_text(text)
    argv = _argv(tmp_path, "-m 64")
    assert argv[argv.index("-accel") + 1] == "tcg"


@pytest.mark.parametrize("line", ["-accel kvm", "-enable-kvm", "-machine q35,accel=tcg", "-M accel=kvm:tcg"])
def test_an_accelerator_that_is_named_stays_alone(tmp_path: Path, line: str) -> None:
    argv = _argv(tmp_path, line)
    assert argv.count("-accel") == line.count("-accel")


@pytest.mark.parametrize(
    "line",
    [
        *("-h", "--help", "-version", "-machine help", "-cpu help", "-cpu ?", "-accel help"),
        *("-device help", "-device e1000,help", "-net nic,model=help"),
    ],
)
def test_a_question_to_qemu_is_handed_on_as_it_is(tmp_path: Path, line: str) -> None:
    assert qemu_kvm.asks(line.split())
    assert not (tmp_path / "guests").exists()


def test_a_line_that_starts_a_guest_is_no_question() -> None:
    assert not qemu_kvm.asks(["-name", "help1", "-drive", "file=/helpful,if=virtio"])


def test_a_guest_without_a_name_gets_a_free_one(tmp_path: Path) -> None:
    argv = _argv(tmp_path, "-m 64")
    assert argv[argv.index("-name") + 1] == "guest1"


@pytest.mark.parametrize("line", ["-name guest=c9,debug-threads=on", "-name c9", "--name c9,process=x"])
def test_every_spelling_of_a_name_is_read(tmp_path: Path, line: str) -> None:
    _argv(tmp_path, line)
    assert (tmp_path / "guests" / "c9").is_dir()


@pytest.mark.parametrize(
    ("line", "serials"),
    [
        ("-serial none", ["none"]),
        ("-nographic", ["mon:stdio"]),
        ("-nographic -monitor none", ["stdio"]),
        ("-nographic -serial stdio", ["stdio"]),
    ],
)
def test_a_serial_port_of_ones_own_stays_where_it_was(tmp_path: Path, line: str, serials: list[str]) -> None:
    argv = _argv(tmp_path, line)
    assert [after for word, after in pairwise(argv) if word == "-serial"] == serials


def test_a_pid_file_and_an_smbios_table_of_ones_own_stay_alone(tmp_path: Path) -> None:
    argv = _argv(tmp_path, "-pidfile /x -smbios type=3,asset=mine")
    assert argv.count("-pidfile") == argv.count("-smbios") == 1


def test_what_an_earlier_guest_of_that_name_left_is_cleared(tmp_path: Path) -> None:
    place = tmp_path / "guests" / "c1"
    place.mkdir(parents=True)
    (place / "pid").write_text("1\n")
    (place / "qmp.sock").touch()
    _argv(tmp_path, "-name c1")
    assert list(place.iterdir()) == []


def test_a_missing_downscript_is_not_asked_for(tmp_path: Path, ifup: Path) -> None:
    argv = _argv(tmp_path, f"-net nic -net tap,script={ifup}")
    mended = not Path("/etc/qemu-ifdown").exists()
    assert (f"tap,script={ifup},downscript=no" in argv) is mended


REFUSED = [
    (
        "-net nic,macaddr=52:54:00:00:00",
        "52:54:00:00:00 is no MAC address: it has 5 bytes, not 6",
        "Write six",
    ),
    ("-device e1000,mac=52:54:00:00:00:1g", "52:54:00:00:00:1g is no MAC address: a byte", "Write six"),
    (
        "-nic tap,script=no,mac=53:54:00:00:00:01",
        "53:54:00:00:00:01 is a multicast address",
        "even first byte",
    ),
    ("-net nic,vlan=0,model=virtio", "-net has no vlan= any more", "-nic tap"),
    ("-drive file=/nowhere/c1.img,if=virtio", "there is no disk image /nowhere/c1.img", "ls -l /nowhere"),
    ("-hda nowhere.img", "there is no disk image nowhere.img", "ls -l ."),
    ("-name a/b", "'a/b' is no name for a guest", "letters"),
    ("-net tap,ifname=a-very-long-name,script=no", "a-very-long-name has more than 15 bytes", "tap01"),
    ("-net tap,script=/nowhere/ifup", "there is no /nowhere/ifup", "Write it first"),
]


@pytest.mark.parametrize(("line", "what", "hint"), REFUSED)
def test_what_cannot_work_is_said_in_two_lines(tmp_path: Path, line: str, what: str, hint: str) -> None:
    ended = _ended(tmp_path, line)
    said = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert len(said) == 2
    assert what in said[0]
    assert hint in said[1]
    assert not (tmp_path / "guests").exists()


@pytest.mark.parametrize(
    "line",
    [
        "-net nic,macaddr=52:54:0:0:0:1",
        "-netdev tap,id=n,script=no -device virtio-net-pci,netdev=n,mac=52-54-00-00-00-01",
        "-net tap,fd=7",
        "-drive file=nbd://outside/x,if=virtio",
        "-vnc none",
        "-vnc unix:/run/c1.vnc",
        "-display none",
    ],
)
def test_what_qemu_can_do_is_not_refused(line: str) -> None:
    assert _refusals(line) == []


@pytest.mark.parametrize(
    ("text", "executable", "what"),
    [
        ("#!/bin/sh\n", False, "is not executable"),
        ("exit 0\n", True, "does not begin with #!"),
        ("#!/bin/bsah\n", True, "which is not there"),
        ("#!/bin/sh\r\nexit 0\r\n", True, r"'#!/bin/sh\r', which is not there"),
    ],
)
def test_a_broken_script_is_named(ifup: Path, text: str, executable: bool, what: str) -> None:
    ifup.write_text(text, newline="")
    ifup.chmod(0o755 if executable else 0o644)
    (said,) = _refusals(f"-net tap,script={ifup}")
    assert what in said


def test_an_image_that_another_guest_writes_to_is_refused_with_its_name(disk: Path, tmp_path: Path) -> None:
    (tmp_path / "same.img").symlink_to(disk)
    mine, theirs = (
        f"-name c2 -drive file={tmp_path}/same.img,if=virtio",
        f"-name c1 -drive file={disk},if=virtio",
    )
    (said,) = _refusals(mine, {"c1": theirs})
    assert said.startswith(f"{tmp_path}/same.img is locked: guest c1 writes to it\n")
    assert _refusals(f"{mine},readonly=on", {"c1": f"{theirs},readonly=on"}) == []
    assert _refusals(f"-cdrom {disk}", {"c1": f"-cdrom {disk}"}) == []


def test_a_name_and_a_tap_in_use_are_refused_with_who_uses_them() -> None:
    others = {"c1": "-name c1 -net tap,ifname=tap01,script=no"}
    assert [said.split("\n")[0] for said in _refusals("-name c1", others)] == [
        "a guest named c1 is running already"
    ]
    (said,) = _refusals("-name c2 -nic tap,ifname=tap01,script=no", others)
    assert said.startswith("tap01 is in use by guest c1\n")


@pytest.fixture
def busy_display() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1] - 5900


def test_a_vnc_display_that_is_taken_is_refused(busy_display: int) -> None:
    for line in (f"-vnc 127.0.0.1:{busy_display}", f"-display vnc=127.0.0.1:{busy_display}"):
        (said,) = _refusals(line)
        assert said.startswith(f"VNC display :{busy_display} (TCP port {busy_display + 5900}) is taken\n")
    assert _refusals(f"-vnc 127.0.0.1:{busy_display},to=9") == []


def test_a_name_with_a_comma_is_read_as_qemu_reads_it() -> None:
    assert qemu_kvm.fields("file=/a,,b.img,if=virtio") == {"file": "/a,b.img", "if": "virtio"}


def test_the_script_is_plain_python_that_needs_nothing_installed() -> None:
    assert launcher.text().startswith("#!/usr/bin/python3 -IS\n")
    assert launcher.source().stat().st_mode & 0o111
    subprocess.run(
        ["/usr/bin/python3", "-IS", "-c", f"compile(open({str(launcher.source())!r}).read(), 'x', 'exec')"],
        check=True,
    )


ON_A_BENCH = r"""
set -e
mount -t tmpfs none /run; ip link set lo up; cd /run
qemu-img create -q -f qcow2 a.img 64M; qemu-img create -q -f qcow2 b.img 64M
start="$0 -m 64 -S -daemonize -display none"
$start -name c1 -drive file=a.img,if=virtio -vnc :0
ls kvmbench/guests/c1 | tr '\n' ' '; echo
grep -q '^/usr/bin/qemu-system-x86_64' /proc/$(cat kvmbench/guests/c1/pid)/cmdline
! $start -name c2 -drive file=a.img,if=virtio
! $start -name c1 -drive file=b.img,if=virtio
! $start -name c2 -drive file=b.img,if=virtio -vnc :0
! $start -name c2 -drive file=b.img,if=virtio -no-such-option
ls kvmbench/guests/c2 | wc -l
kill -9 $(cat kvmbench/guests/c1/pid); while ! $start -name c1 -drive file=a.img,if=virtio -vnc :0; do :; done
kill $(cat kvmbench/guests/c1/pid)
"""


@pytest.mark.bench
def test_real_qemu_starts_and_starts_again_after_it_was_killed() -> None:
    ended = subprocess.run(
        ["unshare", "-Urnmpf", "--mount-proc", "sh", "-c", ON_A_BENCH, str(launcher.source())],
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = ended.stderr.splitlines()
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split("\n")[:2] == ["agent.sock console.sock events.sock pid qmp.sock ", "0"]
    assert "qemu-kvm: a.img is locked: guest c1 writes to it" in said
    assert "qemu-kvm: a guest named c1 is running already" in said
    assert "qemu-kvm: VNC display :0 (TCP port 5900) is taken" in said
