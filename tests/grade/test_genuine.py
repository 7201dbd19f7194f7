"""Whoever stands in for a guest is noticed: at its sockets, at its tap, under its address."""

from __future__ import annotations

import os
import time
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from kvmbench.bench import aside, beneath, enter, frozen
from kvmbench.bench.genuine import tap_namespaces
from kvmbench.bench.lifecycle import Bench
from kvmbench.bench.started import Started
from kvmbench.errors import GuestSilent
from kvmbench.grade.genuine import connected
from kvmbench.grade.questions import from_here
from kvmbench.grade.wiretap import Frame, owns_address
from kvmbench.model import Guest, Inside, Nic, Probe
from tests.grade.conftest import STRICT

pytestmark = pytest.mark.bench

LISTENS = """
import socket, time
listening = socket.socket(socket.AF_UNIX)
listening.bind("/run/{name}.sock")
listening.listen()
open("/run/{name}.there", "w").write("x")
time.sleep(600)
"""
HOLDS_TAPS = """
import fcntl, struct, subprocess, time
taps = []
for name in (b"tap01", b"tap02"):
    taps.append(open("/dev/net/tun", "r+b", buffering=0))
    fcntl.ioctl(taps[-1], 0x400454CA, struct.pack("16sH", name, 0x1002))
subprocess.run("ip netns add aside; ip link set tap02 netns aside", shell=True, check=True)
open("/run/taps.there", "w").write("x")
time.sleep(600)
"""
CABLES = """
ip link add br0 type bridge; ip link set br0 up
for n in 1 2; do
    ip netns add r$n; ip link add p$n type veth peer name eth0 netns r$n; ip link set p$n master br0 up
    ip -n r$n address add 10.1.1.$n/24 dev eth0; ip -n r$n link set eth0 up
done
ip address add 10.1.1.254/24 dev br0
"""


def started(bench: Bench, name: str, program: str) -> tuple[Started, int]:
    """A Python program on the bench that has told that it is there, and its process id on this machine."""
    running = Started(bench, ["/usr/bin/python3", "-c", program], STRICT, enter.environment(bench))
    deadline = time.monotonic() + 20
    while not beneath.read(bench.init, f"/run/{name}.there"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    told = f"/run/{name}.there".encode()
    (pid,) = (pid for pid in frozen.members(bench) if told in Path(f"/proc/{pid}/cmdline").read_bytes())
    return running, pid


def test_a_socket_at_which_somebody_else_listens_is_not_the_guests(bench: Bench) -> None:
    one, its_pid = started(bench, "one", LISTENS.format(name="one"))
    other, others_pid = started(bench, "other", LISTENS.format(name="other"))
    try:
        with connected(bench.init, "/run/one.sock", its_pid):
            pass
        with (
            pytest.raises(GuestSilent, match="another process than QEMU listens on"),
            connected(bench.init, "/run/one.sock", others_pid),
        ):
            pass
    finally:
        one.end()
        other.end()


def test_a_tap_is_known_by_the_network_that_it_lives_in(bench: Bench) -> None:
    holder, pid = started(bench, "taps", HOLDS_TAPS)
    try:
        home = os.stat(f"/proc/{bench.init}/ns/net").st_ino
        found = tap_namespaces(pid)
        assert found["tap01"] == home
        assert found["tap02"] != home
    finally:
        holder.end()


def test_an_address_is_that_of_who_answers_behind_this_very_cable(bench: Bench) -> None:
    enter.capture(bench, ["sh", "-c", CABLES]).checked()
    asked = [("p1", "10.1.1.1"), ("p1", "10.1.1.9"), ("p1", "10.1.1.2"), ("p2", "10.1.1.2")]

    def answers() -> bytes:
        return "".join(str(int(owns_address(*each, wait_s=0.4))) for each in asked).encode()

    assert aside.run(bench, answers) == b"1001"


def test_whoever_answers_in_a_guests_place_does_not_answer_for_it(bench: Bench) -> None:
    enter.capture(bench, ["sh", "-c", CABLES]).checked()
    probe = Probe.ping("bench", "guest:c1")
    said = Inside("c1", {"eth0": (IPv4Interface("10.1.1.1/24"),)}, None, {})
    claims = Guest("c1", 1, (), "running", "tcg", 256, 1, nics=(Nic("virtio", "", "tap01"),), inside=said)
    passed = Frame("tap01", True, "10.1.1.254", "10.1.1.1", 1, 56, 8, b"")

    def answers() -> bytes:
        told = [from_here(probe, [claims], {}, frames) for frames in ([], [passed])]
        return ";".join(f"{each.ok} {each.why}" for each in told).encode()

    assert aside.run(bench, answers) == b"False somebody else answered for c1;True "
