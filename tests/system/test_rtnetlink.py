"""Netlink without a library between: damaged and changing answers, and random networks as `ip` tells them."""

from __future__ import annotations

import errno
import random
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from kvmbench.system import rtnetlink
from kvmbench.system.netlink_socket import NetlinkSocket, attribute, attributes, text, unsigned
from tests.observe import test_links, test_routes
from tests.observe.room import inside

NEWLINK, DONE, ERROR, INTERRUPTED = 16, 3, 2, 0x10


def message(kind: int, body: bytes, *, number: int = 1, flags: int = 0) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, number, 0) + body + b"\0" * (-len(body) % 4)


def link(index: int, *given: bytes) -> bytes:
    return struct.pack("=BxHiII", 0, 1, index, 0x1003, 0) + b"".join(given)


def named(name: str) -> bytes:
    return attribute(3, name.encode() + b"\0")


@contextmanager
def answering(*pieces: Sequence[bytes]) -> Iterator[tuple[NetlinkSocket, list[bytes]]]:
    """A kernel that answers each request with the next of these pieces; and what it was asked."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    asked: list[bytes] = []

    def answer() -> None:
        for answers in pieces:
            asked.append(theirs.recv(1 << 16))
            for each in answers:
                theirs.send(each)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    with NetlinkSocket(connected=ours) as kernel, theirs:
        yield kernel, asked
    thread.join(5)


DONE_1, DONE_2, DONE_3 = (message(DONE, bytes(4), number=number) for number in (1, 2, 3))


def test_a_dump_comes_in_several_pieces_and_several_messages_in_one() -> None:
    first = message(NEWLINK, link(1, named("lo"))) + message(NEWLINK, link(2, named("br-int")))
    with answering([first, message(NEWLINK, link(3, named("a-name-of-15-ch"))), DONE_1]) as (kernel, _):
        assert [each["IFLA_IFNAME"] for each in rtnetlink.links(kernel)] == [
            "lo",
            "br-int",
            "a-name-of-15-ch",
        ]


def test_a_list_that_changed_while_it_was_read_is_asked_for_again() -> None:
    changed = message(NEWLINK, link(1, named("lo")), flags=INTERRUPTED)
    whole = message(NEWLINK, link(1, named("lo")), number=2) + message(
        NEWLINK, link(2, named("eth0")), number=2
    )
    with answering([changed, DONE_1], [whole, DONE_2]) as (kernel, asked):
        assert [each["IFLA_IFNAME"] for each in rtnetlink.links(kernel)] == ["lo", "eth0"]
    assert len(asked) == 2


def test_a_list_that_never_stands_still_is_taken_as_it_came_last() -> None:
    tries = [[message(NEWLINK, link(n, named(f"v{n}")), number=n, flags=INTERRUPTED)] for n in (1, 2, 3)]
    done = [message(DONE, bytes(4), number=n, flags=INTERRUPTED) for n in (1, 2, 3)]
    with answering(*([*one, end] for one, end in zip(tries, done, strict=True))) as (kernel, asked):
        assert [each["IFLA_IFNAME"] for each in rtnetlink.links(kernel)] == ["v3"]
    assert len(asked) == 3


@pytest.mark.parametrize("end", [message(ERROR, struct.pack("=i", -1)), message(DONE, struct.pack("=i", -1))])
def test_a_refusal_is_an_error_with_the_kernels_number_wherever_it_stands(end: bytes) -> None:
    with answering([message(NEWLINK, link(1, named("lo"))), end]) as (kernel, _):
        with pytest.raises(OSError, match="not permitted") as raised:
            rtnetlink.links(kernel)
        assert raised.value.errno == errno.EPERM


def test_a_namespace_without_a_main_table_has_no_routes() -> None:
    with answering([message(DONE, struct.pack("=i", -errno.ENOENT))]) as (kernel, _):
        assert rtnetlink.routes(kernel) == ()


def test_answers_to_an_earlier_question_are_passed_over() -> None:
    stale = message(NEWLINK, link(9, named("stale")), number=7)
    with answering([stale, message(NEWLINK, link(1, named("lo"))), DONE_1]) as (kernel, _):
        assert [each["index"] for each in rtnetlink.links(kernel)] == [1]


def test_of_several_changes_the_first_refusal_is_told_after_all_were_answered() -> None:
    fine, exists = message(ERROR, bytes(4)), message(ERROR, struct.pack("=i", -errno.EEXIST))
    answers = [fine, exists, message(ERROR, struct.pack("=i", -errno.EPERM))]
    with answering(answers) as (kernel, asked), pytest.raises(FileExistsError):
        kernel.change((16, 0, b"a"), (20, 0, b"bb"), (16, 0, b"ccccc"))
    lengths = [16 + 1, 16 + 2, 16 + 5]
    assert len(asked[0]) == sum((length + 3) & ~3 for length in lengths)


def test_what_a_link_does_not_tell_is_missing() -> None:
    with answering([message(NEWLINK, link(4)), DONE_1]) as (kernel, _):
        assert rtnetlink.links(kernel) == ({"index": 4, "ifi_type": 1, "flags": 0x1003},)


def test_attributes_that_are_cut_off_or_unknown_do_not_hide_those_before_them() -> None:
    known = {3: ("name", text), 4: ("mtu", unsigned)}
    whole = attribute(99, b"whatever") + attribute(0x8003, b"eth0\0") + attribute(4, struct.pack("=I", 1500))
    for cut in range(len(whole)):
        made: dict[str, object] = {}
        attributes(known, bytearray(whole[:cut] + bytes(8)), 0, cut, made)
        assert made in ({}, {"name": "eth0"}), cut
    made = {}
    attributes(known, bytearray(whole), 0, len(whole), made)
    assert made == {"name": "eth0", "mtu": 1500}
    attributes(known, bytearray(8), 0, 8, made)  # a length of 0 would be stepped over for ever


def random_network(seed: int) -> str:
    """Shell lines that make some network: whatever can stand beside each other; what cannot is refused."""
    chance = random.Random(seed)
    rooms = ["", *(f"n{number}" for number in range(chance.randint(1, 4)))]
    lines = [f"ip netns add {room}" for room in rooms[1:]]
    links: list[tuple[str, str]] = []
    for number in range(chance.randint(6, 14)):
        room, other = chance.choice(rooms), chance.choice(rooms[1:])
        name = f"x{number}" + "y" * chance.choice((0, 5, 12))
        below = chance.choice([each for where, each in links if where == room] or ["none"])
        what = {
            "bridge": f"type bridge stp_state {chance.randint(0, 1)} forward_delay {200 + number}",
            "veth": f"type veth peer name p{number} " + chance.choice(("", f"netns {other}")),
            "vlan": f"link {below} type vlan id {number + 1}",
        }[chance.choice(("bridge", "bridge", "veth", "veth", "vlan"))]
        lines.append(f"{_ip(room)} link add {name} {what}")
        links += [(room, name), (other, f"p{number}"), (room, f"p{number}")]
    for number, (room, name) in enumerate(links):
        ip, master = _ip(room), chance.choice(links)[1]
        some = [
            f"{ip} link set {name} mtu {chance.choice((1280, 1400, 1500))}",
            f"{ip} link set {name} master {master}",
            f"{ip} address add fd00:{number}::1/64 dev {name} nodad",
            f"{ip} link set {name} up",
            f"{ip} route add 172.{16 + number}.0.0/16 dev {name} metric {number}",
            f"{ip} neighbour add 10.{number}.0.9 lladdr 52:54:00:00:00:09 dev {name}",
        ]
        lines += [line for line in some if chance.random() < 0.5]
        many = range(chance.choice((0, 1, 2, 20)))
        lines += [f"{ip} address add 10.{number}.{n}.1/{8 + n % 25} dev {name}" for n in many]
    return "\n".join(f"{line} 2>/dev/null || true" for line in lines)


def _ip(room: str) -> str:
    return f"ip -n {room}" if room else "ip"


@pytest.mark.bench
@pytest.mark.parametrize("seed", range(6))
def test_random_networks_are_seen_as_ip_prints_them(seed: int) -> None:
    network = random_network(seed) + "\nsleep 0.3\n"  # at first an IPv6 address comes and goes by itself
    said = inside(network, test_links.AGAINST_IP + test_routes.AGAINST_IP, timeout_s=180)
    links = eval(said.splitlines()[0])
    assert len(links) > 6


WITH_LIBRARY = """
from pyroute2 import IPRoute
from kvmbench.system import rtnetlink
from kvmbench.system.netlink_socket import NetlinkSocket

