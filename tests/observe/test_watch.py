"""The watcher against a real kernel: each kind is told, storms are told once, nothing is left open."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kvmbench.observe.qmp_events import QmpEvents
from tests.observe.room import inside

pytestmark = pytest.mark.bench

HARNESS = """
import json, os, subprocess, sys, threading, time
from kvmbench.observe.watch import SETTLE_S, Watcher
from tests.observe.room import back_at, kept

class Told:
    def __init__(self):
        self.calls, self.new = [], threading.Condition()
    def __call__(self, what):
        with self.new:
            self.calls.append(what)
            self.new.notify_all()
    def since(self, count, word, limit_s=20.0):
        with self.new:
            return self.new.wait_for(lambda: any(word in each for each in self.calls[count:]), limit_s)
    def quiet(self, for_s=0.25):
        count = -1
        while count != len(self.calls):
            count = len(self.calls)
            time.sleep(for_s)

def sh(line):
    subprocess.run(["sh", "-ec", line], check=True, stdout=subprocess.DEVNULL)
"""

CHANGES = {
    "links": "ip link add br-int type bridge",
    "addresses": "ip link set br-int up; ip address add 10.1.1.254/24 dev br-int",
    "routes": "ip route add 10.7.0.0/16 via 10.1.1.1",
    "neighbours": "ip neighbour add 10.1.1.9 lladdr 52:54:00:00:00:09 dev br-int",
    "switches": "sysctl -qw net.ipv4.conf.br-int.forwarding=0 net.ipv4.ip_forward=1",
    "rules": "nft add table ip course; nft add chain ip course out",
    "namespaces": "ip netns add router1",
    "leases": "echo 1700003600 52:54:00:00:00:02 10.1.1.57 c2 '*' >>/var/lib/misc/dnsmasq.leases",
    "guests": "mkdir -p /run/kvmbench/guests/c1",
    "processes": "dnsmasq --user= --group= --no-daemon --port=0 --interface=lo --pid-file= >/dev/null 2>&1 &",
}
IN_A_ROOM = {
    "links": "ip -n router1 link set lo up",
    "addresses": "ip -n router1 address add 10.5.5.1/24 dev lo",
    "rules": "ip netns exec router1 nft add table ip far",
    "switches": "ip netns exec router1 sysctl -qw net.ipv4.ip_forward=1",
}


def told(setup: str, snippet: str, timeout_s: float = 60) -> Any:
    prepared = "mount -t tmpfs tmpfs /var/lib/misc\nmkdir -p /run/kvmbench/guests\n" + setup
    return json.loads(inside(prepared, HARNESS + snippet, timeout_s).splitlines()[-1])


def untold(changes: Mapping[str, str], setup: str = "") -> Any:
    """The words of the changes that nothing was heard of, each made by its line."""
    return told(
        setup,
        f"""
told, missed = Told(), []
with Watcher(told):
    for word, line in {list(changes.items())!r}:
        told.quiet(0.05)
        count = len(told.calls)
        sh(line)
        missed += [] if told.since(count, word) else [word]
print(json.dumps(missed))
""",
    )


def test_each_kind_of_change_is_told_by_its_name() -> None:
    assert untold(CHANGES) == []


def test_what_changes_within_a_named_namespace_is_told_also_where_nothing_leads_there() -> None:
    assert untold(IN_A_ROOM, setup="ip netns add router1") == []


def test_a_namespace_that_came_later_is_listened_to_and_its_end_is_told() -> None:
    heard, ended, again = told(
        "",
        """
told = Told()
with Watcher(told):
    sh("ip netns add late")
    told.since(0, "namespaces")
    told.quiet()
    count = len(told.calls)
    sh("ip netns exec late nft add table ip far")
    heard = told.since(count, "rules")
    told.quiet()
    count = len(told.calls)
    sh("ip netns del late")
    ended = told.since(count, "namespaces")
    sh("ip netns add late")
    told.quiet()
    count = len(told.calls)
    sh("ip netns exec late nft add table ip far")
    again = told.since(count, "rules")
print(json.dumps([heard, ended, again]))
""",
    )
    assert heard
    assert ended
    assert again, "a name that is given again names another namespace"


def test_a_watched_namespace_is_gone_as_soon_as_it_is_deleted() -> None:
    """A socket kept in there would keep it, and the names of its links, for others."""
    assert told(
        "ip netns add held; ip link add outer type veth peer name inner netns held",
        """
told = Told()
at_work, done = threading.Event(), threading.Event()
def works(what):
    at_work.set()
    done.wait(20)
