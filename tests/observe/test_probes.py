"""Questions on the wire: how they are put from each place, and what an answer means."""

from __future__ import annotations

import http.server
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from kvmbench.errors import GuestSilent, OutsideUnreachable
from kvmbench.model import Guest, Inside, Probe
from kvmbench.observe import asking, wire
from kvmbench.observe.probes import Places, address, ask_all
from kvmbench.observe.wire import Answer
from kvmbench.system import Completed, RecordedMachine
from tests.observe.room import inside

INSIDE = Inside(
    "c1",
    {"lo": (IPv4Interface("127.0.0.1/8"),), "eth0": (IPv4Interface("10.1.1.1/24"),)},
    None,
    {"eth0": "virtio_net"},
)


def guest(name: str, said: Inside | None = INSIDE) -> Guest:
    return Guest(
        name, 1, (), "running", "tcg", 256, 1, agent=f"/run/kvmbench/guests/{name}/agent.sock", inside=said
    )


def no_guest(socket_path: Path, command: str, *, timeout_s: float = 0) -> Completed:
    raise AssertionError(f"nobody should ask {socket_path}")


def no_outside(argv: Sequence[str], *, timeout_s: float = 0) -> Completed:
    raise OutsideUnreachable("the outside host does not answer", "Start afresh: kvmbench bench reset")


def places(
    *guests: Guest,
    ask: Callable[..., Completed] = no_guest,
    outside: Callable[..., Completed] = no_outside,
    machine: RecordedMachine | None = None,
) -> Places:
    return Places(machine or RecordedMachine(), guests, ask, outside)


# The words for others.


def test_a_guest_is_asked_in_busyboxs_words() -> None:
    once = "ping -c 1 -W 1 10.1.1.254"
    assert (
        asking.guest_command(Probe.ping("guest:c1", "10.1.1.254"), "10.1.1.254", "eth0")
        == f"{once} || {once}"
    )
    fetch = asking.guest_command(Probe.http("guest:c1", "172.16.0.1"), "172.16.0.1", "eth0")
    assert fetch == "timeout 4 wget -q -O - http://172.16.0.1:80/"
    assert asking.guest_command(Probe.ssh("guest:c1", "10.1.1.2"), "10.1.1.2", "eth0") is None