with NetlinkSocket() as kernel, IPRoute() as library:
    for mine, theirs in (
        (rtnetlink.links(kernel), library.link("dump")),
        (rtnetlink.addresses(kernel), library.addr("dump")),
        (rtnetlink.neighbours(kernel), library.neigh("dump")),
        (rtnetlink.forwarding(kernel), library.fdb("dump")),
        (rtnetlink.routes(kernel), library.route("dump", table=254, family=2)),
    ):
        theirs = list(theirs)
        assert len(mine) == len(theirs) > 0, (mine, theirs)
        for one, other in zip(mine, theirs):
            for key, value in one.items():
                if not isinstance(value, (dict, list)):
                    assert value == (other[key] if key in other else other.get_attr(key)), (key, one, other)
print("the same")
"""


@pytest.mark.bench
def test_a_library_decodes_the_same_messages_to_the_same_values() -> None:
    setup = test_links.SETUP + "ip neighbour add 10.2.2.9 lladdr 52:54:00:00:00:09 dev vethm.1\n"
    assert inside(setup, WITH_LIBRARY) == "the same\n"


VANISHING = """
import os, threading
from kvmbench.errors import LookFailed
from kvmbench.system.netlink import dump, in_each

names = ["", *sorted(os.listdir("/run/netns"))]
def read(name):
    if name == "n3":
        for gone in ("n3", "n5"):
            os.system(f"ip netns delete {gone}")
    return len(dump(names).links)

found = in_each(names, read)
print([(name, told.what if isinstance(told, LookFailed) else told) for name, told in found.items()])
print(os.readlink("/proc/self/ns/net") == os.readlink("/proc/thread-self/ns/net"), threading.active_count())
"""


@pytest.mark.bench
def test_namespaces_vanish_in_the_middle_of_a_walk() -> None:
    setup = "for n in 1 2 3 4 5; do ip netns add n$n; ip link add v$n type veth peer name e netns n$n; done"
    walked, here = inside(setup, VANISHING).splitlines()
    assert eval(walked) == [
        ("", 6),
        ("n1", 2),
        ("n2", 2),
        ("n3", 2),
        ("n4", 2),
        ("n5", "the network namespace n5 could not be entered: No such file or directory"),
    ]
    assert here == "True 1"
