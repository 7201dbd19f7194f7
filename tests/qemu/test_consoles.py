"""Console streams at real sockets, a real terminal, and a real guest."""

from __future__ import annotations

import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmbench.errors import BadInput, GuestError, TimedOut
from kvmbench.observe import monitor
from kvmbench.qemu import guestimage
from kvmbench.qemu.serial import Serial
from kvmbench.qemu.stream import HISTORY_BYTES, Pump, SocketSource, Stream, Window
from kvmbench.qemu.terminal import Sitting
from kvmbench.qemu.vnc import VncLine
from tests.qemu.real_guest import Guest, eventually, running


@pytest.fixture
def pair() -> Iterator[tuple[Stream, socket.socket]]:
    """A stream, and the guest's end of it."""
    ours, theirs = socket.socketpair()
    stream = Stream(SocketSource(ours))
    try:
        yield stream, theirs
    finally:
        stream.close()
        theirs.close()


def test_every_view_gets_all_from_the_beginning_and_the_end_is_told(
    pair: tuple[Stream, socket.socket],
) -> None:
    stream, theirs = pair
    theirs.sendall(b"before ")
    eventually("the first bytes", lambda: stream.length == 7)
    got: list[bytes] = []
    late: list[bytes] = []
    ended = threading.Event()
    Pump(stream, got.append, ended.set)
    Pump(stream, late.append, lambda: None)
    theirs.sendall(b"after")
    eventually("both views", lambda: b"".join(got) == b"".join(late) == b"before after")
    theirs.close()
    assert ended.wait(5)
    assert stream.ended


def test_what_is_typed_arrives_as_it_is(pair: tuple[Stream, socket.socket]) -> None:
    stream, theirs = pair
    stream.send(b"\x01c\x00\xff")
    assert theirs.recv(10) == b"\x01c\x00\xff"


def test_the_history_is_bounded_and_a_view_that_fell_behind_goes_on_with_what_is_kept(
    pair: tuple[Stream, socket.socket],
) -> None:
    stream, theirs = pair
    whole = bytes(range(256)) * 4096
    theirs.sendall(whole)
    eventually("all of it", lambda: stream.length == len(whole))
    kept, after = stream.since(0, timeout_s=0, most=len(whole))
    assert kept == whole[-HISTORY_BYTES:]
    assert after == len(whole)


def test_a_view_that_acknowledges_nothing_is_sent_no_more_than_the_window() -> None:
    window = Window(limit=100, patience_s=0.05)
    window.sent(99)
    assert window.wait()
    window.sent(1)
    assert not window.wait()
    assert window.closed


def test_an_acknowledgement_makes_room() -> None:
    window = Window(limit=100, patience_s=5)
    window.sent(150)
    threading.Timer(0.05, window.got, [60]).start()
    assert window.wait()
    assert window.under_way == 90


def test_a_terminal_is_one_for_the_program_and_ctrl_c_is_a_signal() -> None:
    sitting = Sitting("tty; stty size; echo ready; exec sleep 60")
    sitting.resize(100, 30)
    eventually("its lines", lambda: b"ready" in sitting.stream.since(0, timeout_s=0)[0])
    assert b"/dev/pts/" in sitting.stream.since(0, timeout_s=0)[0]
    sitting.stream.send(b"\x03")
    eventually("its end", lambda: sitting.stream.ended)
    eventually("its exit code", lambda: sitting.code == -2)


def test_hanging_up_ends_the_program() -> None:
    sitting = Sitting("echo ready; exec sleep 60")
    eventually("its line", lambda: b"ready" in sitting.stream.since(0, timeout_s=0)[0])
    sitting.close()
    eventually("its end", lambda: sitting.code == -1)


def test_a_guest_that_is_not_there_is_two_lines(tmp_path: Path) -> None:
    with pytest.raises(GuestError) as caught:
        Serial("c9", str(tmp_path / "nobody" / "console.sock")).run("true")
    assert str(caught.value).splitlines() == [
        "no guest named c9 runs here",
        "look().guests lists those that do; start it first.",
    ]


@pytest.fixture(scope="module")
def guest() -> Iterator[tuple[Guest, str]]:
    """A booted guest with a VNC display on a unix socket, and that display's path."""
    with (
        tempfile.TemporaryDirectory(prefix="kvmbench-") as directory,
        running(guestimage.ensure_guest_image(), "-vnc", f"unix:{directory}/vnc.sock") as booted,
    ):
        eventually("QEMU's sockets", lambda: monitor.vnc(str(booted.qmp)) is not None)
        yield booted, f"{directory}/vnc.sock"


@pytest.mark.guest
def test_a_command_over_the_serial_line_has_output_and_exit_code(guest: tuple[Guest, str]) -> None:
    serial = Serial("c1", str(guest[0].console))
    done = serial.run("echo 'to be' \"$USER\"; ls /nowhere; exit 3", timeout_s=120)
    assert done.code == 3
    assert done.out == "to be root\nls: /nowhere: No such file or directory\n"
    assert serial.run("true").ok
    serial.stream.send(b"half a line")  # somebody typed
    assert serial.run("echo $((6 * 7))").out == "42\n"
    assert len(serial.run("seq 1 3000").out.splitlines()) == 3000
    serial.close()


@pytest.mark.guest
def test_a_command_that_takes_too_long_is_interrupted(guest: tuple[Guest, str]) -> None:
    serial = Serial("c1", str(guest[0].console))
    with pytest.raises(TimedOut, match=r"'sleep 100' on the console of c1"):
        serial.run("sleep 100", timeout_s=8)
    assert serial.run("echo again").out == "again\n"
    with pytest.raises(BadInput, match="too long"):
        serial.run("x" * 2000)
    serial.close()


@pytest.mark.guest
def test_the_screen_speaks_rfb_and_is_photographed(guest: tuple[Guest, str]) -> None:
    booted, display = guest
    assert monitor.vnc(str(booted.qmp)) == display
    got: list[bytes] = []
    line = VncLine(display, got.append, lambda: None)
    eventually("QEMU's first word", lambda: b"".join(got) == b"RFB 003.008\n")
    line.close()
    picture = monitor.screenshot(str(booted.qmp))
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 500


@pytest.mark.guest
def test_the_monitor_completes_by_what_qemu_says_and_takes_qmp(guest: tuple[Guest, str]) -> None:
    socket_path = str(guest[0].qmp)
    assert monitor.completed(socket_path, "info versi") == ("info version ", ())
    becomes, words = monitor.completed(socket_path, "screen")
    assert (becomes, words) == ("screendump ", ())
    becomes, words = monitor.completed(socket_path, "info block")
    assert becomes == "info block"
    assert {"block", "block-jobs", "blockstats"} <= set(words)
    assert monitor.say(socket_path, "info status") == "VM status: running\n"
    assert re.search(r'"status": "running"', monitor.say(socket_path, '{"execute": "query-status"}'))
    assert "CommandNotFound" in monitor.say(socket_path, '{"execute": "fly"}')
    with pytest.raises(BadInput):
        monitor.say(socket_path, "{nonsense")
