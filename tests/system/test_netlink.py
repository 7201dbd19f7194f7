"""Work inside a network namespace: in a thread of its own, without a process, without a trace."""

from __future__ import annotations

import threading

import pytest

from kvmbench.errors import LookFailed
from kvmbench.system.netlink import OWN, in_namespace
from tests.observe.room import inside


def test_work_is_done_in_another_thread_and_its_result_comes_back() -> None:
    assert in_namespace(OWN, threading.get_ident) != threading.get_ident()


def test_what_the_work_raises_is_raised_where_it_was_asked_for() -> None:
    def fails() -> None:
        raise KeyError("IFLA_IFNAME")

    with pytest.raises(KeyError):
        in_namespace(OWN, fails)


def test_a_namespace_that_is_not_there_is_told_in_two_lines() -> None:
    with pytest.raises(LookFailed) as raised:
        in_namespace("there-is-none", threading.get_ident)
    assert str(raised.value).splitlines() == [
        "the network namespace there-is-none could not be entered: No such file or directory",
        "See which there are: ip netns list",
    ]


@pytest.mark.bench
def test_a_file_that_is_no_namespace_is_refused() -> None:
    said = inside(
        "touch /run/netns/half-made",
        """
from kvmbench.errors import LookFailed
from kvmbench.system.netlink import in_namespace
try:
    in_namespace("half-made", lambda: 1)
except LookFailed as error:
    print(error.what)
""",
    )
    assert said == "the network namespace half-made could not be entered: Invalid argument\n"


@pytest.mark.bench
def test_sockets_and_processes_made_there_stay_there_and_the_caller_does_not_move() -> None:
    said = inside(
        "ip netns add router1; ip link add only-here type bridge",
        """
import os, socket, subprocess
from kvmbench.system.netlink import in_namespace

here = os.readlink("/proc/self/ns/net")
there, links, made = in_namespace("router1", lambda: (
    os.readlink("/proc/thread-self/ns/net"),
    subprocess.run(["ip", "-br", "link"], capture_output=True, text=True).stdout.split()[::4][:1],
    socket.socket(),
))
assert there != here
assert os.readlink("/proc/self/ns/net") == os.readlink("/proc/thread-self/ns/net") == here
assert socket.if_nametoindex("only-here")
print(links)
try:
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"only-here")
except OSError as error:
    print(error.strerror)
""",
    )
    assert said == "['lo']\nNo such device\n"


@pytest.mark.bench
def test_a_dump_works_inside_a_running_event_loop_and_leaves_no_descriptor_open() -> None:
    said = inside(
        "ip netns add router1; ip link add vethm.1 type veth peer name vethm.2 netns router1",
        """
import asyncio, os, threading
from kvmbench.system.netlink import dump, in_namespace

async def as_in_a_notebook():
    return in_namespace("router1", lambda: dump(["", "router1"]))

seen = asyncio.run(as_in_a_notebook())
print([link["IFLA_IFNAME"] for link in seen.links], seen.names)
before = len(os.listdir("/proc/self/fd")), threading.active_count()
for _ in range(20):
    in_namespace("router1", lambda: dump(["", "router1"]))
print((len(os.listdir("/proc/self/fd")), threading.active_count()) == before)
""",
    )
    assert said == "['lo', 'vethm.2'] {0: ''}\nTrue\n"


@pytest.mark.bench
def test_a_namespace_may_vanish_while_its_neighbours_are_read() -> None:
    said = inside(
        "ip netns add router1; ip link add vethm.1 type veth peer name vethm.2 netns router1",
        """
import os
from kvmbench.system.netlink import dump, in_namespace
os.system("umount /run/netns/router1 && rm /run/netns/router1")
seen = in_namespace("", lambda: dump(["", "router1"]))
print([link["IFLA_IFNAME"] for link in seen.links], seen.names)
""",
    )
    assert said in ("['lo'] {}\n", "['lo', 'vethm.1'] {}\n")  # the kernel takes its veth away a moment later
