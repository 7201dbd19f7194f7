"""The agent in a guest: what it answers, and what it survives."""

from __future__ import annotations

import base64
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmbench.errors import BadInput, GuestError, GuestSilent
from kvmbench.qemu import guestimage
from kvmbench.qemu.agent import ask, wait_ready
from tests.qemu.real_guest import BOOT_S, Guest, running


@pytest.fixture(scope="module")
def guest() -> Iterator[Guest]:
    with running(guestimage.ensure_guest_image(), "-nic", "none") as started:
        wait_ready(started.agent, BOOT_S)
        yield started


def _send(guest: Guest, data: bytes) -> None:
    """As a client that dies at once."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(guest.agent))
        line.sendall(data)
        time.sleep(0.2)  # QEMU drops what a client sent that is gone already: here it shall arrive


@pytest.mark.guest
@pytest.mark.parametrize(
    ("command", "code", "out", "err"),
    [
        ("echo hello", 0, "hello\n", ""),
        ("echo oops >&2; exit 7", 7, "", "oops\n"),
        ("no-such-program", 127, "", "sh: no-such-program: not found\n"),
        ("kill -9 $$", 137, "", ""),
        ("cat; echo end of input", 0, "end of input\n", ""),
        ("printf 'no line break'", 0, "no line break", ""),
        ("echo 'Grüße  $HOME'; pwd; echo $HOME", 0, "Grüße  $HOME\n/root\n/root\n", ""),
        ("if true\nthen echo lines\nfi", 0, "lines\n", ""),
        ("", 0, "", ""),
    ],
)
def test_a_command_comes_back_as_it_went(guest: Guest, command: str, code: int, out: str, err: str) -> None:
    done = ask(guest.agent, command)
    assert (done.code, done.out, done.err) == (code, out, err)


@pytest.mark.guest
def test_much_output_and_binary_output_come_back_whole(guest: Guest) -> None:
    much = ask(guest.agent, "seq 20000").out
    assert much == "".join(f"{number}\n" for number in range(1, 20001))
    binary = ask(
        guest.agent, "printf '\\000\\377\\004\\021\\023\\003END 0 0\\n'; head -c 3000 /dev/urandom | wc -c"
    )
    assert binary.out == "\0\ufffd\x04\x11\x13\x03END 0 0\n3000\n"


@pytest.mark.guest
def test_a_command_that_hangs_is_ended_with_all_its_processes(guest: Guest) -> None:
    started = time.monotonic()
    done = ask(guest.agent, "echo first; sleep 1234 & sleep 1234", timeout_s=2)
    assert (done.code, done.out) == (124, "first\n")
    assert time.monotonic() - started < 15
    assert ask(guest.agent, "ps | grep 'sleep 123[4]'").out == ""


@pytest.mark.guest
def test_a_command_that_prints_without_end_fills_no_memory(guest: Guest) -> None:
    done = ask(guest.agent, "yes", timeout_s=3)
    assert done.code != 0
    assert len(done.out) == 2**20
    assert ask(guest.agent, "echo still here").out == "still here\n"


@pytest.mark.guest
def test_what_a_command_leaves_running_does_not_hold_the_answer_back(guest: Guest) -> None:
    started = time.monotonic()
    assert ask(guest.agent, "sleep 300 & echo done").out == "done\n"
    assert time.monotonic() - started < 10


@pytest.mark.guest
def test_garbage_is_survived(guest: Guest) -> None:
    noise = random.Random(1)
    for sent in (
        noise.randbytes(5000),
        b"RUN\nRUN x\nRUN x y z\nRUN x 5 ***\nPING\nPING ;reboot\nEND x 0\nRUN $(reboot) 5 cmVib290\n",
        b"\x03\x04\x1a\x11\x13" * 100,
        b"A" * 20000,
    ):
        _send(guest, sent)
        assert ask(guest.agent, "echo still here", timeout_s=30).out == "still here\n"


@pytest.mark.guest
def test_a_command_that_lost_its_tail_is_not_run(guest: Guest) -> None:
    whole = base64.b64encode(b"touch /tmp/half /tmp/whole").decode()
    _send(guest, f"\nRUN aa-{len(whole)} 5 {whole[:20]}".encode())
    assert ask(guest.agent, "ls /tmp").out == ""
    _send(guest, f"\nRUN ab-{len(whole)} 5 {whole}\n".encode())
    assert ask(guest.agent, "ls /tmp; rm /tmp/*").out == "half\nwhole\n"


@pytest.mark.guest
def test_the_next_client_gets_its_own_answer_after_one_died_in_the_middle(guest: Guest) -> None:
    command = base64.b64encode(b"seq 30000").decode()
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(guest.agent))
        line.sendall(f"\nRUN dead 20 {command}\n".encode())
        assert line.recv(100)
    assert ask(guest.agent, "echo mine").out == "mine\n"


@pytest.mark.guest
def test_two_askers_take_turns(guest: Guest) -> None:
    answers: dict[int, str] = {}

    def one(number: int) -> None:
        answers[number] = ask(guest.agent, f"sleep 1; echo {number}", timeout_s=30).out

    threads = [threading.Thread(target=one, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert answers == {number: f"{number}\n" for number in range(3)}


@pytest.mark.guest
def test_an_agent_that_a_command_kills_comes_back(guest: Guest) -> None:
    with pytest.raises(GuestSilent) as silent:
        ask(guest.agent, "kill -9 $(pidof agent)", timeout_s=3)
    assert len(str(silent.value).splitlines()) == 2
    wait_ready(guest.agent, 30)
    assert ask(guest.agent, "echo back").out == "back\n"


def test_a_guest_that_is_not_there_is_told_in_two_lines(tmp_path: Path) -> None:
    with pytest.raises(GuestError) as missing:
        ask(tmp_path / "c7" / "agent.sock", "true")
    assert "no guest c7 is running" in str(missing.value)
    assert len(str(missing.value).splitlines()) == 2


def test_a_guest_without_an_agent_is_silent_and_says_so(tmp_path: Path) -> None:
    place = tmp_path / "c7"
    place.mkdir()
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(place / "agent.sock"))
        deaf.listen()
        with pytest.raises(GuestSilent) as silent:
            ask(place / "agent.sock", "true", timeout_s=0.5)
        with pytest.raises(GuestSilent):
            wait_ready(place / "agent.sock", 0.5)
    assert "guest c7 does not answer" in silent.value.what


def test_a_command_too_long_for_the_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        ask(tmp_path / "c7" / "agent.sock", "x" * 40000)