def test_the_outside_host_is_asked_in_its_own_words() -> None:
    ssh = asking.outside_argv(Probe.ssh("outside", "172.16.0.67", 22922), "172.16.0.67")
    assert ssh == [
        *("ssh", "-i", "/root/.ssh/id_ed25519", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"),
        *("-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5"),
        *("-p", "22922", "root@172.16.0.67", "hostname"),
    ]
    fetch = asking.outside_argv(Probe.http("outside", "172.16.0.67", 8080), "172.16.0.67")
    assert fetch == ["curl", "-sS", "-f", "-m", "4", "http://172.16.0.67:8080/"]
    assert asking.outside_argv(Probe.dhcp("outside"), "") is None


def test_what_comes_from_elsewhere_is_quoted() -> None:
    line = asking.guest_command(Probe.dhcp("guest:c1"), "", "eth0; reboot")
    assert line is not None
    assert "udhcpc -i 'eth0; reboot' " in line


# What their answers mean.

LATE, MUTE = "no answer in time", "it ended with code 1 and said nothing"


@pytest.mark.parametrize(
    ("probe", "done", "answer"),
    [
        (Probe.ping("outside", "10.1.1.1"), Completed((), 0, "64 bytes from 10.1.1.1\n", ""), Answer(True)),
        (
            Probe.ping("guest:c1", "10.1.1.9"),
            Completed((), 1, "PING 10.1.1.9\n\n1 packets transmitted, 100% packet loss\n", ""),
            Answer(False, why="1 packets transmitted, 100% packet loss"),
        ),
        (
            Probe.ping("outside", "10.1.1.9"),
            Completed((), 1, "From 10.1.1.254 Host Unreachable\n\n1 packets, 100% packet loss\n", ""),
            Answer(False, why="From 10.1.1.254 Host Unreachable"),
        ),
        (
            Probe.http("outside", "172.16.0.67"),
            Completed((), 22, "", "curl: (22) The requested URL returned error: 404\n"),
            Answer(False, why="curl: (22) The requested URL returned error: 404"),
        ),
        (Probe.http("guest:c1", "172.16.0.1"), Completed((), 0, "10.1.1.1\n", ""), Answer(True, "10.1.1.1")),
        (Probe.http("guest:c1", "172.16.0.1"), Completed((), 143, "", ""), Answer(False, why=LATE)),
        (Probe.ssh("outside", "172.16.0.67", 22922), Completed((), 0, "c1\n", ""), Answer(True, "c1")),
        (
            Probe.ssh("outside", "172.16.0.67", 22922),
            Completed((), 255, "", "ssh: connect to host 172.16.0.67: Connection refused\n"),
            Answer(False, why="ssh: connect to host 172.16.0.67: Connection refused"),
        ),
        (Probe.tcp("guest:c1", "10.1.1.2", 22), Completed((), 0, "SSH-2.0\r\n", ""), Answer(True, "SSH-2.0")),
        (
            Probe.dhcp("guest:c2"),
            Completed((), 0, "address=10.1.1.57 router=10.1.1.254\n", "udhcpc: started\n"),
            Answer(True, "address=10.1.1.57 router=10.1.1.254"),
        ),
        (
            Probe.dhcp("guest:c2"),
            Completed((), 1, "", "udhcpc: broadcasting discover\nudhcpc: no lease, failing\n"),
            Answer(False, why="udhcpc: no lease, failing"),
        ),
        (Probe.dhcp("guest:c2"), Completed((), 0, "", ""), Answer(False, why="no offer came")),
        (Probe.tcp("outside", "172.16.0.67", 1), Completed((), 1, "", ""), Answer(False, why=MUTE)),
    ],
)  # fmt: skip
def test_an_end_means_yes_or_no(probe: Probe, done: Completed, answer: Answer) -> None:
    assert asking.answer(probe, done) == answer


@pytest.mark.parametrize("code", [127, 139])
def test_a_program_that_is_missing_or_crashes_has_asked_nothing(code: int) -> None:
    assert (
        asking.answer(Probe.http("guest:c1", "172.16.0.1"), Completed((), code, "", "not found")).ok is None
    )


def test_several_commands_run_beside_each_other_and_are_told_apart() -> None:
    lines = [
        "sleep 1; echo one",
        "sleep 1; echo two >&2; exit 3",
        "echo 'probe 9 0'; printf 'no end'",
        "exit 4",
    ]
    started = time.monotonic()
    done = subprocess.run(["sh", "-c", asking.all_at_once(lines)], capture_output=True, text=True, check=True)
    assert time.monotonic() - started < 1.9
    ended = {
        number: (each.code, each.out, each.err) for number, each in asking.taken_apart(done.stdout).items()
    }
    assert ended == {
        0: (0, "one\n", ""),
        1: (3, "", "two\n"),
        2: (0, "probe 9 0\nno end\n", ""),
        3: (4, "", ""),
    }


def test_an_answer_that_was_cut_off_leaves_the_rest_unanswered() -> None:
    assert list(asking.taken_apart("probe 0 0\no yes\nprobe 1 \n")) == [0]
    assert asking.taken_apart("sh: mktemp: not found\n") == {}


# Whom to ask.


def test_a_guest_as_target_means_its_first_address() -> None:
    assert address(Probe.ping("bench", "guest:c1"), [guest("c1")]) == "10.1.1.1"
    assert address(Probe.ping("bench", "10.9.9.9"), []) == "10.9.9.9"
    assert address(Probe.dhcp("guest:c1"), []) == ""


def test_a_target_without_an_address_is_no_and_a_silent_one_is_nothing() -> None:
    bare = Inside("c1", {"eth0": ()}, None, {})
    assert address(Probe.ping("bench", "guest:c1"), [guest("c1", bare)]) == Answer(
        False, why="guest c1 has no address"
    )
    assert address(Probe.ping("bench", "guest:c9"), []) == Answer(False, why="there is no guest c9")
    silent = address(Probe.ping("bench", "guest:c1"), [guest("c1", None)])
    assert silent == Answer(None, why="guest c1 does not tell its address")
    name = address(Probe.ping("bench", "www.example.org"), [])
    assert name == Answer(None, why="www.example.org is no IPv4 address")


def test_places_that_are_missing_or_silent_have_asked_nothing() -> None:
    def silent(socket_path: Path, command: str, *, timeout_s: float = 0) -> Completed:
        raise GuestSilent("the agent of guest c2 does not answer", "Wait.")

    asked = {
        Probe.ping("guest:c9", "10.1.1.1"): "there is no guest c9",
        Probe.ping("guest:c1", "10.1.1.1"): "guest c1 does not answer",
        Probe.ping("guest:c2", "10.1.1.1"): "the agent of guest c2 does not answer",
        Probe.ping(
            "netns:none", "10.1.1.1"
        ): "the network namespace none could not be entered: No such file or directory",
        Probe.ping("outside", "10.1.1.1"): "the outside host does not answer",
        Probe.ping("moon", "10.1.1.1"): "there is no place called moon",
        Probe.ping("netns:", "10.1.1.1"): "there is no place called netns:",
        Probe.dhcp("bench"): "dhcp is not asked from bench",
        Probe.dhcp("outside"): "dhcp is not asked from outside",
        Probe.ssh("guest:c2", "10.1.1.1"): "the agent of guest c2 does not answer",
    }
    results = ask_all(asked, places(guest("c1", None), guest("c2"), ask=silent))
    assert {result.probe: result.why for result in results} == asked
    assert {result.ok for result in results} == {None}


def test_a_guest_gets_all_its_questions_at_once() -> None:
    asked: list[str] = []

    def answers(socket_path: Path, command: str, *, timeout_s: float = 0) -> Completed:
        asked.append(f"{socket_path} {timeout_s:.0f}")
        printed = "probe 0 0\nprobe 1 1\ne ping: sendto: Network is unreachable\n"
        return Completed((), 0, printed, "")

    questions = [
        Probe.ping("guest:c1", "guest:c2"),
        Probe.ssh("guest:c1", "10.1.1.2"),
        Probe.ping("guest:c1", "172.16.0.1"),
        Probe.http("guest:c1", "172.16.0.1"),
    ]
    results = ask_all(questions, places(guest("c1"), guest("c2"), ask=answers))
    assert asked == ["/run/kvmbench/guests/c1/agent.sock 8"]
    assert [result.probe for result in results] == questions
    assert [(result.ok, result.why) for result in results] == [
        (True, ""),
        (None, "ssh is not asked from guest:c1"),
        (False, "ping: sendto: Network is unreachable"),
        (None, "there was no time left to ask"),
    ]


def test_the_same_question_is_asked_once_and_keeps_its_place() -> None:
    asked: list[Sequence[str]] = []

    def outside(argv: Sequence[str], *, timeout_s: float = 0) -> Completed:
        asked.append(argv)
        return Completed(tuple(argv), 0, "172.16.0.67\n", "")

    question = Probe.http("outside", "172.16.0.67")
    (result,) = ask_all([question, question], places(outside=outside))
    assert (result.ok, result.said, len(asked)) == (True, "172.16.0.67", 1)
    assert ask_all([], places()) == ()


def test_ssh_from_the_bench_is_a_program_of_the_machine() -> None:
    question = Probe.ssh("bench", "guest:c1")
    line = " ".join(asking.ssh("10.1.1.1", 22))
    (result,) = ask_all([question], places(guest("c1"), machine=RecordedMachine({line: "c1\n"})))
    assert (result.ok, result.said) == (True, "c1")
    (result,) = ask_all([question], places(guest("c1")))
    assert result.ok is None  # there is no ssh


# From here.


@contextmanager
def service(first_words: bytes = b"", *, stays: bool = True) -> Iterator[int]:
    """A port that says something of itself, or nothing, and stays or hangs up."""
    kept: list[socket.socket] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def serve() -> None:
            connected, _ = listening.accept()
            connected.sendall(first_words)
            kept.append(connected)
            if not stays:
                connected.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)
        for connected in kept:
            connected.close()


