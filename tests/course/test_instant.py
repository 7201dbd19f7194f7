"""Instant guests on a real bench: to every check what booted ones are, and each with all that is its own."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from kvmbench import course
from kvmbench.course.plan import C1, C2
from tests.course.test_solved import not_passed, told

pytestmark = [pytest.mark.bench, pytest.mark.guest]

CLONES = ("c1", "c2")
SECRETS = {
    "name": "hostname",
    "MAC address": "cat /sys/class/net/eth0/address",
    "ssh host key": "until pidof dropbear; do usleep 50000; done >&2; sha256sum </etc/dropbear/host_key",
    "boot id": "cat /proc/sys/kernel/random/boot_id",
    "random numbers": "head -c 16 /dev/urandom | sha256sum",
}
"""what must never be the same in two guests: a line of each"""


@pytest.fixture(scope="module")
def solved(bench: Any) -> Any:
    """The whole course, solved with instant guests; c0 never boots, so it has nothing to wake up from."""
    lines = [line for ran in bench.hand("solve", "all") for line in ran]
    started = [line.split()[:4] for line in lines if "qemu-kvm -name" in line and "-name c0 " not in line]
    assert started == [["instant", "qemu-kvm", "-name", name] for name in ("c1", "c2", "c3")]
    return bench


def says(bench: Any, guest: str, command: str) -> str:
    ended = bench.kvmbench("exec", "--bench", bench.name, "--guest", guest, "--", command)
    return str(ended.checked().out).strip()


def guests(bench: Any) -> dict[str, Any]:
    seen = json.loads(bench.kvmbench("look", "--bench", bench.name, "--json").checked().out)
    return {guest["name"]: guest for guest in seen["guests"]}


def test_to_every_check_they_are_what_a_booted_guest_is(solved: Any) -> None:
    results = solved.hand("check", "all")
    assert len(results) == sum(len(step.checks) for step in course.steps())
    assert not not_passed(results), told(not_passed(results))


def test_the_command_line_that_is_shown_is_the_one_that_runs(solved: Any) -> None:
    for name, plan in (("c1", C1), ("c2", C2)):
        seen = guests(solved)[name]
        line = " ".join(seen["argv"])
        assert f"-name {name} -m 256 -smp 2 -drive file={plan.drives[0].file}" in line  # what was typed
        assert "-incoming defer" in line  # and what was added
        assert "mem-path=/run/kvmbench/memory/256-2-virtio-virtio-" in line
        assert [(nic["model"], nic["mac"], nic["tap"]) for nic in seen["nics"]] == [
            ("virtio", plan.nics[0].mac, plan.nics[0].tap)
        ]


def test_two_clones_never_share_a_secret(solved: Any) -> None:
    first, second = (says(solved, name, "; ".join(SECRETS.values())).splitlines() for name in CLONES)
    assert len(first) == len(second) == len(SECRETS)
    assert all(first)
    assert [what for what, one, other in zip(SECRETS, first, second, strict=True) if one == other] == []


def test_each_has_its_own_name_address_and_time_and_no_trace_of_the_sleep(solved: Any) -> None:
    look = "hostname; cat /sys/class/net/eth0/address; tail -n1 /etc/hosts; date +%s; ls /run; ls /sbin"
    for name, plan in (("c1", C1), ("c2", C2)):
        host, mac, hosts, now, *names = says(solved, name, look).splitlines()
        assert (host, mac, hosts) == (name, plan.nics[0].mac, f"127.0.1.1 {name}")
        assert abs(int(now) - time.time()) < 10
        assert not {"asleep", "sleepers", "zeros", "agent.true", "getty.true", "getty.asleep"} & set(names)


def test_each_gets_a_lease_of_its_own(solved: Any) -> None:
    for name in CLONES:
        says(
            solved, name, f"ip -4 address flush dev eth0; udhcpc -i eth0 -n -q -t 10 -T 1 -x hostname:{name}"
        )
    leases = solved.kvmbench("exec", "--bench", solved.name, "--", "cat", "/var/lib/misc/dnsmasq.leases").out
    rows = [line.split() for line in leases.splitlines()]
    held = {mac: address for _, mac, address, *_ in rows}
    assert {plan.nics[0].mac for plan in (C1, C2)} <= set(held)
    assert len(set(held.values())) == len(held)
    for name, plan in (("c1", C1), ("c2", C2)):
        assert f"inet {held[plan.nics[0].mac]}/24" in says(solved, name, "ip -4 address show dev eth0")


def test_a_write_to_one_disk_is_on_no_other(solved: Any) -> None:
    says(solved, "c1", "mount -t vfat /dev/vda1 /mnt && echo mine >/mnt/note && umount /mnt")
    read = "mount -t vfat -o ro /dev/vda1 /mnt; cat /mnt/note; umount /mnt"
    assert says(solved, "c1", f"echo 3 >/proc/sys/vm/drop_caches; {read}") == "mine"
    assert says(solved, "c2", f"{read} 2>/dev/null; true") == ""
    keys = "mount -t vfat -o ro /dev/vda1 /mnt; sha256sum </mnt/host_key; umount /mnt"
    assert says(solved, "c1", keys) != says(solved, "c2", keys)


def test_clones_share_the_memory_that_they_do_not_change(solved: Any) -> None:
    resident, proportional = 0, 0
    for name in CLONES:
        maps = solved.kvmbench(
            "exec", "--bench", solved.name, "--", "cat", f"/proc/{guests(solved)[name]['pid']}/smaps"
        ).out
        _, _, mapping = maps.partition("/run/kvmbench/memory/")
        fields = dict(line.split(":") for line in mapping.splitlines()[1:20] if ":" in line)
        resident += int(fields["Rss"].split()[0]) - int(fields["Private_Dirty"].split()[0])
        proportional += int(fields["Pss"].split()[0]) - int(fields["Private_Dirty"].split()[0])
    assert proportional < 0.75 * resident


def test_a_bench_cannot_change_a_template(solved: Any) -> None:
    for what in ("touch x", "truncate -s0 256-2-virtio-virtio/memory", "rm -r 256-2-virtio-virtio"):
        line = f"cd /run/kvmbench/templates && {what}"
        ended = solved.kvmbench("exec", "--bench", solved.name, "--", "sh", "-c", line)
        assert not ended.ok
        # Read-only in any case; the bench of the machine's root is not even their owner.
        assert "Read-only file system" in ended.err or "Permission denied" in ended.err


def test_where_no_template_fits_the_guest_boots_and_says_why(solved: Any) -> None:
    line = "instant qemu-kvm -name c9 -m 200 -drive file=/vms/c9.img,if=virtio -nic none -vnc none -daemonize"
    prepare = "qemu-img create -q -f qcow2 -b /vms/base/guest.qcow2 -F qcow2 /vms/c9.img"
    ended = solved.kvmbench(
        "exec", "--bench", solved.name, "--", "sh", "-c", f"{prepare} && {line}"
    ).checked()
    assert ended.err == "instant: there is no template 200-1-virtio: the guest boots\n"
    c9 = guests(solved)["c9"]
    assert "-incoming" not in c9["argv"]
    solved.kvmbench("exec", "--bench", solved.name, "--", "kill", str(c9["pid"])).checked()


def test_what_the_launcher_refuses_is_refused_in_the_same_words(solved: Any) -> None:
    line = "instant qemu-kvm -name c1 -m 256 -smp 2 -drive file=/vms/cirros/cirros1.img,if=virtio"
    line += " -nic tap,model=virtio,mac=52:54:00:00:00:09,ifname=tap09 -vnc none -daemonize"
    ended = solved.kvmbench("exec", "--bench", solved.name, "--", "sh", "-c", line)
    assert ended.code == 1
    assert ended.err.splitlines()[0] == "qemu-kvm: a guest named c1 is running already"
