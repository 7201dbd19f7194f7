"""dnsmasq and its leases."""

from __future__ import annotations

import pytest

from kvmbench.model import DhcpServer, Lease
from kvmbench.observe.processes import Process
from kvmbench.observe.services import DEFAULT_LEASES, address_range, leases, read_leases, servers
from kvmbench.system import RecordedMachine
from tests.observe.room import inside

NAMESPACES = {4026531840: "", 4026532777: "router1"}
SHORT = ("-i", "br-int", "-F", "10.1.1.11,10.1.1.100", "-O", "3,10.1.1.254")
LONG = (
    "--interface",
    "br-int",
    "--dhcp-range=10.1.1.11,10.1.1.100,12h",
    "--dhcp-option=option:router,10.1.1.254",
)
WRITTEN_ON = ("-kibr-int", "-F10.1.1.11,10.1.1.100,255.255.255.0,1h", "-O3,10.1.1.254", "--no-ping")


def dnsmasq(*words: str, netns: int = 4026531840, pid: int = 7, parent: int = 1) -> Process:
    return Process(pid, parent, "/usr/sbin/dnsmasq", ("dnsmasq", *words), netns=netns)


@pytest.mark.parametrize("words", [SHORT, LONG, WRITTEN_ON])
def test_every_spelling_says_the_same(words: tuple[str, ...]) -> None:
    assert servers([dnsmasq(*words)], NAMESPACES, RecordedMachine()) == (
        DhcpServer(
            pid=7,
            argv=("dnsmasq", *words),
            netns="",
            interfaces=("br-int",),
            ranges=(("10.1.1.11", "10.1.1.100"),),
            options={3: "10.1.1.254"},
        ),
    )


def test_several_ranges_options_and_a_lease_file_of_its_own() -> None:
    words = "-i br-int -i vethm.1 -F set:a,10.1.1.11,10.1.1.100 -F 10.2.2.0,static -F fd00::1,fd00::9 "
    words += "-O tag:a,6,10.1.1.254,10.1.1.253 -O option6:dns-server,fd00::1 -O 3 -l /tmp/leases"
    (found,) = servers([dnsmasq(*words.split())], NAMESPACES, RecordedMachine())
    assert found.interfaces == ("br-int", "vethm.1")
    assert found.ranges == (("10.1.1.11", "10.1.1.100"),)
    assert found.options == {6: "10.1.1.254,10.1.1.253", 3: ""}
    assert found.lease_file == "/tmp/leases"


def test_what_stands_in_the_settings_file_counts_too() -> None:
    machine = RecordedMachine(
        files={
            "/etc/dnsmasq.conf": "user=\ngroup=\n",
            "/etc/lab.conf": (
                "interface=br-int # the bridge\n\n"
                "#dhcp-range=1.1.1.1,1.1.1.2\ndhcp-range=10.1.1.11,10.1.1.100\n"
            ),
        }
    )
    (found,) = servers([dnsmasq("-C", "/etc/lab.conf")], NAMESPACES, machine)
    assert (found.interfaces, found.ranges) == (("br-int",), (("10.1.1.11", "10.1.1.100"),))


def test_a_server_is_told_with_the_namespace_that_it_serves() -> None:
    here, there, elsewhere = servers(
        [dnsmasq(pid=7), dnsmasq(netns=4026532777, pid=8), dnsmasq(netns=99, pid=9)],
        NAMESPACES,
        RecordedMachine(),
    )
    assert (here.netns, there.netns, elsewhere.netns) == ("", "router1", "net:[99]")


def test_a_process_that_dnsmasq_started_for_itself_is_no_second_server() -> None:
    found = servers([dnsmasq(pid=7), dnsmasq(pid=8, parent=7)], NAMESPACES, RecordedMachine())
    assert [each.pid for each in found] == [7]


def test_a_range_that_names_no_two_addresses_is_none() -> None:
    assert address_range("10.1.1.0,static") is None
    assert address_range("::1,constructor:br-int") is None
    assert address_range("") is None


LEASES = """1795428770 52:54:00:00:00:02 10.1.1.57 c2 01:52:54:00:00:00:02
0 52:54:00:00:00:03 10.1.1.58 * *
duid 00:01:00:01:2a
1795428770 7 fd00::1f c2 00:01
half a line
"""


def test_leases_are_read_and_what_is_none_is_passed_over() -> None:
    assert read_leases(LEASES) == (
        Lease("10.1.1.57", "52:54:00:00:00:02", "c2", 1795428770),
        Lease("10.1.1.58", "52:54:00:00:00:03", None, 0),
    )


def test_leases_outlive_their_server() -> None:
    machine = RecordedMachine(
        files={DEFAULT_LEASES: LEASES, "/tmp/leases": LEASES.replace("10.1.1", "10.2.2")}
    )
    (server,) = servers([dnsmasq("-l", "/tmp/leases")], NAMESPACES, machine)
    assert [each.address for each in leases([server], machine)] == [
        "10.2.2.57",
        "10.2.2.58",
        "10.1.1.57",
        "10.1.1.58",
    ]
    assert len(leases([], machine)) == 2
    assert leases([], RecordedMachine()) == ()


@pytest.mark.bench
def test_a_look_finds_dnsmasq_and_not_who_takes_its_name() -> None:
    said = inside(
        """
ip link add br-int type bridge
ip link set br-int up
ip address add 10.1.1.254/24 dev br-int
ip netns add router1
D="dnsmasq --conf-file=/dev/null --user= --group= --port=0 --dhcp-leasefile=/run/leases"
$D --pid-file=/run/1 -i br-int -F 10.1.1.11,10.1.1.100 -O 3,10.1.1.254
ip netns exec router1 $D --pid-file=/run/2
""",
        """
import subprocess
from kvmbench.observe import look
fake = subprocess.Popen(["bash", "-c", "exec -a dnsmasq sleep 60"])
for server in sorted(look().dhcp_servers, key=lambda server: server.netns):
    print([server.netns, server.interfaces, server.ranges, server.options, server.lease_file])
fake.kill()
""",
    )
    assert said.splitlines() == [
        "['', ('br-int',), (('10.1.1.11', '10.1.1.100'),), {3: '10.1.1.254'}, '/run/leases']",
        "['router1', (), (), {}, '/run/leases']",
    ]
