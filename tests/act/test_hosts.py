"""Many hosts: as if their lines had been typed, all or none, again and again, and gone at once."""

from __future__ import annotations

import json

import pytest

from kvmbench.act import hosts
from kvmbench.errors import BadInput
from tests.observe.room import inside


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"count": 0}, "0 hosts cannot be made"),
        ({"count": 1001}, "1001 hosts cannot be made"),
        (
            {"count": 254, "network": "10.1.1.0/24", "gateway": "10.1.1.1"},
            "10.1.1.0/24 has addresses for 253",
        ),
        ({"count": 2, "gateway": "10.9.9.9"}, "the gateway 10.9.9.9 is not in 10.77.0.0/16"),
        ({"count": 2, "network": "10.1.1.1/24"}, "'10.1.1.1/24' is no network"),
        ({"count": 2, "prefix": "1h"}, "'1h' cannot begin a host's name"),
        ({"count": 2, "prefix": "averylongname"}, "'averylongname' cannot begin a host's name"),
        ({"count": 2, "bridge": "br/int"}, "'br/int' is no name for an interface"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(given: dict[str, object], what: str) -> None:
    with pytest.raises(BadInput, match=what.replace("/", ".")):
        hosts.add(**given)  # type: ignore[arg-type]


def test_the_gateways_address_is_left_out_and_the_lines_say_all() -> None:
    lines = hosts.add(2, bridge="br-int", network="10.1.1.0/24", gateway="10.1.1.1", prefix="room").today
    assert lines == (
        "[ -d /sys/class/net/br-int ] || ip link add br-int up type bridge",
        "ip netns add room1",
        "ip link add room1 up master br-int type veth peer eth0 netns room1",
        "ip -n room1 link set lo up",
        "ip -n room1 link set eth0 addrgenmode none",
        "ip -n room1 address add 10.1.1.2/24 dev eth0",
        "ip -n room1 link set eth0 up",
        "ip -n room1 route add default via 10.1.1.1",
        "ip netns add room2",
        "ip link add room2 up master br-int type veth peer eth0 netns room2",
        "ip -n room2 link set lo up",
        "ip -n room2 link set eth0 addrgenmode none",
        "ip -n room2 address add 10.1.1.3/24 dev eth0",
        "ip -n room2 link set eth0 up",
        "ip -n room2 route add default via 10.1.1.1",
    )


TWO_WAYS = """
import json, os, time
from kvmbench.act import hosts
from kvmbench.act.action import apply
from kvmbench.observe import look
from kvmbench.system import RealMachine

class Typing:
    '''This machine, with everything typed.'''
    run, read, listdir = RealMachine().run, RealMachine().read, RealMachine().listdir

def told():
    rooms = look().namespaces
    links = [[r.name, l.name, l.kind, l.up, l.carrier, l.mtu, l.master, l.peer, l.peer_netns,
              [str(a) for a in l.inet], [str(a) for a in l.inet6 if r.name], bool(l.port), bool(l.bridge)]
             for r in rooms for l in r.links]
    routes = [[r.name, e.destination, e.gateway, e.link, e.source] for r in rooms for e in r.routes]
    return sorted(links), routes, [[r.name, r.sysctls] for r in rooms]

def settled():
    before, now = None, told()
    while now != before:  # the kernel gives link-local addresses a little later
        time.sleep(0.2)
        before, now = now, told()
    return now

wanted = hosts.add(5, network="10.1.1.0/24", gateway="10.1.1.254")
apply(wanted, Typing())
typed = settled()
os.system("for n in 1 2 3 4 5; do ip netns delete h$n; done; ip link delete br-hosts")
while len(os.listdir("/sys/class/net")) > 1:
    time.sleep(0.01)
first = apply(wanted)
again = apply(wanted)
print(json.dumps([typed == settled(), len(first.ran), again.ran, len(typed[0])]))
"""


@pytest.mark.bench
def test_hosts_made_directly_are_those_that_the_lines_make() -> None:
    assert json.loads(inside("", TWO_WAYS)) == [True, 36, [], 17]


LIFE = """
import json, os, subprocess, time
from kvmbench.act import hosts
from kvmbench.act.action import apply
from kvmbench.observe import Probe, look

def shell(line):
    return subprocess.run(line, shell=True, capture_output=True, text=True).stdout.split()
def settle():
    until = time.monotonic() + 20
    while len(os.listdir("/sys/class/net")) > 2 and time.monotonic() < until:
        time.sleep(0.01)
    return sorted(os.listdir("/sys/class/net"))

descriptors = len(os.listdir("/proc/self/fd"))
apply(hosts.add(3))
apply(hosts.add(40))
print(len([word for word in shell("ip netns list") if word.startswith("h")]))
asked = [Probe.ping("netns:h1", "10.77.0.40"), Probe.ping("netns:h40", "10.77.0.2")]
print([result.ok for result in look(probes=asked).probes])
print(shell("ip netns exec h7 ip -br address show eth0")[2:])

os.system("ip netns delete h7")
apply(hosts.add(40))
print(shell("ip netns exec h7 ip -br address show eth0")[2:])

left = subprocess.Popen(["ip", "netns", "exec", "h3", "sleep", "60"])
while "sleep" not in open(f"/proc/{left.pid}/comm").read():
    time.sleep(0.01)
apply(hosts.delete())
apply(hosts.delete())
print(os.listdir("/run/netns"), os.listdir("/run/hosts"))
until = time.monotonic() + 20
while len(os.listdir("/sys/class/net")) > 3 and time.monotonic() < until:
    time.sleep(0.01)
print(sorted(os.listdir("/sys/class/net")))
left.kill()
left.wait()
print(settle(), len(os.listdir("/proc/self/fd")) == descriptors)
apply(hosts.add(40))
apply(hosts.delete())
apply(hosts.add(40))  # while the old ones are still going
print(len(hosts.machine_hosts.there("br-hosts")))
"""


@pytest.mark.bench
def test_hosts_come_talk_are_mended_and_go() -> None:
    assert inside("", LIFE).splitlines() == [
        "40",
        "[True, True]",
        "['10.77.0.7/16']",
        "['10.77.0.7/16']",
        "[] []",
        "['br-hosts', 'h3', 'lo']",  # a program still runs on it
        "['br-hosts', 'lo'] True",
        "40",
    ]


REFUSED = """
import json, os
from kvmbench.act import hosts
from kvmbench.act.action import apply
from kvmbench.errors import KvmbenchError

def state():
    mounts = [line for line in open("/proc/self/mountinfo") if "hosts/" in line and " - nsfs" in line]
    return sorted(os.listdir("/sys/class/net")), sorted(os.listdir("/run/netns")), len(mounts)

before = state()
for line, wanted in (
    ("ip netns add h3", hosts.add(5)),
    ("ip link add h4 type bridge", hosts.add(5)),
    ("ip link add plain type veth peer name far", hosts.add(5, bridge="plain")),
    ("echo 7 >/proc/sys/user/max_net_namespaces", hosts.add(20)),
):
    os.system(line)
    try:
        apply(wanted)
    except KvmbenchError as error:
        print(str(error))
    os.system("ip netns delete h3 2>/dev/null; ip link delete plain 2>/dev/null")
    os.path.exists("/sys/class/net/h4/bridge") and os.system("ip link delete h4")
    os.system("ip link delete br-hosts 2>/dev/null")
    import time
    until = time.monotonic() + 20
    while state() != before and time.monotonic() < until:
        time.sleep(0.01)
    print(state() == before)
"""


@pytest.mark.bench
def test_where_a_name_is_taken_or_the_kernel_refuses_no_host_is_left() -> None:
    assert inside("", REFUSED).splitlines() == [
        "there is a network namespace h3 already",
        "Delete it first, if it is yours: ip netns delete h3",
        "True",
        "there is an interface h4 already",
        "Delete it first, if it is yours: ip link delete h4",
        "True",
        "plain is no bridge",
        "Name one, or a new name: it is made when it is missing.",
        "True",
        "host h7 could not be made: No space left on device",
        "Take fewer, or see what is in the way: ip link; ip netns list",
        "True",
    ]


KILLED = """
import os, signal, subprocess, sys, time
from kvmbench.act import hosts
from kvmbench.act.action import apply
from kvmbench.system.hosts import there

code = "from kvmbench.act import hosts; from kvmbench.act.action import apply; apply(hosts.add(200))"
for seconds in (0.02, 0.05, 0.1, 0.2):
    builder = subprocess.Popen([sys.executable, "-c", code])
    while not os.path.exists("/run/hosts/br-hosts/h1"):
        time.sleep(0.001)
    time.sleep(seconds)
    builder.kill()
    builder.wait()
    apply(hosts.add(200))
    print(len(there("br-hosts")))
    apply(hosts.delete())
    print(os.listdir("/run/netns"))
"""


@pytest.mark.bench
def test_what_a_killed_builder_left_is_made_whole_or_deleted() -> None:
    assert inside("", KILLED).splitlines() == ["200", "[]"] * 4