with Watcher(works):
    sh("ip link add one type bridge")
    at_work.wait(20)  # nothing is read until it is done
    sh("ip netns del held")
    until = time.monotonic() + 10
    while os.path.exists("/sys/class/net/outer") and time.monotonic() < until:
        time.sleep(0.01)
    gone = not os.path.exists("/sys/class/net/outer")
    done.set()
print(json.dumps(gone))
""",
    )


def test_a_storm_is_told_a_few_times_and_the_last_state_is_seen() -> None:
    calls, seen, changes = told(
        "ip link add br-int type bridge",
        """
seen = []
def look(what):
    seen.append(int(open("/sys/class/net/br-int/mtu").read()))
lines = "".join(f"link set br-int mtu {1000 + number}\\n" for number in range(1000))
with Watcher(look):
    started = time.monotonic()
    subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)
    took = time.monotonic() - started
    until = time.monotonic() + 20
    while (not seen or seen[-1] != 1999) and time.monotonic() < until:
        time.sleep(0.02)
    most = 2 + took / SETTLE_S  # a storm that is held up for a moment is two
print(json.dumps([len(seen) <= most, seen[-1], len(seen) >= 1]))
""",
    )
    assert calls, "it was told oftener than it can settle"
    assert seen == 1999
    assert changes


def test_what_changes_while_the_function_is_at_work_is_told_afterwards() -> None:
    assert (
        told(
            "ip link add br-int type bridge",
            """
seen, busy = [], threading.Event()
def slow(what):
    seen.append(open("/sys/class/net/br-int/mtu").read().strip())
    busy.set()
    time.sleep(0.2)
with Watcher(slow):
    sh("ip link set br-int mtu 1400")
    busy.wait(20)
    sh("ip link set br-int mtu 1300")
    until = time.monotonic() + 20
    while seen[-1] != "1300" and time.monotonic() < until:
        time.sleep(0.02)
print(json.dumps(seen[-1]))
""",
        )
        == "1300"
    )


def test_where_nothing_changes_nothing_is_told_but_the_pace_that_was_asked_for() -> None:
    idle, paced, idle_again = told(
        "",
        """
told = Told()
with Watcher(told) as watcher:
    told.quiet(0.4)
    idle = len(told.calls)
    watcher.pace_s = 0.05
    told.since(0, "pace")
    paced = set().union(*told.calls[idle:]) == {"pace"}
    watcher.pace_s = None
    told.quiet(0.3)
    before = len(told.calls)
    time.sleep(0.3)
    print(json.dumps([idle, paced, len(told.calls) == before]))
""",
    )
    assert idle == 0
    assert paced
    assert idle_again


def test_a_look_tells_nothing_that_would_make_another_look() -> None:
    assert told(
        "ip netns add router1; ip link add va type veth peer name vb netns router1; nft add table ip x",
        """
from kvmbench.observe import look
told = Told()
def both(what):
    told(what)
    look()
with Watcher(both):
    sh("ip link set va up")
    told.quiet(0.5)
    count = len(told.calls)
    time.sleep(0.5)
    print(json.dumps(len(told.calls) == count and count < 6))
""",
    )


def test_it_ends_and_leaves_no_descriptor_and_no_thread() -> None:
    assert told(
        "ip netns add router1; dnsmasq --user= --group= --port=0 --interface=lo --pid-file=",
        """
before = kept()
for round in range(20):
    watcher = Watcher(lambda what: None, pace_s=0.01)
    sh("ip link add x type bridge; ip link del x")
    watcher.close()
    watcher.close()
ended = threading.Event()
def end_it(what):
    ended.watcher.close()
    ended.set()
ended.watcher = Watcher(end_it)
sh("ip link add x type bridge")
ended.wait(20)
ended.watcher._thread.join(20)
print(json.dumps(back_at(before)))
""",
    )


def test_the_end_of_a_server_is_told() -> None:
    assert told(
        "dnsmasq --user= --group= --port=0 --interface=lo --pid-file=/run/d.pid",
        """
told = Told()
with Watcher(told):
    sh("kill $(cat /run/d.pid)")
    print(json.dumps(told.since(0, "processes")))
""",
    )


def test_events_of_qemu_are_news_and_its_clock_is_not(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "events.sock"))
        assert QmpEvents.connect(tmp_path / "events.sock") is None, "nobody listens yet"
        server.listen()
        events = QmpEvents.connect(tmp_path / "events.sock")
        assert events is not None
        qemu, _ = server.accept()
        qemu.send(b'{"QMP": {}}\n{"return": {}}\n{"event": "RTC_CHANGE"}\nno json\n')
        assert events.read() == (False, True)
        qemu.send(b'{"event": "ST')
        assert events.read() == (False, True)
        qemu.send(b'OP"}\n')
        assert events.read() == (True, True)
        qemu.close()
        assert events.read() == (False, False)
        events.close()
