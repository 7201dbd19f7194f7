"""Guests: found by what they execute, known by what was typed and by what QEMU answers."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kvmbench.model import Drive, Nic
from kvmbench.observe import cmdline, qmp
from kvmbench.observe.guests import files, guest, plugged, runs_qemu, settled
from kvmbench.observe.processes import OpenFiles, Process, processes
from tests.observe.recordings import text
from tests.observe.room import inside, kept

RECORDED: dict[str, Any] = json.loads(text("guests.json"))
QEMU = "/usr/bin/qemu-system-x86_64"


def process(name: str, taps: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> Process:
    held = OpenFiles(taps, kvm=False, files=more)
    return Process(60, 1, QEMU, tuple(RECORDED[name]["argv"]), resident_mib=29.44, open=held)


# What was typed.


def test_the_tutorials_line_is_read() -> None:
    c1 = cmdline.read(RECORDED["c1"]["argv"])
    assert (c1.name, c1.memory_mib, c1.vcpus, c1.engine) == ("c1", 256, 2, "tcg")
    assert c1.drives == (Drive("/vms/cirros/cirros1.img", "qcow2", "virtio"),)
    assert c1.nics == (Nic("virtio", "52:54:00:00:00:01", "tap01"),)
    assert c1.vnc == "0.0.0.0:5900"
    place = "/run/kvmbench/guests/c1"
    assert (c1.qmp, c1.console, c1.agent) == (
        f"{place}/qmp.sock",
        f"{place}/console.sock",
        f"{place}/agent.sock",
    )


def test_todays_spelling_is_read_too() -> None:
    c2 = cmdline.read(RECORDED["c2"]["argv"])
    assert (c2.name, c2.memory_mib, c2.vcpus, c2.machine, c2.cpu) == ("c2", 1024, 2, "q35", "max")
    assert c2.nics == (
        Nic("e1000", "52:54:00:00:00:02", "tap02"),
        Nic("rtl8139", "52:54:00:00:00:03", "tap03"),
    )
    assert c2.drives == (
        Drive("c2.img", "", "ide"),
        Drive("x.iso", "", "ide", media="cdrom"),
        Drive("base.qcow2", "", "virtio"),
    )
    assert c2.vnc == "/run/v.sock"


def typed(*words: str) -> cmdline.CommandLine:
    return cmdline.read(["qemu-system-x86_64", *words])


@pytest.mark.parametrize(
    ("words", "engine"),
    [
        ("-enable-kvm", "kvm"),
        ("-accel kvm -accel tcg", "kvm"),
        ("-machine q35,accel=kvm:tcg", "kvm"),
        ("-accel tcg,thread=multi", "tcg"),
        ("", "tcg"),
    ],
)
def test_the_engine_that_was_asked_for(words: str, engine: str) -> None:
    assert typed(*words.split()).engine == engine


def test_a_line_that_says_nothing_has_qemus_defaults() -> None:
    bare = typed()
    assert (bare.name, bare.memory_mib, bare.vcpus, bare.drives, bare.nics) == ("", 128, 1, (), ())
    assert (bare.vnc, bare.console, bare.agent, bare.qmp) == (None, None, None, None)


def test_cards_and_taps_of_old_spelling_belong_together_in_their_order() -> None:
    words = "-net nic -net tap,ifname=tap01 -net nic,model=pcnet -net user -net nic,netdev=n1"
    two = typed(*words.split())
    assert [(nic.model, nic.tap) for nic in two.nics] == [("", "tap01"), ("pcnet", None), ("", None)]
    assert typed("-nic", "none").nics == ()
    assert typed("-net", "none").nics == ()


def test_a_console_may_be_a_chardev_or_the_terminal() -> None:
    named = typed("-chardev", "socket,id=c,path=/run/c.sock,server=on,wait=off", "-serial", "chardev:c")
    assert named.console == "/run/c.sock"
    assert typed("-serial", "stdio").console is None


def test_the_benchs_own_qmp_socket_is_taken_before_one_that_somebody_else_uses() -> None:
    mine = "unix:/run/kvmbench/guests/c1/qmp.sock,server=on,wait=off"
    assert typed("-qmp", "unix:/tmp/q,server", "-qmp", mine).qmp == "/run/kvmbench/guests/c1/qmp.sock"
    assert typed("-qmp", "unix:/tmp/q,server").qmp == "/tmp/q"
    assert typed("-qmp", "tcp:localhost:4444,server").qmp is None


@pytest.mark.parametrize(
    "word", ["-name", "-m", "-smp", "-drive", "-nic", "-vnc", "-qmp", "-serial", "-device"]
)
def test_an_option_without_its_value_is_no_reason_to_fail(word: str) -> None:
    assert typed(word).name == ""
    assert typed(word, ",=,,").vcpus == 1


# What QEMU answers.


def test_a_guest_is_what_qemu_says_of_it() -> None:
    c1 = guest(process("c1", ("tap01",)), RECORDED["c1"]["answers"], None)
    assert (c1.name, c1.pid, c1.status, c1.engine) == ("c1", 60, "prelaunch", "tcg")
    assert (c1.memory_mib, c1.vcpus, c1.machine, c1.vnc) == (256, 2, "pc-i440fx-7.2", "0.0.0.0:5900")
    assert c1.drives == (Drive("/vms/cirros/cirros1.img", "qcow2", "virtio"),)
    assert c1.nics == (Nic("virtio", "52:54:00:00:00:01", "tap01"),)
    assert (c1.executable, c1.resident_mib) == (QEMU, 29.4)


def test_relative_paths_are_found_among_the_open_files_as_a_daemon_stands_at_the_root() -> None:
    held = ("/vms/cirros/c2.img", "/vms/cirros/x.iso", "/vms/cirros/base.qcow2")
    c2 = guest(process("c2", ("tap03", "tap02"), held), RECORDED["c2"]["answers"], None)
    assert c2.drives == (
        Drive("/vms/cirros/c2.img", "", "ide"),
        Drive("/vms/cirros/x.iso", "", "ide", media="cdrom"),
        Drive(
            "/vms/cirros/base.qcow2", "", "virtio"
        ),  # with snapshot=on: what lies behind the temporary file
    )
    assert c2.nics == (
        Nic("e1000", "52:54:00:00:00:02", "tap02"),
        Nic("rtl8139", "52:54:00:00:00:03", "tap03"),
    )
    assert c2.vnc == "/run/v.sock"
    assert files(process("c2", (), held)) == held


def test_drives_and_cards_that_the_line_does_not_spell_out_are_seen() -> None:
    x3 = guest(process("x3", ("tap04",)), RECORDED["x3"]["answers"], None)
    assert x3.drives == (
        Drive("/vms/cirros/disk4.img", "", "ide", cache="none"),
        Drive("/vms/cirros/disk3.img", "raw", ""),  # a -blockdev
    )
    assert x3.nics == (Nic("e1000", "52:54:00:12:34:56"), Nic("pcnet", "52:54:00:12:34:57", "tap04"))
    assert (x3.vnc, x3.memory_mib) == (None, 128)


def test_a_guest_that_cannot_be_asked_is_what_was_typed_with_an_unknown_status() -> None:
    c1 = guest(process("c1", ("tap01",)), None, None)
    assert (c1.status, c1.memory_mib, c1.vcpus, c1.vnc) == ("unknown", 256, 2, "0.0.0.0:5900")
    assert c1.nics == (Nic("virtio", "52:54:00:00:00:01", "tap01"),)


def test_a_cd_that_was_inserted_later_is_told_as_qemu_has_it() -> None:
    answers = dict(RECORDED["c1"]["answers"])
    inserted = {"file": "/vms/x.iso", "drv": "raw", "cache": {"writeback": False, "direct": False}}
    answers["query-block"] = [{"device": "ide1-cd0", "qdev": "/machine/x", "inserted": inserted}]
    c1 = guest(process("c1"), answers, None)
    assert c1.drives == (Drive("/vms/x.iso", "raw", "ide", media="cdrom", cache="writethrough"),)


def test_a_card_has_the_tap_that_qemu_holds_whatever_was_typed() -> None:
    one, two = Nic("virtio", "52:54:00:00:00:01", "tap01"), Nic("e1000", "52:54:00:00:00:02", "tap02")
    held = OpenFiles(("tap01", "renamed"), kvm=False, files=())
    assert [nic.tap for nic in plugged((two, one), held)] == ["renamed", "tap01"]
    gone = OpenFiles((), kvm=False, files=())
    assert [nic.tap for nic in plugged((one, two), gone)] == [None, None]
    assert plugged((one, two), None) == (one, two)


# Who answers for QEMU.


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[str]:
    """A socket that takes connections and never says a word."""
    path = str(tmp_path / "qmp.sock")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(path)
        listening.listen()
        yield path


@pytest.mark.timeout(20)
def test_a_qemu_that_never_answers_is_given_up_in_time(
    silent: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = kept()
    for _ in range(3):
        assert qmp.ask(silent, timeout_s=0.2) is None
    assert all(now <= was for now, was in zip(kept(), before, strict=True)), "one of another test may end"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "greeting", [b"", b"SSH-2.0-dropbear\r\n", b"{}\n", b"7\n", b"[]\n", b'{"QMP": {"version": {}, "capa']
)
def test_who_is_no_qemu_or_hangs_up_is_told_from_one(
    tmp_path: Path, greeting: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "qmp.sock")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(path)
        listening.listen()

        def answer() -> None:
            connected, _ = listening.accept()
            connected.sendall(greeting)
            connected.close()

        thread = threading.Thread(target=answer)
        thread.start()
        assert qmp.ask(path) is None
        thread.join()
    assert capfd.readouterr() == ("", "")


def test_answers_are_told_from_events_and_a_refused_command_is_left_out(tmp_path: Path) -> None:
    path = str(tmp_path / "qmp.sock")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(path)
        listening.listen()

        def answer() -> None:
            connected, _ = listening.accept()
            with connected, connected.makefile("rb") as orders:
                connected.sendall(b'{"QMP": {"version": {}, "capabilities": []}}\r\n')
                for line in orders:
                    order = json.loads(line)
                    refused = order["execute"] == "query-vnc"
                    said = (
                        {"error": {"class": "CommandNotFound"}} if refused else {"return": order["execute"]}
                    )
                    reply = json.dumps(said | {"id": order["id"]}).encode() + b"\r\n"
                    connected.sendall(b'{"event": "RESUME"}\r\n' + reply[:9])
                    connected.sendall(reply[9:])

        thread = threading.Thread(target=answer)
        thread.start()
        told = qmp.ask(path)
        thread.join()
    assert told is not None
    assert "query-vnc" not in told
    assert all(command == said for command, said in told.items())
    assert len(told) == 7


def test_a_dead_socket_is_no_qemu(tmp_path: Path) -> None:
    assert qmp.ask(str(tmp_path / "none.sock")) is None
    (tmp_path / "file").touch()
    assert qmp.ask(str(tmp_path / "file")) is None


# Which processes are guests.


def made_up(
    proc: Path,
    pid: int,
    executable: str,
    argv: list[str],
    *,
    parent: int = 1,
    started: int = 100,
    state: str = "S",
) -> Path:
    """A process in a directory that looks like /proc."""
    entry = proc / str(pid)
    (entry / "fd").mkdir(parents=True)
    (entry / "fdinfo").mkdir()
    (entry / "ns").mkdir()
    (entry / "exe").symlink_to(executable)
    (entry / "cwd").symlink_to("/")
    (entry / "ns" / "net").symlink_to("net:[4026531840]")
    (entry / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in argv))
    (entry / "stat").write_text(f"{pid} (odd) name) {state} {parent} " + "0 " * 17 + f"{started} 0\n")
    (entry / "status").write_text("Name:\tqemu\nVmRSS:\t  30208 kB\n")
    return entry


def opens(entry: Path, number: int, target: str, info: str = "pos:\t0\n") -> None:
    (entry / "fd" / str(number)).symlink_to(target)
    (entry / "fdinfo" / str(number)).write_text(info)


def test_a_process_is_known_by_what_it_executes_not_by_what_it_calls_itself(tmp_path: Path) -> None:
    made_up(tmp_path, 10, "/usr/bin/sleep", ["/usr/bin/qemu-system-x86_64", "-name", "c9"])
    made_up(tmp_path, 11, f"{QEMU} (deleted)", ["not-qemu", "-name", "c1"])
    made_up(tmp_path, 12, QEMU, ["qemu-system-x86_64", "-name", "dead"], state="Z")
    (tmp_path / "13").mkdir()  # it ended while it was being looked at
    (found,) = processes(runs_qemu, tmp_path)
    assert (found.pid, found.executable, found.argv) == (11, QEMU, ("not-qemu", "-name", "c1"))
    assert (found.parent, found.started, found.resident_mib, found.netns) == (1, 100, 29.5, 4026531840)
    assert found.open == OpenFiles((), kvm=False, files=())


def test_open_files_give_away_taps_images_and_kvm(tmp_path: Path) -> None:
    entry = made_up(tmp_path, 10, QEMU, ["qemu"])
    opens(entry, 3, "/vms/cirros/cirros1.img")
    opens(entry, 10, "/dev/net/tun", "pos:\t0\niff:\ttap02\n")
    opens(entry, 9, "/dev/net/tun", "pos:\t0\niff:\ttap01\n")
    opens(entry, 11, "/dev/net/tun", "pos:\t0\niff:\t\n")  # its tap was deleted
    opens(entry, 12, "/dev/net/tun", "pos:\t0\niff:\ttap01\n")  # a second queue
    opens(entry, 4, "anon_inode:kvm-vm")
    (found,) = processes(runs_qemu, tmp_path)
    assert found.open is not None
    assert found.open.taps == ("tap01", "tap02")
    assert found.open.kvm
    assert found.open.files[0] == "/vms/cirros/cirros1.img"
    assert guest(found, None, None).engine == "kvm"


def test_a_proc_that_is_not_there_holds_no_process(tmp_path: Path) -> None:
    assert processes(runs_qemu, tmp_path / "none") == ()


def test_a_guest_that_is_going_to_the_background_is_one_guest() -> None:
    line = ("qemu-system-x86_64", "-name", "c1", "-daemonize")
    waits = Process(10, 9, QEMU, line, started=100)
    stays = Process(12, 1, QEMU, line, started=101)
    starts_a_script = Process(13, 12, QEMU, line, started=102)
    other = Process(20, 1, QEMU, ("qemu-system-x86_64", "-name", "c2"), started=99)
    assert settled([other, waits, stays, starts_a_script]) == (other, stays)


SETUP = """
ip link add br-int type bridge
ip link set br-int up
cd /run
qemu-img create -q -f qcow2 disk.img 64M
printf '#!/bin/sh\\nip link set $1 master br-int up\\n' >ifup
chmod +x ifup
qemu-system-x86_64 -accel tcg -name c1 -m 64 -smp 2 -drive file=disk.img,if=virtio,format=qcow2 \
    -net nic,model=virtio,macaddr=52:54:00:00:00:01 -net tap,ifname=tap01,script=/run/ifup,downscript=no \
    -display none -vnc :7 -serial none -S -daemonize -qmp unix:/run/qmp.sock,server=on,wait=off
