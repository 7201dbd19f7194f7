"""A bench as a student, an instructor and an operator meet it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
from pathlib import Path

import pytest

from kvmbench.system import run
from tests.bench.conftest import Person, processes, traces

pytestmark = pytest.mark.bench


def test_exec_gives_exit_code_and_output_as_they_are(person: Person, bench: str) -> None:
    ended = person.kvmbench("exec", "--bench", bench, "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (ended.out, ended.err, ended.code) == ("out\n", "err\n", 7)


def test_the_bench_has_the_tutorials_uplink_and_a_root_of_its_own(person: Person, bench: str) -> None:
    seen = person.kvmbench(
        "exec", "-b", bench, "--", "sh", "-c", "id -u; ip -4 -br addr show ens33; hostname"
    ).out
    assert seen.split()[0] == "0"
    assert "172.16.0.67/16" in seen
    assert seen.split()[-1] == bench


def test_forwarding_is_off_at_first_whatever_the_machine_does(person: Person, bench: str) -> None:
    assert person.kvmbench("exec", "-b", bench, "--", "cat", "/proc/sys/net/ipv4/ip_forward").out == "0\n"


TUTORIAL = {
    "link": "ln -sv /usr/libexec/qemu-kvm /usr/bin",
    "image": "qemu-img create -f qcow2 -o preallocation=metadata,size=1g /vms/centos/centos.img",
    "veth": "ip link add vethm.1 type veth peer name vethm.2",
    "netns": """ip netns add router1; ip link add vethm.1 type veth peer name vethm.2
        ip link set dev vethm.2 netns router1; ip netns exec router1 ifconfig -a | grep vethm.2:""",
    "bridge": "brctl addbr br-int && ifconfig br-int up && brctl show | grep br-int",
    "forwarding": "sysctl -w net.ipv4.ip_forward=1",
    "dnat": """iptables -t nat -A PREROUTING -d 172.16.0.67 -p tcp --dport 22922 -j DNAT \\
        --to-destination 10.1.1.1:22 && iptables -t nat -vnL | grep 22922""",
    "dnsmasq": """brctl addbr br-int; ifconfig br-int 10.1.1.254/24 up
        dnsmasq -i br-int -F 10.1.1.11,10.1.1.100 -O 3,10.1.1.254 && pidof dnsmasq""",
    "tcpdump": """timeout 20 tcpdump -w /tmp/seen -c1 -i ens33 icmp & sleep 0.5
        ping -c1 172.16.0.1; wait $! && test -s /tmp/seen""",
    "script": "printf '#!/bin/sh\\n' > /etc/qemu-ifup && chmod +x /etc/qemu-ifup",
    "no script at first": "test ! -e /etc/qemu-ifup",
    "names": "ping -c1 outside",
    "tun": "test -c /dev/net/tun && : <>/dev/net/tun",
}


@pytest.mark.parametrize("line", TUTORIAL.values(), ids=TUTORIAL.keys())
def test_the_tutorials_lines_work_as_typed(person: Person, bench: str, line: str) -> None:
    person.kvmbench("exec", "--bench", bench, "--", "sh", "-c", line).checked()


def test_a_bridge_that_takes_another_mac_address_is_found_at_once(person: Person, bench: str) -> None:
    line = """set -e
        ip link add br-int type bridge; ip link set br-int up; ip address add 10.1.1.254/24 dev br-int
        ip netns add far; ip link add near type veth peer name there netns far
        ip link set near address 52:54:00:00:00:09 master br-int up
        ip -n far address add 10.1.1.1/24 dev there; ip -n far link set there up
        ip link add lower type veth peer name unused; ip link set lower address 52:54:00:00:00:01 up
        ip link set lower master br-int
        ip netns exec far ping -c1 -W5 10.1.1.254; cat /sys/class/net/br-int/address
        ip link del lower
        ip netns exec far ping -c1 -W1 10.1.1.254; cat /sys/class/net/br-int/address"""
    ended = person.kvmbench("exec", "-b", bench, "--", "sh", "-c", line).checked()
    addresses = [said for said in ended.out.splitlines() if said.startswith("52:54")]
    assert addresses == ["52:54:00:00:00:01", "52:54:00:00:00:09"]


def test_the_outside_web_server_tells_who_asks(person: Person, bench: str) -> None:
    assert (
        person.kvmbench("exec", "-b", bench, "--", "curl", "-s", "http://172.16.0.1/").out == "172.16.0.67\n"
    )


def test_outside_commands_have_no_power_over_the_outside_host(person: Person, bench: str) -> None:
    def outside(*line: str) -> tuple[int, str]:
        ended = person.kvmbench("exec", "--bench", bench, "--outside", "--", *line)
        return ended.code, ended.out

    assert outside("hostname") == (0, "outside\n")
    assert outside("ping", "-c1", "-W2", "172.16.0.67")[0] == 0
    assert outside("ip", "link", "set", "eth0", "down")[0] != 0
    assert outside("ip", "addr", "add", "10.1.1.77/24", "dev", "eth0")[0] != 0
    assert outside("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")[0] != 0
    outside("sh", "-c", "mount -t tmpfs none /etc; ip link set eth0 name other")
    assert outside("cat", "/etc/hostname") == (0, f"{bench}\n")
    assert outside("ip", "-brief", "link", "show", "eth0")[0] == 0
    assert outside("no-such-program")[0] == 127


def test_a_student_cannot_end_or_look_into_the_outside_host(person: Person, bench: str) -> None:
    line = "umount /proc; cat /proc/1/environ; ls /proc/1/root; kill -9 1; hostname"
    ended = person.kvmbench("exec", "-b", bench, "--", "sh", "-c", line)
    assert ended.out == f"{bench}\n"
    assert (
        person.kvmbench("exec", "-b", bench, "--outside", "--", "sh", "-c", "kill -9 1; kill -9 -1").code != 0
    )
    assert person.kvmbench("exec", "-b", bench, "--", "curl", "-s", "-m5", "http://172.16.0.1/").ok


def test_no_home_and_no_secret_of_the_machine_is_seen(person: Person, bench: str) -> None:
    secret = person.home / "secret"
    secret.write_text("mine")
    try:
        line = f"cat {secret} /etc/shadow; ls /home; ls -A /root | grep -v '^.ssh$'; touch /usr/lib/x /usr/x"
        ended = person.kvmbench("exec", "-b", bench, "--", "sh", "-c", line)
        assert "mine" not in ended.out
        assert "root:" not in ended.out
        assert ended.err.count("Read-only file system") == 2
    finally:
        secret.unlink()


def test_the_environment_of_the_caller_stays_outside(person: Person, bench: str) -> None:
    line = person.command("exec", "-b", bench, "--", "env")
    ended = run(line, env=person.environment | {"TOKEN": "geheim", "LANG": "C.UTF-8"}, cwd=person.work)
    assert "geheim" not in ended.out
    assert "LANG=C.UTF-8" in ended.out
    assert f"KVMBENCH_BENCH={bench}" in ended.out


def test_the_working_directory_is_writable_and_kvmbench_itself_is_not(person: Person, bench: str) -> None:
    person.kvmbench("exec", "-b", bench, "--", "sh", "-c", "echo hello > made").checked()
    made = person.work / "made"
    assert made.read_text() == "hello\n"
    assert made.stat().st_uid == person.work.stat().st_uid
    made.unlink()
    module = Path(person.path) / "kvmbench" / "cli.py"
    assert not person.kvmbench("exec", "-b", bench, "--", "sh", "-c", f"echo >> {module}").ok
    assert not person.kvmbench(
        "exec", "-b", bench, "--", "mount", "-o", "remount,bind,rw", str(module.parent)
    ).ok


def test_a_bench_that_root_starts_is_nobody_to_the_machine(person: Person, bench: str) -> None:
    record = json.loads((person.home / "kb" / "benches" / bench / "bench.json").read_text())
    for process in ("keeper", "init"):
        uids = Path(f"/proc/{record[process]}/status").read_text().split("Uid:")[1].split()[:4]
        assert "0" not in uids
    line = "mknod /tmp/disk b 254 0; cat /proc/kcore /dev/vda; echo 1 > /sys/kernel/mm/ksm/run; dmesg -C"
    ended = person.kvmbench("exec", "-b", bench, "--", "sh", "-c", line)
    assert ended.out == ""


def test_two_benches_do_not_see_each_other(person: Person, bench: str) -> None:
    person.kvmbench(
        "exec", "-b", bench, "--", "sh", "-c", "ip link add br-one type bridge; touch /vms/one"
    ).checked()
    person.kvmbench("bench", "create", "second").checked()
    try:
        seen = person.kvmbench("exec", "-b", "second", "--", "sh", "-c", "ip link; ls /vms; ps ax")
        assert "br-one" not in seen.out
        assert "one" not in seen.out.split()
        assert seen.out.count("kvmbench.bench.keeper") == 1
    finally:
        person.kvmbench("bench", "destroy", "second").checked()


def test_creating_it_again_leaves_it_as_it_is_and_reset_makes_it_new(person: Person, bench: str) -> None:
    person.kvmbench(
        "exec", "-b", bench, "--", "sh", "-c", "ip link add x type bridge; touch /vms/mine /etc/mine"
    )
    person.kvmbench("bench", "create", bench).checked()
    assert person.kvmbench("exec", "-b", bench, "--", "ls", "/sys/class/net/x", "/vms/mine").ok
    person.kvmbench("bench", "reset", bench).checked()
    left = person.kvmbench(
        "exec", "-b", bench, "--", "sh", "-c", "ls -d /sys/class/net/x /vms/mine /etc/mine"
    )
    assert left.out == ""


def test_an_ended_bench_says_what_was_lost_and_starts_with_its_files(person: Person, bench: str) -> None:
    person.kvmbench(
        "exec", "-b", bench, "--", "sh", "-c", "touch /vms/mine; echo '10.1.1.1 c1' >> /etc/hosts"
    )
    end_first_process(person, bench, "init")
    assert "first process was ended" in person.kvmbench("bench", "list").out
    again = person.kvmbench("exec", "-b", bench, "--", "sh", "-c", "ls /vms/mine; grep c1 /etc/hosts")
    assert again.ok
    assert "its files are kept" in again.err


def test_an_ended_bench_keeps_the_image_that_its_disks_lean_on(person: Person, bench: str) -> None:
    end_first_process(person, bench, "init")
    stock = person.home / "kb" / "stock.json"
    before = stock.read_text()
    other = person.home / "stock" / "other.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", str(other), "1M"]).checked()
    try:
        stock.write_text(json.dumps(json.loads(before) | {"image": str(other)}))
        line = ("exec", "-b", bench, "--", "qemu-img", "info", "-U", "/vms/base/guest.qcow2")
        assert "virtual size: 64 MiB" in person.kvmbench(*line).out
    finally:
        stock.write_text(before)


def test_after_a_reboot_the_bench_says_so_and_works(person: Person, bench: str) -> None:
    path = person.home / "kb" / "benches" / bench / "bench.json"
    record = json.loads(path.read_text())
    end_first_process(person, bench, "keeper")
    path.write_text(json.dumps(record | {"boot": "another boot"}))
    again = person.kvmbench("exec", "-b", bench, "--", "true")
    assert again.ok
    assert "the machine was restarted" in again.err


@pytest.mark.parametrize("which", ["keeper", "init"])
def test_killing_either_first_process_leaves_nothing(person: Person, bench: str, which: str) -> None:
    before = traces()
    person.kvmbench(
        "exec",
        "-b",
        bench,
        "--",
        "sh",
        "-c",
        "setsid sleep 1234 & setsid dnsmasq -p 0; ip link add x type bridge",
    )
    end_first_process(person, bench, which)
    assert not [line for line in processes().values() if "sleep 1234" in line]
    assert traces() == before


def end_first_process(person: Person, bench: str, which: str) -> None:
    """SIGKILL, and wait until its namespaces are empty."""
    record = json.loads((person.home / "kb" / "benches" / bench / "bench.json").read_text())
    handle = os.pidfd_open(record["keeper"])
    os.kill(record[which], signal.SIGKILL)
    assert select.select([handle], [], [], 10)[0], "the keeper did not end"
    os.close(handle)


def test_the_machine_is_the_same_before_and_after(person: Person) -> None:
    before = traces()
    person.kvmbench("bench", "create", "same").checked()
    person.kvmbench(
        "exec", "-b", "same", "--", "sh", "-c", "ip link add b type bridge; sysctl -w net.ipv4.ip_forward=1"
    )
    person.kvmbench(
        "exec", "-b", "same", "--", "iptables", "-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE"
    ).checked()
    during = traces()
    person.kvmbench("bench", "destroy", "same").checked()
    assert during == before == traces()
    assert not keepers_of(person)
    assert not (person.home / "kb" / "benches" / "same").exists()


def test_a_creator_killed_at_any_moment_leaves_no_process(person: Person) -> None:
    before = traces()
    for delay_ms in range(0, 400, 20):
        creator = person.start("bench", "create", "cut")
        time.sleep(delay_ms / 1000)
        creator.kill()
        creator.wait()
        alive = person.kvmbench("bench", "list", "--json")
        state = json.loads(alive.out).get("cut", "")
        if state != "running":
            deadline = time.monotonic() + 5
            while (left := keepers_of(person)) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert not left, f"killed after {delay_ms} ms: {left}"
        if state:
            person.kvmbench("bench", "destroy", "cut").checked()
        assert not keepers_of(person)
    assert traces() == before


def keepers_of(person: Person) -> list[str]:
    lines = processes().values()
    return [line for line in lines if "kvmbench.bench.keeper" in line and str(person.home) in line]


@pytest.mark.parametrize("name", ["Lab", "a b", "../x", "", "x" * 33, "-x"])
def test_a_name_that_cannot_be_is_refused_in_two_lines(person: Person, name: str) -> None:
    refused = person.kvmbench("bench", "create", "--", name)
    assert refused.code != 0
    assert len(refused.err.splitlines()) == 2
    assert "cannot be the name of a bench" in refused.err


def test_a_missing_bench_is_named_with_the_line_that_makes_it(person: Person) -> None:
    for line in (("exec", "-b", "nowhere", "--", "true"), ("bench", "destroy", "nowhere")):
        refused = person.kvmbench(*line)
        assert refused.code != 0
        assert refused.err.splitlines()[0] == "there is no bench 'nowhere'"


def test_a_full_disk_is_said_in_two_lines_and_nothing_is_left(person: Person) -> None:
    """The data directory is a file system of 64 KiB, in a mount namespace of the test's own."""
    line = (
        f"mount -t tmpfs -o size=64k none {person.home}/kb/benches && "
        f"{' '.join(person.command('bench', 'create', 'full'))}; code=$?; "
        f"ls {person.home}/kb/benches; exit $code"
    )
    (person.home / "kb" / "benches").mkdir(exist_ok=True)
    if not person.prefix and os.geteuid() != 0:
        line = f"unshare -Urm sh -c {line!r}"
    ended = run(["unshare", "-m", "sh", "-c", line], env=person.environment, cwd=person.work)
    assert ended.code != 0
    assert "No space left" in ended.err
    assert len(ended.err.splitlines()) == 2, ended.err
    assert "full" not in ended.out.split()


