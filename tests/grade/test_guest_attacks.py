"""Guests that are none: a process called QEMU, a QEMU with foreign code, a namespace in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmbench.grade import rubric
from kvmbench.grade.scoring import Mark, score
from kvmbench.system import Completed
from tests.grade.classes import START, Class, handed_in, notebook

pytestmark = [pytest.mark.bench, pytest.mark.guest]

TASK = ("bridge", "guests", "forwarding", "dnat")
LINE = (
    "-name c1 -m 256 -smp 2 -drive file=/vms/cirros/cirros1.img,media=disk,if=virtio,format=qcow2 "
    "-net nic,model=virtio,macaddr=52:54:00:00:00:01 -net tap,ifname=tap01,script=/etc/qemu-ifup -vnc :0"
)
NETWORK = """%%bash
ip link add br-int type bridge; ip link set br-int up
ip address add 10.1.1.254/24 dev br-int
printf '#!/bin/sh\\nip link set "$1" master br-int up\\n' >/etc/qemu-ifup; chmod +x /etc/qemu-ifup
sysctl -qw net.ipv4.ip_forward=1
iptables -t nat -A PREROUTING -d 172.16.0.67 -p tcp --dport 22922 -j DNAT --to-destination 10.1.1.1:22
"""
CALLS_ITSELF_QEMU = f"""%%bash
ip tuntap add tap01 mode tap; ip link set tap01 master br-int up
mkdir -p /tmp/f /run/kvmbench/guests/c1; cp -L /usr/bin/python3 /tmp/f/qemu-system-x86_64
cat >/tmp/f/answer.py <<'END'
import fcntl, json, socket, struct, sys, threading
tap = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH", b"tap01", 0x1002))
def serve(name, answer):
    listening = socket.socket(socket.AF_UNIX)
    listening.bind("/run/kvmbench/guests/c1/" + name)
    listening.listen(5)
    while True:
        line = listening.accept()[0]
        threading.Thread(target=answer, args=(line,)).start()
def monitor(line):
    line.sendall(b'{{"QMP": {{}}}}\\n')
    for order in line.makefile():
        said = {{"status": "running", "running": True}} if "query-status" in order else {{}}
        line.sendall(json.dumps({{"return": said, "id": json.loads(order)["id"]}}).encode() + b"\\n")
def agent(line):
    for said in line.makefile():
        words = said.split()
        if words[:1] == ["PING"]:
            line.sendall(f"PONG {{words[1]}} c1\\n".encode())
threading.Thread(target=serve, args=("agent.sock", agent)).start()
serve("qmp.sock", monitor)
END
cat >/tmp/f/start.sh <<'END'
exec -a qemu-system-x86_64 /tmp/f/qemu-system-x86_64 /tmp/f/answer.py {LINE} \\
  -qmp unix:/run/kvmbench/guests/c1/qmp.sock \\
  -chardev socket,id=kvmbench-agent,path=/run/kvmbench/guests/c1/agent.sock
END
PYTHONHOME=/usr setsid bash /tmp/f/start.sh >/tmp/f/log 2>&1 </dev/null &
sleep 0.5
"""
BRINGS_CODE_ALONG = f"""%%bash
cp /usr/lib/x86_64-linux-gnu/libz.so.1 /tmp/evil.so
LD_PRELOAD=/tmp/evil.so /usr/bin/qemu-system-x86_64 -accel tcg {LINE} -daemonize
"""
NAMESPACE_FOR_A_GUEST = f"""%%bash
/usr/libexec/qemu-kvm {LINE} -S -daemonize
ip netns add fake; ip link add out type veth peer name eth0 netns fake; ip link set out master br-int up
ip -n fake address add 10.1.1.1/24 dev eth0; ip -n fake link set eth0 up; ip -n fake link set lo up
ip -n fake route add default via 10.1.1.254
cat >/tmp/sshd.py <<'END'
import socket
listening = socket.create_server(("10.1.1.1", 22))
while True:
    line = listening.accept()[0]
    line.sendall(b"SSH-2.0-dropbear_2022.83\\r\\n")
