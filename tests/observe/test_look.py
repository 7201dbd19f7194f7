"""One look as a whole: it never fails, it changes nothing, and it says what it could not see."""

from __future__ import annotations

import asyncio
import json

import pytest

from kvmbench.model import Snapshot
from kvmbench.observe import Probe, look
from kvmbench.system import RecordedMachine
from tests.observe.room import inside


def test_a_machine_that_has_nothing_is_still_looked_at() -> None:
    seen = look(images=["/vms/a.img"], files=["/none"], machine=RecordedMachine())
    assert [room.name for room in seen.namespaces] == [""]
    assert seen.link("lo") is not None
    image = seen.image("/vms/a.img")
    assert image is not None
    assert image.trouble == "qemu-img info -U --output=json /vms/a.img: not recorded"
    assert [file.kind for file in seen.files] == ["missing"]
    assert seen.host is not None


@pytest.mark.bench
def test_a_program_is_missed_only_where_there_are_rules_for_it_to_list() -> None:
    said = inside(
        "ip netns add bare; ip netns add ruled; ip netns exec ruled iptables -A FORWARD -j DROP",
        """
from kvmbench.observe import look
from kvmbench.system import RecordedMachine
seen = look(machine=RecordedMachine(files={"/run/netns/bare": "", "/run/netns/ruled": ""}))
print(*seen.troubles, sep="\\n")
""",
    )
    assert said.splitlines() == [
        "namespace ruled: packet filter rules: there is no program iptables-save",
        "namespace ruled: packet filter rules: there is no program nft",
    ]


def test_a_namespace_that_is_gone_is_told_and_the_others_are_seen() -> None:
    seen = look(machine=RecordedMachine(files={"/run/netns/gone": ""}))
    assert [room.name for room in seen.namespaces] == [""]
    assert (
        "namespace gone: the network namespace gone could not be entered: No such file or directory"
        in seen.troubles
    )


def test_a_look_works_where_an_event_loop_runs_as_in_a_notebook() -> None:
    async def cell() -> Snapshot:
        return look(machine=RecordedMachine())

    assert asyncio.run(cell()).link("lo") is not None


def test_without_probes_nothing_is_asked_and_with_them_each_has_its_result() -> None:
    assert look(machine=RecordedMachine()).probes == ()
    question = Probe.ping("guest:nobody-has-this-name", "10.1.1.1")
    result = look(probes=[question], machine=RecordedMachine()).probe(question)
    assert result is not None
    assert (result.ok, result.why) == (None, "there is no guest nobody-has-this-name")


def test_the_bench_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMBENCH_BENCH", "lab7")
    assert look(machine=RecordedMachine()).bench == "lab7"
    monkeypatch.delenv("KVMBENCH_BENCH")
    assert look(machine=RecordedMachine()).bench == ""


def test_a_snapshot_goes_to_json_and_back() -> None:
    seen = look(files=["/etc/passwd"], probes=[Probe.dhcp("bench")], machine=RecordedMachine())
    assert Snapshot.from_json(seen.to_json()) == seen


CHANGING = """
import json, os, subprocess, threading, time
from kvmbench.observe import look

stop = threading.Event()
LINES = '''ip netns add busy
ip link add v1 type veth peer name v2 netns busy
ip netns exec busy iptables -A FORWARD -j DROP
ip netns del busy'''
def restless():
    while not stop.is_set():
        subprocess.run(["sh", "-c", LINES], capture_output=True)

descriptors = len(os.listdir("/proc/self/fd"))
thread = threading.Thread(target=restless, daemon=True)
thread.start()
until = time.monotonic() + 5
looks, busy, odd = 0, 0, set()
while time.monotonic() < until:
    seen = look()
    looks += 1
    assert seen.link("lo"), seen.troubles
    busy += seen.netns("busy") is not None
    odd |= {trouble for trouble in seen.troubles if not trouble.startswith("namespace busy: ")}
stop.set()
thread.join()
print(json.dumps([looks > 5, busy > 0, sorted(odd), len(os.listdir("/proc/self/fd")) == descriptors]))
"""


@pytest.mark.bench
def test_namespaces_may_come_and_go_while_they_are_looked_at() -> None:
    enough, seen_there, odd, nothing_left_open = json.loads(inside("", CHANGING))
    assert enough
    assert seen_there
    assert odd == []
    assert nothing_left_open


UNCHANGED = """
import subprocess
from kvmbench.observe import look

def state():
    words = ["ip -d address", "ip route show table all", "ip neighbour", "nft list ruleset", "ip netns list",
             "ip netns list-id", "sysctl net.ipv4 net.bridge", "ls -lR /run"]
    return [subprocess.run(each.split(), capture_output=True, text=True).stdout for each in words]

look()  # the kernel numbers the namespaces that it is asked about, once
before = state()
seen = look(files=["/etc/hostname"], images=["/run/disk.img"])
after = state()
timers = ("hello_timer", "gc_timer", "tcn_timer")
for one, other in zip(before, after):
    lines = [[l for l in text.splitlines() if not any(t in l for t in timers)] for text in (one, other)]
    assert lines[0] == lines[1], (one, other)
print(seen.troubles, [room.name for room in seen.namespaces], seen.images[0].format)
"""


@pytest.mark.bench
def test_a_look_changes_nothing() -> None:
    setup = """
ip link add br-int type bridge
ip link set br-int up
ip address add 10.1.1.254/24 dev br-int
ip netns add router1
ip link add vethm.1 type veth peer name vethm.2 netns router1
iptables -t nat -A POSTROUTING -s 10.5.0.0/16 -j MASQUERADE
qemu-img create -q -f qcow2 /run/disk.img 10M
"""
    assert inside(setup, UNCHANGED) == "() ['', 'router1'] qcow2\n"