def test_several_programs_share_one_bench(person: Person, bench: str) -> None:
    first = person.start("exec", "-b", bench, "--", "sh", "-c", "ip link add shared type bridge; sleep 2")
    deadline = time.monotonic() + 10
    while not (seen := person.kvmbench("exec", "-b", bench, "--", "ls", "/sys/class/net/shared")).ok:
        assert time.monotonic() < deadline, seen
    assert "sleep 2" in person.kvmbench("exec", "-b", bench, "--", "ps", "ax").out
    first.kill()
    first.wait()


def test_signals_reach_the_program_on_the_bench(person: Person, bench: str) -> None:
    line = "trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    program = person.start("exec", "-b", bench, "--", "sh", "-c", line, stdout=-1)
    assert program.stdout is not None
    assert program.stdout.readline() == b"ready\n"
    program.send_signal(signal.SIGTERM)
    assert program.stdout.read() == b"told\n"
    assert program.wait() == 5


def test_the_outside_socket_survives_nonsense(person: Person, bench: str) -> None:
    code = (
        "import socket\n"
        "for words in (b'', b'{', b'[]', b'{\"argv\": 3}', b'x' * 50_000, b'{\"argv\": [], \"env\": {}}'):\n"
        "    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "    s.connect('/run/kvmbench/service/outside.sock')\n"
        "    s.send(words)\n"
        "    s.close()\n"
    )
    person.kvmbench("exec", "-b", bench, "--", "/usr/bin/python3", "-c", code).checked()
    assert person.kvmbench("exec", "-b", bench, "--outside", "--", "true").ok


def test_no_socket_listens_on_the_machine(person: Person, bench: str) -> None:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        assert probe.connect_ex(("127.0.0.1", 80)) != 0
