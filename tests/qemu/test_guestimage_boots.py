"""The guest in the course's image: its machines, cards, addresses, ways in and ways to end."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmbench.errors import KvmbenchError
from kvmbench.qemu import guestimage
from kvmbench.qemu.agent import wait_ready
from kvmbench.system.run import run
from tests.qemu.real_guest import BOOT_S, Guest, eventually, qmp, running

pytestmark = pytest.mark.guest

MODELS = {
    "virtio-net-pci": "virtio_net", "e1000": "e1000", "rtl8139": "8139cp", "ne2k_pci": "ne2k-pci",
    "pcnet": "pcnet32", "i82551": "e100", "i82557b": "e100", "i82559er": "e100",
}  # fmt: skip


@pytest.fixture(scope="module")
def image() -> Path:
    return guestimage.ensure_guest_image()


@pytest.fixture(scope="module")
def c1(image: Path) -> Iterator[Guest]:
    """A guest with a network card of each model; the first is on a network with DHCP and a way to its ssh."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    first, *others = MODELS
    network = f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"
    cards = [word for model in others for word in ("-device", model)]
    with running(
        image, "-netdev", network, "-device", f"{first},netdev=net,mac=52:54:00:00:00:01", *cards
    ) as guest:
        assert wait_ready(guest.agent, BOOT_S) == "c1"
        guest.await_("sshd", "netstat -lnt | grep -q :22")
        guest.await_("a lease", "ip -4 addr | grep -q 10.0.2.15")
        guest.ssh_port = port  # type: ignore[attr-defined]
        yield guest


@pytest.mark.parametrize(("machine", "disk", "memory"), [("q35", "virtio", "128"), ("pc", "ide", "256")])
def test_it_boots_on_other_machines_and_disks(image: Path, machine: str, disk: str, memory: str) -> None:
    with running(image, "-machine", machine, "-m", memory, "-nic", "none", disk=disk) as guest:
        assert wait_ready(guest.agent, BOOT_S) == "c1"
        assert guest.says("ls /sys/class/net").split() == ["lo"]
        guest.await_("the driver of the boot disk", f"ls /dev/{'sda1' if disk == 'ide' else 'vda1'}")


def test_every_card_that_the_course_compares_has_its_driver_and_is_up(c1: Guest) -> None:
    drivers = c1.says("for nic in /sys/class/net/eth*; do basename $(readlink $nic/device/driver); done")
    names = {"virtio_net": "virtio_net", **{name: name for name in MODELS.values()}}
    assert sorted(drivers.split()) == sorted(names[name] for name in MODELS.values())
    links = c1.says("ip -o link show").splitlines()
    assert len(links) == 1 + len(MODELS)
    assert all("LOWER_UP" in link or ",UP" in link for link in links), links


def test_an_address_comes_by_dhcp_and_one_set_by_hand_stays(c1: Guest) -> None:
    nic = c1.says("cd /run/network; echo *.lease").split(".")[0]
    assert "10.0.2.15/24" in c1.says(f"ip -4 addr show dev {nic}")
    renew = "kill -USR1 $(pidof udhcpc); sleep 1"  # the signal asks udhcpc to renew now
    c1.says(f"ifconfig {nic} 10.1.1.1 netmask 255.255.255.0; route add default gw 10.1.1.254; {renew}")
    assert re.findall(r"inet ([\d./]+)", c1.says(f"ip -4 addr show dev {nic}")) == ["10.1.1.1/24"]
    assert "default via 10.1.1.254" in c1.says("ip route")
    # Typed by hand it takes over, and renews; and again gives way to what is set by hand.
    c1.says(f"udhcpc -i {nic}")
    assert re.findall(r"inet ([\d./]+)", c1.says(f"ip -4 addr show dev {nic}")) == ["10.0.2.15/24"]
    c1.says(f"ifconfig {nic} 10.1.1.2 netmask 255.255.255.0; {renew}")
    assert re.findall(r"inet ([\d./]+)", c1.says(f"ip -4 addr show dev {nic}")) == ["10.1.1.2/24"]
    # Back to the lease, for ssh.
    c1.says(f"udhcpc -i {nic} -q")


