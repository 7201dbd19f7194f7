"""What each action is worth in shell lines, and what it refuses before anything is typed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kvmbench.act import (
    addresses,
    bridge,
    console,
    dnsmasq,
    forwarding,
    guest,
    image,
    ksm,
    link,
    nat,
    netns,
    veth,
)
from kvmbench.act.action import Action, apply
from kvmbench.errors import BadInput, GuestError, TimedOut
from kvmbench.system import Completed, RecordedMachine

MATCH = "-d 172.16.0.67 -p tcp --dport 22922"
TUTORIAL = [
    (bridge.add("br-int"), "brctl addbr br-int"),
    (bridge.up("br-int"), "ifconfig br-int up"),
    (link.master("tap01", "br-int"), "brctl addif br-int tap01"),
    (veth.add("vethm.1", "vethm.2"), "ip link add vethm.1 type veth peer name vethm.2"),
    (netns.add("router1"), "ip netns add router1"),
    (netns.move("vethm.2", "router1"), "ip link set dev vethm.2 netns router1"),
    (
        link.address("vethm.2", "10.2.2.2/24", "router1"),
        "ip netns exec router1 ifconfig vethm.2 10.2.2.2 netmask 255.255.255.0 up",
    ),
    (
        image.create("/vms/centos/centos.img", "80G", preallocation="metadata"),
        "qemu-img create -f qcow2 -o preallocation=metadata,size=80G /vms/centos/centos.img",
    ),
    (forwarding.on(), "sysctl -w net.ipv4.ip_forward=1"),
    (
        guest.address("c1", "10.1.1.1/24"),
        "kvmbench exec --guest c1 -- ifconfig eth0 10.1.1.1 netmask 255.255.255.0 up",
    ),
    (guest.gateway("c1", "10.1.1.254"), "kvmbench exec --guest c1 -- route add default gw 10.1.1.254"),
    (
        nat.source("10.1.1.0/24", "ens33"),
        "iptables -t nat -A POSTROUTING -s 10.1.1.0/24 -o ens33 -j MASQUERADE",
    ),
    (
        nat.destination("172.16.0.67", 22922, "10.1.1.1", 22),
        f"iptables -t nat -A PREROUTING {MATCH} -j DNAT --to-destination 10.1.1.1:22",
    ),
    (
        dnsmasq.start("br-int", "10.1.1.11", "10.1.1.100", "10.1.1.254"),
        "dnsmasq -i br-int -F 10.1.1.11,10.1.1.100 -O 3,10.1.1.254",
    ),
]


@pytest.mark.parametrize(("action", "line"), TUTORIAL, ids=[line for _, line in TUTORIAL])
def test_the_old_spelling_is_what_the_tutorial_types(action: Action, line: str) -> None:
    assert action.lines(old=True)[0] == line


def test_todays_spelling_needs_neither_brctl_nor_ifconfig_nor_iptables() -> None:
    for action, _ in TUTORIAL:
        assert not {"brctl", "ifconfig", "iptables"} & set(" ".join(action.lines()).split())


def test_looking_at_samepage_merging_changes_nothing() -> None:
    assert ksm.look().today[0].startswith("grep . /sys/kernel/mm/ksm/run")


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "long name": (lambda: bridge.add("a-very-long-bridge"), "has 18 bytes"),
    "slash": (lambda: veth.add("veth/1", "veth2"), "'veth/1' is no name"),
    "one name twice": (lambda: veth.add("veth1", "veth1"), "both ends of the pair are named veth1"),
    "namespace": (lambda: netns.add("router 1"), "'router 1' is no name"),
    "no address": (lambda: link.address("br-int", "10.1.1/24"), "'10.1.1/24' is no address"),
    "no prefix": (lambda: link.address("br-int", "10.1.1.254"), "10.1.1.254 has no prefix"),
    "network": (lambda: link.address("br-int", "10.1.1.0/24"), "10.1.1.0 names the network 10.1.1.0/24"),
    "broadcast": (lambda: guest.address("c1", "10.1.1.255/24"), "10.1.1.255 names the network"),
    "gateway": (lambda: guest.gateway("c1", "10.1.1.300"), "'10.1.1.300' is no address"),
    "host bits": (lambda: nat.source("10.1.1.1/24", "ens33"), "'10.1.1.1/24' is no network"),
    "port": (lambda: nat.destination("172.16.0.67", 70000, "10.1.1.1", 22), "70000 is no port"),
    "hook": (lambda: nat.clear("forward"), "'forward' is no hook"),
    "size": (lambda: image.create("/a.img", "80 gigs"), "'80 gigs' is no size"),
    "format": (lambda: image.create("/a.img", "1G", format="qcow3"), "'qcow3' is no format"),
    "preallocation": (lambda: image.create("/a.img", "1G", preallocation="metadate"), "'metadate' is no"),
    "raw metadata": (
        lambda: image.create("/a.img", "1G", format="raw", preallocation="metadata"),
        "a raw image has no metadata",
    ),
    "range": (lambda: dnsmasq.start("br-int", "10.1.1.100", "10.1.1.11"), "ends before it begins"),
    "display": (lambda: console.banner(100), "there is no VNC display :100"),
    "guest": (lambda: guest.run("c 1", "look", "ls"), "'c 1' is no name for a guest"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_meant_is_refused_in_two_lines(name: str) -> None:
    make, what = REFUSED[name]
    with pytest.raises(BadInput) as caught:
        make()
    assert len(str(caught.value).splitlines()) == 2
    assert what in caught.value.what


def test_a_point_to_point_network_has_two_hosts() -> None:
    assert str(addresses.interface("10.9.9.0/31")) == "10.9.9.0/31"


def test_a_guest_keeps_a_lease_only_where_that_will_do() -> None:
    asked = "kvmbench exec --guest c2 -- ip -4 -o address show dev eth0"
    leased = "2: eth0    inet 10.1.1.57/24 brd 10.1.1.255 scope global eth0\n"
    keeping = guest.address("c2", "10.1.1.2/24", or_lease=True)
    assert apply(keeping, RecordedMachine({asked: leased})).ran == ()
    strict = guest.address("c2", "10.1.1.2/24")
    assert (
        apply(strict, RecordedMachine({asked: leased} | dict.fromkeys(strict.today, ""))).ran == strict.today
    )


def test_a_guest_with_another_address_gets_this_one() -> None:
    action = guest.address("c2", "10.1.1.2/24")
    asked = "kvmbench exec --guest c2 -- ip -4 -o address show dev eth0"
    other = "2: eth0    inet 10.1.2.57/24 brd 10.1.2.255 scope global eth0\n"
    machine = RecordedMachine({asked: other} | dict.fromkeys(action.today, ""))
    assert apply(action, machine).ran == action.today


def test_a_guests_process_is_that_of_its_pid_file_only_while_it_is_that_guest() -> None:
    pid = {"/run/kvmbench/guests/c1/pid": "77\n"}
    ours = {"/proc/77/cmdline": "qemu-system-x86_64\0-qmp\0unix:/run/kvmbench/guests/c1/qmp.sock,server=on\0"}
    others = {
        "/proc/77/cmdline": "qemu-system-x86_64\0-qmp\0unix:/run/kvmbench/guests/c7/qmp.sock,server=on\0"
    }
    assert apply(guest.end("c1"), RecordedMachine({}, pid | others)).ran == ()
    assert apply(guest.end("c1"), RecordedMachine({}, pid)).ran == ()
    ending = guest.end("c1").today[0]
    assert apply(guest.end("c1"), RecordedMachine({ending: ""}, pid | ours)).ran == (ending,)


def test_a_console_where_no_prompt_comes_is_explained() -> None:
    knock = console.knock("c1")
    silent = Completed((), 1, "", "Traceback …\nTimeoutError: timed out\n")
    with pytest.raises(GuestError) as caught:
        apply(knock, RecordedMachine({knock.today[0]: silent}))
    assert caught.value.what == "no prompt came on the console of c1: TimeoutError: timed out"
    assert "one visitor at a time" in caught.value.hint


def test_a_guest_that_does_not_come_is_named() -> None:
    wait = guest.ready("c1")
    late = Completed((), 1, "", "the agent of guest c1 does not answer\n…\n")
    with pytest.raises(TimedOut, match="in vain for eth0 of guest c1"):
        apply(wait, RecordedMachine({wait.today[0]: late}))


def test_a_guest_that_is_not_there_was_not_waited_for() -> None:
    wait = guest.ready("c1")
    gone = Completed((), 1, "", "no guest c1 is running\nStart it with its qemu-kvm line.\n")
    with pytest.raises(GuestError, match=r"^no guest c1 is running\nStart it"):
        apply(wait, RecordedMachine({wait.today[0]: gone}))


def test_todays_line_of_a_guest_waits_no_longer_than_the_action() -> None:
    wait = guest.ready("c1")
    assert int(wait.today[0].split()[5]) < wait.timeout_s
