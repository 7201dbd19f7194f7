"""Every action is carried out for good: it changes the machine, a second time it has nothing to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kvmbench.act import (
    bridge,
    dnsmasq,
    file,
    forwarding,
    guest,
    ifup,
    image,
    link,
    monitor,
    nat,
    netns,
    veth,
)
from kvmbench.act.action import Action, apply, apply_all
from kvmbench.errors import BadInput, CommandFailed, GuestError, ImageError, TimedOut
from kvmbench.model import Drive, Nic
from kvmbench.qemu.options import GuestPlan
from kvmbench.system import Machine

pytestmark = pytest.mark.bench

BRIDGE = (bridge.add("br-int"), bridge.up("br-int"))
PAIR = (netns.add("router1"), veth.add("vethm.1", "vethm.2", "router1"))

CHANGES: dict[str, tuple[tuple[Action, ...], Action, str]] = {
    "bridge": ((), bridge.add("br-int"), "test -d /sys/class/net/br-int/bridge"),
    "bridge up": (BRIDGE[:1], bridge.up("br-int"), "ip link show br-int up | grep -q UP"),
    "bridge down": (BRIDGE, link.down("br-int"), "! ip link show br-int up | grep -q UP"),
    "bridge address": (
        BRIDGE,
        link.address("br-int", "10.1.1.254/24"),
        "ip -br a | grep -q 'br-int.*10.1.1.254/24'",
    ),
    "port": (
        (*BRIDGE, PAIR[1]),
        link.master("vethm.1", "br-int"),
        "ip link show master br-int | grep -q vethm.1",
    ),
    "no port": (
        (*BRIDGE, PAIR[1], link.master("vethm.1", "br-int")),
        link.no_master("vethm.1", "br-int"),
        "! ip link show master br-int | grep -q vethm.1",
    ),
    "veth": ((), PAIR[1], "ip -d link show vethm.2 | grep -q veth"),
    "no veth": ((PAIR[1],), link.delete("vethm.1"), "! ip link show vethm.2"),
    "netns": ((), PAIR[0], "ip netns list | grep -q router1"),
    "no netns": ((PAIR[0],), netns.delete("router1"), "! ip netns list | grep -q router1"),
    "moved": (PAIR, netns.move("vethm.2", "router1"), "ip -n router1 link show vethm.2"),
    "moved back": (
        (*PAIR, netns.move("vethm.2", "router1")),
        netns.move_back("vethm.2", "router1"),
        "ip link show vethm.2",
    ),
    "address in a namespace": (
        (*PAIR, netns.move("vethm.2", "router1")),
        link.address("vethm.2", "10.2.2.2/24", "router1"),
        "ip -n router1 -br a | grep -q 'vethm.2.*10.2.2.2/24'",
    ),
    "lo": ((PAIR[0],), link.up("lo", "router1"), "ip -n router1 link show lo up | grep -q lo"),
    "forwarding": ((), forwarding.on(), "test $(cat /proc/sys/net/ipv4/ip_forward) = 1"),
    "no forwarding": (
        (forwarding.on(),),
        forwarding.off(),
        "test $(cat /proc/sys/net/ipv4/ip_forward) = 0",
    ),
    "masquerade": ((), nat.source("10.1.1.0/24", "ens33"), "nft list ruleset | grep -q masquerade"),
    "snat": (
        (),
        nat.source("10.1.1.0/24", "ens33", to="172.16.0.67"),
        "nft list ruleset | grep -q 'snat to 172.16.0.67'",
    ),
    "dnat": (
        (),
        nat.destination("172.16.0.67", 22922, "10.1.1.1", 22),
        "nft list ruleset | grep -q 'dnat to 10.1.1.1:22'",
    ),
    "ifup": ((), ifup.write("br-int"), "test -x /etc/qemu-ifup"),
    "no file": ((ifup.write("br-int"),), file.remove("/etc/qemu-ifup"), "! test -e /etc/qemu-ifup"),
    "directory": ((), file.directory("/run/vms/centos"), "test -d /run/vms/centos"),
    "symbolic link": (
        (),
        file.symbolic_link("/usr/libexec/kvm", "/run/bin"),
        "test $(readlink /run/bin/kvm) = /usr/libexec/kvm",
    ),
    "image": (
        (),
        image.create("/run/a.img", "80G", preallocation="metadata"),
        "qemu-img info /run/a.img | grep -q '80 GiB'",
    ),
    "raw image": (
        (),
        image.create("/run/a.img", "1M", format="raw"),
        "test $(stat -c %s /run/a.img) = 1048576",
    ),
    "overlay": (
        (image.create("/run/a.img", "1G"),),
        image.overlay("/run/b.img", "/run/a.img"),
        "qemu-img info /run/b.img | grep -q 'backing file: /run/a.img'",
    ),
    "dnsmasq": (
        (*BRIDGE, link.address("br-int", "10.1.1.254/24")),
        dnsmasq.start("br-int", "10.1.1.11", "10.1.1.100", "10.1.1.254"),
        "ss -Hlun sport = 67 | grep -q :67",
    ),
    "no dnsmasq": (
        (*BRIDGE, dnsmasq.start("br-int", "10.1.1.11", "10.1.1.100")),
        dnsmasq.stop(),
        "! ss -Hlun sport = 67 | grep -q :67",
    ),
}


@pytest.mark.parametrize("old", [False, True], ids=["today", "old"])
@pytest.mark.parametrize("name", CHANGES)
def test_it_changes_the_machine_once(room: Machine, name: str, old: bool) -> None:
    before, action, so = CHANGES[name]
    apply_all(before, room, old=old)
    assert not room.run(so).ok, "the test would see nothing"
    assert apply(action, room, old=old).ran == action.lines(old=old)
    assert room.run(so).ok
    assert apply(action, room).ran == apply(action, room, old=True).ran == ()


PLAN = GuestPlan(
    "c1",
    drives=(Drive("/run/c1.img", "qcow2", "virtio"),),
    nics=(Nic("virtio", "52:54:00:00:00:01", "tap01"),),
    vnc_display=0,
    memory_mib=64,
)


@pytest.fixture
def host(room: Machine) -> Machine:
    """A machine with all that a guest needs."""
    apply_all((*BRIDGE, ifup.write("br-int"), image.create("/run/c1.img", "64M")), room)
    return room


@pytest.mark.parametrize("old", [False, True], ids=["today", "old"])
def test_a_guest_is_started_plugged_in_paused_and_ended(host: Machine, old: bool) -> None:
    apply(ifup.write("br-int"), host, old=old)
    start = guest.start(PLAN)
    assert len(apply(start, host, old=old).ran) == 1
    assert apply(start, host).ran == ()
    assert host.run("ip link show master br-int up | grep -q tap01").ok
    assert host.listdir("/run/kvmbench/guests/c1") == (
        "agent.sock",
        "console.sock",
        "events.sock",
        "pid",
        "qmp.sock",
    )
    apply(monitor.pause("c1"), host)
    apply(monitor.resume("c1"), host)
    assert len(apply(guest.end("c1"), host).ran) == 1
    assert apply(guest.end("c1"), host).ran == apply(guest.power_off("c1"), host).ran == ()
    assert not host.run("ip link show tap01").ok


def _state(machine: Machine) -> str:
    """Everything that an action could leave behind."""
    files = "find /run /etc/qemu-ifup -path /run/layer -prune -o -print"
    return machine.run(
        f"ip -br link; ip -br address; ip netns list; nft list ruleset; {files}; pidof qemu-system-x86_64"
    ).out


HINDERED: dict[str, tuple[tuple[Action, ...], Action, type[Exception], str, str]] = {
    "a bridge's name is taken": (
        PAIR,
        bridge.add("vethm.1"),
        BadInput,
        "vethm.1 is a veth already",
        "ip link del",
    ),
    "a veth end's name is taken": (
        BRIDGE,
        veth.add("vethm.1", "br-int"),
        BadInput,
        "there is an interface br-int already",
        "ip link delete br-int",
    ),
    "an address is in use": (
        (*BRIDGE, PAIR[1], link.address("br-int", "10.1.1.254/24")),
        link.address("vethm.1", "10.1.1.254/24"),
        BadInput,
        "10.1.1.254 is in use: br-int has it",
        "ip address flush dev br-int",
    ),
    "another dnsmasq runs": (
        (*BRIDGE, dnsmasq.start("br-int", "10.1.1.11", "10.1.1.20")),
        dnsmasq.start("br-int", "10.1.1.11", "10.1.1.100"),
        BadInput,
        "another dnsmasq runs: dnsmasq --user= --group= --interface=br-int",
        "kill $(cat /run/dnsmasq.pid)",
    ),
    "a backing file is missing": (
        (),
        image.overlay("/run/b.img", "/run/a.img"),
        ImageError,
        "there is no image /run/a.img",
        "Make it first",
    ),
    "a directory is missing": (
        (),
        image.create("/run/vms/a.img", "1G"),
        ImageError,
        "there is no directory /run/vms",
        "mkdir -p /run/vms",
    ),
    "a bridge is missing": (
        PAIR,
        link.master("vethm.1", "br-int"),
        CommandFailed,
        "ip link set vethm.1",
        "shell",
    ),
    "an image is missing": (
        (*BRIDGE, ifup.write("br-int")),
        guest.start(PLAN),
        GuestError,
        "c1 was not started: there is no disk image /run/c1.img",
        "ls -l /run",
    ),
    "the script is missing": (
        (*BRIDGE, image.create("/run/c1.img", "64M")),
        guest.start(PLAN),
        GuestError,
        "c1 was not started: there is no /etc/qemu-ifup",
        "Write it first",
    ),
    "the script fails": (
        (ifup.write("br-int"), image.create("/run/c1.img", "64M")),
        guest.start(PLAN),
        GuestError,
        'c1 was not started: /etc/qemu-ifup failed: Error: argument "br-int" is wrong',
        "sh -x /etc/qemu-ifup tap01",
    ),
}


@pytest.mark.parametrize("name", HINDERED)
def test_what_hinders_it_is_said_in_two_lines_and_nothing_half_made_is_left(room: Machine, name: str) -> None:
    before, action, kind, what, hint = HINDERED[name]
    apply_all(before, room)
    state = _state(room)
    with pytest.raises(kind) as caught:
        apply(action, room)
    said = str(caught.value).splitlines()
    assert len(said) == 2
    assert what in said[0]
    assert hint in said[1]
    assert _state(room) == state


def test_an_image_that_a_guest_writes_to_is_not_overwritten(host: Machine) -> None:
    apply(guest.start(PLAN), host)
    with pytest.raises(ImageError, match=r"/run/c1\.img is locked") as caught:
        apply(image.create("/run/c1.img", "1G"), host)
    assert "Power that guest off" in caught.value.hint
    assert host.run("test -s /run/c1.img").ok


def test_a_second_guest_on_the_same_image_is_refused(host: Machine) -> None:
    apply(guest.start(PLAN), host)
    second = GuestPlan("c2", drives=PLAN.drives, memory_mib=64)
    with pytest.raises(GuestError, match=r"/run/c1\.img is locked: guest c1 writes to it"):
        apply(guest.start(second), host)


def test_an_address_that_fails_to_be_set_is_taken_off_again(room: Machine) -> None:
    broken = link.address("ens33", "172.17.0.1/16")
    action = Action(broken.says, (broken.today[0], "false"), undo=broken.undo, absent=broken.absent)
    with pytest.raises(CommandFailed):
        apply(action, room)
    assert "172.17.0.1" not in room.run("ip -br address").out


def test_undo_spares_what_was_there_before(room: Machine) -> None:
    action = file.write("/run/mine", "new")
    room.run("echo mine >/run/mine")
    failing = Action(action.says, ("false",), undo=action.undo, absent=action.absent)
    with pytest.raises(CommandFailed):
        apply(failing, room)
    assert room.read("/run/mine") == "mine\n"


def test_waiting_in_vain_names_what_was_awaited(room: Machine) -> None:
    wait = Action("wait", ("sleep 60",), awaits="an answer of guest c9", timeout_s=0.2)
    with pytest.raises(TimedOut, match=r"waited 0\.2 s in vain for an answer of guest c9"):
        apply(wait, room)


@pytest.mark.parametrize("one", [lambda a: apply(a, old=False), lambda a: apply(a, old=True)])
def test_without_a_machine_it_is_this_one(one: Callable[[Action], object]) -> None:
    assert one(Action("do nothing", ("true",)))