def test_root_comes_in_by_ssh_with_the_key_and_with_the_password(c1: Guest, tmp_path: Path) -> None:
    c1.says("nic=$(cd /run/network; echo *.lease); udhcpc -q -i ${nic%.lease}")
    port = c1.ssh_port  # type: ignore[attr-defined]
    line = [
        "ssh",
        "-p",
        str(port),
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        f"UserKnownHostsFile={tmp_path}/known",
    ]
    keyed = run(
        [
            *line,
            "-i",
            str(guestimage.guest_key()),
            "-o",
            "BatchMode=yes",
            "root@127.0.0.1",
            "hostname; which ip",
        ]
    )
    assert keyed.out.split() == ["c1", "/sbin/ip"], keyed
    asked = tmp_path / "password"
    asked.write_text("#!/bin/sh\necho kvmbench\n")
    asked.chmod(0o700)
    typed = run(
        [*line, "-o", "PubkeyAuthentication=no", "root@127.0.0.1", "id -u"],
        env={**os.environ, "SSH_ASKPASS": str(asked), "SSH_ASKPASS_REQUIRE": "force"},
    )
    assert typed.out.strip() == "0", typed


def test_the_serial_console_asks_for_the_password(c1: Guest) -> None:
    with socket.socket(socket.AF_UNIX) as console:
        console.connect(str(c1.console))
        console.settimeout(30)
        console.sendall(b"\n")
        _until(console, b"login: ")
        console.sendall(b"root\n")
        _until(console, b"assword: ")
        console.sendall(b"kvmbench\n")
        _until(console, b"root@c1:~# ")
        console.sendall(b"tty\n")
        assert "/dev/ttyS0" in _until(console, b"root@c1:~# ")
        console.sendall(b"exit\n")
        assert "This is c1, a guest, on /dev/ttyS0. Log in as root, the password is kvmbench." in _until(
            console, b"login: "
        )
    assert "getty tty1" in c1.says("ps")


def test_the_tools_of_the_course_are_there_and_time_runs_at_its_rate(c1: Guest) -> None:
    tools = "ip ifconfig route ping arp wget nc httpd udhcpc traceroute ps top free dmesg vi lspci lsmod ssh"
    assert len(c1.says(f"which {tools}").split()) == len(tools.split())
    assert "Ethernet controller: 8086:100e (driver e1000)" in c1.says("lspci")
    before, at = float(c1.says("cat /proc/uptime").split()[0]), time.monotonic()
    time.sleep(2)
    passed = float(c1.says("cat /proc/uptime").split()[0]) - before
    assert passed == pytest.approx(time.monotonic() - at, rel=0.3)


def test_a_card_plugged_in_while_it_runs_becomes_a_link(c1: Guest) -> None:
    links = len(c1.says("ls /sys/class/net").split())
    qmp(c1, "device_add", driver="virtio-net-pci", id="late", mac="52:54:00:00:00:99")
    c1.await_(
        "the new link",
        f"[ $(ls /sys/class/net | wc -l) = {links + 1} ] && ip link | grep -q 52:54:00:00:00:99",
    )


def test_a_disk_keeps_its_ssh_identity_over_a_reboot_and_the_power_button_ends_it(
    image: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk.qcow2"
    with running(image, "-nic", "none", keep=disk) as guest:
        wait_ready(guest.agent, BOOT_S)
        identity = guest.await_("the identity", "md5sum /etc/dropbear/host_key && pidof dropbear")
        booted = guest.says("cat /proc/sys/kernel/random/boot_id")
        guest.says("reboot")
        eventually("the guest comes back", lambda: _boot_id(guest) not in ("", booted), BOOT_S)
        again = guest.await_("the identity", "md5sum /etc/dropbear/host_key && pidof dropbear")
        assert again.split()[0] == identity.split()[0]
        guest.await_("the power button's listener", "pidof acpid")
        qmp(guest, "system_powerdown")
        assert guest.process.wait(timeout=30) == 0


def _boot_id(guest: Guest) -> str:
    try:
        wait_ready(guest.agent, 5)
        return guest.says("cat /proc/sys/kernel/random/boot_id")
    except KvmbenchError:  # on its way down or up
        return ""


def _until(console: socket.socket, wanted: bytes) -> str:
    seen = b""
    while wanted not in seen:
        received = console.recv(4096)
        assert received, seen
        seen += received
    return seen.decode(errors="replace")