def test_a_connection_tells_the_first_line_that_the_service_says() -> None:
    with service(b"SSH-2.0-dropbear\r\nmore") as port:
        assert wire.tcp("127.0.0.1", port) == Answer(True, "SSH-2.0-dropbear")
    with service(stays=False) as port:
        assert wire.tcp("127.0.0.1", port) == Answer(True)
    with service() as port:
        assert wire.tcp("127.0.0.1", port) == Answer(True)


def test_a_closed_port_refuses() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
    assert wire.tcp("127.0.0.1", port) == Answer(False, why="Connection refused")
    assert wire.http_get("127.0.0.1", port) == Answer(False, why="Connection refused")


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/" and "missing" not in self.headers["Host"] else 404)
        self.end_headers()
        self.wfile.write(f"{self.client_address[0]}\n".encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_page_tells_its_body() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert wire.http_get("127.0.0.1", server.server_port) == Answer(True, "127.0.0.1")
        server.shutdown()


def test_what_is_no_web_server_is_said_to_be_none() -> None:
    with service(b"SSH-2.0-dropbear\r\n", stays=False) as port:
        found = wire.http_get("127.0.0.1", port)
    assert found.ok is False
    assert found.why


SETUP = """
ip netns add router1
ip netns add c1
ip link add vethm.1 type veth peer name vethm.2 netns router1
ip address add 10.2.2.1/24 dev vethm.1
ip link set vethm.1 up
ip -n router1 address add 10.2.2.2/24 dev vethm.2
ip -n router1 link set vethm.2 up
ip -n router1 route add default via 10.2.2.1
ip link add tap01 type veth peer name eth0 netns c1
ip address add 10.1.1.254/24 dev tap01
ip link set tap01 up
ip -n c1 address add 10.1.1.1/24 dev eth0
ip -n c1 link set eth0 up
ip -n c1 route add default via 10.1.1.254
ip route add 10.66.0.0/16 via 10.1.1.1
iptables -A FORWARD -d 10.66.0.0/16 -j REJECT --reject-with icmp-admin-prohibited
"""

PINGS = """
import json, subprocess, time
from kvmbench.observe import Probe, look

questions = [
    Probe.ping("bench", "10.2.2.2"),
    Probe.ping("netns:router1", "10.2.2.1"),
    Probe.ping("netns:router1", "10.1.1.1"),
    Probe.ping("bench", "10.9.9.9"),
    Probe.ping("bench", "10.2.2.77"),
    Probe.ping("bench", "127.0.0.1"),
    Probe.tcp("netns:router1", "10.2.2.1", 4711),
]
started = time.monotonic()
before = [[r.ok, r.why] for r in look(probes=questions).probes]
assert time.monotonic() - started < 6
subprocess.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
after = look(probes=[questions[2], Probe.ping("netns:router1", "10.66.0.1")]).probes
print(json.dumps([before, [[r.ok, r.why] for r in after], after[0].took_ms < 1000]))
"""


@pytest.mark.bench
def test_pings_from_each_namespace_are_answered_or_not_as_the_network_is() -> None:
    before, after, quick = json.loads(inside(SETUP, PINGS))
    in_vain = "no answer to 2 echo requests of 1 s each"
    assert before == [
        [True, ""],
        [True, ""],
        [False, in_vain],
        [False, "Network is unreachable"],
        [False, in_vain],
        [True, ""],
        [False, "Connection refused"],
    ]
    assert after == [[True, ""], [False, "10.2.2.1 says: forbidden"]]
    assert quick


GUESTS_WORDS = """
import shutil, subprocess, sys
from kvmbench.model import Probe
from kvmbench.observe import asking, wire

questions = [
    Probe.ping("guest:c1", "10.1.1.254"),
    Probe.ping("guest:c1", "10.1.1.77"),
    Probe.ping("guest:c1", "10.9.9.9"),
    Probe.http("guest:c1", "10.1.1.254", 8000),
    Probe.http("guest:c1", "10.1.1.254", 8001),
    Probe.tcp("guest:c1", "10.1.1.254", 8000),
    Probe.tcp("guest:c1", "10.1.1.254", 8001),
    Probe.dhcp("guest:c1"),
]
server = subprocess.Popen(
    [sys.executable, "-m", "http.server", "8000", "-d", "/run/web"],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
while not wire.tcp("127.0.0.1", 8000).ok:
    pass
line = asking.all_at_once([asking.guest_command(each, each.target, "eth0") for each in questions])
addresses = ["ip", "-n", "c1", "-4", "address"]  # an IPv6 one is tentative for a while
before = subprocess.run(addresses, capture_output=True).stdout
done = subprocess.run(
    [shutil.which("ip"), "netns", "exec", "c1", shutil.which("busybox"), "sh", "-c", line],
    env={"PATH": "/run/bin"}, capture_output=True, text=True,
)
assert subprocess.run(addresses, capture_output=True).stdout == before
ended = asking.taken_apart(done.stdout)
for number, question in enumerate(questions):
    answer = asking.answer(question, ended[number])
    print([question.kind, answer.ok, answer.said or answer.why])
server.kill()
"""


@pytest.mark.bench
def test_busybox_understands_the_words_for_a_guest_and_configures_nothing() -> None:
    setup = f"""{SETUP}
mkdir -p /run/bin /run/web
echo hello >/run/web/index.html
for a in ping wget nc udhcpc timeout mktemp cat sed rm chmod printf sh; do
    ln -s $(command -v busybox) /run/bin/$a
done
dnsmasq --conf-file=/dev/null --user= --group= --port=0 --no-ping --dhcp-leasefile=/run/leases \
    --pid-file=/run/dnsmasq.pid -i tap01 -F 10.1.1.11,10.1.1.11 -O 3,10.1.1.254
"""
    assert inside(setup, GUESTS_WORDS).splitlines() == [
        "['ping', True, '']",
        "['ping', False, '1 packets transmitted, 0 packets received, 100% packet loss']",
        "['ping', False, '1 packets transmitted, 0 packets received, 100% packet loss']",
        "['http', True, 'hello']",
        "['http', False, \"wget: can't connect to remote host (10.1.1.254): Connection refused\"]",
        "['tcp', True, '']",
        "['tcp', False, \"nc: can't connect to remote host (10.1.1.254): Connection refused\"]",
        "['dhcp', True, 'address=10.1.1.11 router=10.1.1.254 server=10.1.1.254 mask=255.255.255.0']",
    ]