qemu-system-x86_64 -accel tcg -name stranger -m 64 -display none -serial none -monitor none -S -daemonize
"""

SEEN = """
import os, subprocess, time
from kvmbench.observe import look
fake = subprocess.Popen(["bash", "-c", "exec -a qemu-system-x86_64 sleep 60"])
seen = look()
fake.kill()
for guest in seen.guests:
    print([guest.name, guest.status, guest.engine, guest.memory_mib, guest.vcpus, guest.vnc])
    print([(drive.file, drive.format, drive.interface) for drive in guest.drives], guest.resident_mib > 5)
    print([(nic.model, nic.mac, nic.tap) for nic in guest.nics], guest.inside, guest.executable)
print([(image.path, image.format, image.trouble) for image in seen.images])
print(seen.link("tap01").master, seen.link("tap01").carrier, seen.troubles)
started = time.monotonic()
os.kill(seen.guest("c1").pid, 19)
print(look().guest("c1").status, look().troubles, time.monotonic() - started < 5)
os.kill(seen.guest("c1").pid, 9)
while os.path.exists("/proc/%d/exe" % seen.guest("c1").pid) and os.path.lexists("/sys/class/net/tap01"):
    time.sleep(0.01)
print([guest.name for guest in look().guests])
"""


@pytest.mark.guest
@pytest.mark.bench
def test_real_guests_are_seen_with_and_without_our_launcher() -> None:
    assert inside(SETUP, SEEN).splitlines() == [
        "['c1', 'prelaunch', 'tcg', 64, 2, '0.0.0.0:5907']",
        "[('/run/disk.img', 'qcow2', 'virtio')] True",
        "[('virtio', '52:54:00:00:00:01', 'tap01')] None /usr/bin/qemu-system-x86_64",
        "['stranger', 'unknown', 'tcg', 64, 1, None]",
        "[] True",
        "[] None /usr/bin/qemu-system-x86_64",
        "[('/run/disk.img', 'qcow2', None)]",
        "br-int True ()",
        "unknown ('guest c1: QEMU does not answer on /run/qmp.sock',) True",
        "['stranger']",
    ]