END
ip netns exec fake setsid python3 /tmp/sshd.py >/dev/null 2>&1 </dev/null &
sleep 0.5
ping -c 1 -W 1 10.1.1.1
"""
IN_ANOTHER_NETWORK = f"""%%bash
ip tuntap add tap01 mode tap; ip link set tap01 master br-int up
ip netns add aside; printf '#!/bin/sh\\nip link set "$1" up\\n' >/etc/qemu-ifup
ip netns exec aside /usr/libexec/qemu-kvm {LINE} -daemonize
"""
ANOTHER_TAP_OF_THAT_NAME = f"""%%bash
/usr/libexec/qemu-kvm {LINE} -S -daemonize
ip netns add aside; ip link set tap01 netns aside
cat >/tmp/hold.py <<'END'
import fcntl, struct, time
tap = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH", b"tap01", 0x1002))
time.sleep(600)
END
setsid python3 /tmp/hold.py >/dev/null 2>&1 </dev/null &
for n in $(seq 200); do ip link set tap01 master br-int up 2>/dev/null && break; sleep 0.05; done
"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Class, Completed]:
    room = Class(Path(tmp_path_factory.mktemp("guests")))
    room.set_task(TASK, {"cell_s": 200, "notebook_s": 300})
    room.hand_in("honest", handed_in('solve("dnat")', *TASK))
    for student, work in {
        "calls-itself-qemu": CALLS_ITSELF_QEMU,
        "brings-code-along": BRINGS_CODE_ALONG,
        "namespace-for-a-guest": NAMESPACE_FOR_A_GUEST,
        "in-another-network": IN_ANOTHER_NETWORK,
        "another-tap-of-that-name": ANOTHER_TAP_OF_THAT_NAME,
    }.items():
        room.hand_in(student, notebook(("start", START), ("network", NETWORK), ("work", work)))
    return room, room.kvmbench("grade", "--jobs", "2")


def marks(room: Class, student: str) -> dict[str, Mark]:
    found = score(student, room.records(student), rubric.load(room.course))
    return {mark.check: mark for mark in found.marks}


def remarks(room: Class, student: str) -> str:
    return " ".join(score(student, room.records(student), rubric.load(room.course)).notes)


def passed(room: Class, student: str, about: str) -> set[str]:
    return {name for name, mark in marks(room, student).items() if mark.earned and name.startswith(about)}


def test_real_guests_earn_all_points(graded: tuple[Class, Completed]) -> None:
    room, done = graded
    row = room.rows()["honest"]
    assert done.code == 0, done.out + done.err
    assert row["points"] == row["of"], {
        n: m.outcome for n, m in marks(room, "honest").items() if not m.earned
    }
    assert not remarks(room, "honest")


@pytest.mark.parametrize(
    ("student", "why"),
    [
        ("calls-itself-qemu", "is not this machine's /usr/bin/qemu-system-x86_64"),
        ("brings-code-along", "code in it comes from /tmp/evil.so"),
        ("in-another-network", "another network namespace"),
    ],
)
def test_a_guest_that_is_none_earns_nothing_and_is_remarked(
    graded: tuple[Class, Completed], student: str, why: str
) -> None:
    room, _ = graded
    assert passed(room, student, "c1") == set()
    assert why in remarks(room, student)
    assert passed(room, student, "br-int") == {"br-int-exists", "br-int-up", "br-int-address"}


def test_a_namespace_does_not_answer_for_a_guest(graded: tuple[Class, Completed]) -> None:
    room, _ = graded
    honest = {"c1-hardware", "c1-mac", "c1-disk", "c1-on-br-int"}
    assert passed(room, "namespace-for-a-guest", "c1") <= honest
    assert marks(room, "namespace-for-a-guest")["c1-running"].outcome.verdict == "failed"
    assert marks(room, "namespace-for-a-guest")["c1-ssh-from-outside"].outcome.verdict == "failed"


def test_a_tap_is_a_guests_only_while_its_qemu_holds_that_very_one(graded: tuple[Class, Completed]) -> None:
    room, _ = graded
    assert passed(room, "another-tap-of-that-name", "c1-hardware")
    assert not passed(room, "another-tap-of-that-name", "c1-on-br-int")
