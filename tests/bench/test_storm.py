"""SIGKILL of whatever a bench is made of, at random moments: nothing is left, the machine is as it was."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.conftest import Person, processes, traces
from tests.bench.test_bench import keepers_of

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

ROUNDS = 50
"""for each person: with root and an ordinary user a hundred in all"""
LIFE = """
brctl addbr br-int && ifconfig br-int 10.1.1.254/24 up
ip netns add router1; ip link add vethm.1 type veth peer name vethm.2; ip link set vethm.2 netns router1
iptables -t nat -A POSTROUTING -o ens33 -j MASQUERADE; sysctl -qw net.ipv4.ip_forward=1
printf '#!/bin/sh\\nip link set $1 up; brctl addif br-int $1\\n' > /etc/qemu-ifup; chmod +x /etc/qemu-ifup
dnsmasq -i br-int -F 10.1.1.11,10.1.1.100 -O 3,10.1.1.254
/usr/libexec/qemu-kvm -name c1 -m 64 -net nic,model=virtio,macaddr=52:54:00:00:00:01 \\
    -net tap,script=/etc/qemu-ifup,downscript=no -vnc :0 -daemonize
echo alive; exec sleep 300
"""
"""what a bench in use holds; the guest has no disk and waits in its BIOS"""

ENDS_THE_BENCH = ("keeper", "init")
LEAVES_THE_BENCH = ("guest", "dnsmasq", "shell")


@pytest.mark.guest
def test_a_hundred_kills_leave_nothing(person: Person) -> None:
    before = traces()
    chance = random.Random(20260101)
    for number in range(ROUNDS):
        victim = chance.choice(("creator", *ENDS_THE_BENCH, *LEAVES_THE_BENCH))
        name = f"storm-{number}"
        if victim == "creator":
            _kill_a_creator(person, name, chance)
        else:
            _kill_in_a_bench(person, name, victim, chance)
        assert not keepers_of(person), f"round {number}: {victim}"
    assert traces() == before
    assert not [line for line in processes().values() if "qemu-system" in line and str(person.home) in line]


def _kill_a_creator(person: Person, name: str, chance: random.Random) -> None:
    creator = person.start("bench", "create", name)
    time.sleep(chance.uniform(0, 0.6))
    creator.kill()
    creator.wait()
    _wait_until(lambda: _state(person, name) == "running" or not keepers_of(person), "the keeper ends")
    person.kvmbench("bench", "destroy", name)


def _kill_in_a_bench(person: Person, name: str, victim: str, chance: random.Random) -> None:
    person.kvmbench("bench", "create", name).checked()
    shell = person.start("exec", "-b", name, "--", "sh", "-c", LIFE, stdout=subprocess.PIPE)
    assert shell.stdout is not None
    settled = chance.random() < 0.7
    if settled:
        assert shell.stdout.readline() == b"alive\n"
    else:
        time.sleep(chance.uniform(0, 0.5))
    record = json.loads((person.home / "kb" / "benches" / name / "bench.json").read_text())
    inhabitants = _inhabitants(record["init"])
    if victim in ENDS_THE_BENCH:
        keeper = os.pidfd_open(record["keeper"])
        os.kill(record[victim], signal.SIGKILL)
        assert select.select([keeper], [], [], 10)[0], f"{victim} killed, and the keeper goes on"
        os.close(keeper)
        assert not [pid for pid in inhabitants if Path(f"/proc/{pid}/exe").exists()]
        if settled:  # otherwise the shell may come late, and start the bench again
            assert "its first process was ended" in _state(person, name)
    else:
        wanted = {"guest": "qemu-system", "dnsmasq": "dnsmasq", "shell": "sleep 300"}[victim]
        for pid, line in inhabitants.items():
            if wanted in line:
                os.kill(pid, signal.SIGKILL)
        assert person.kvmbench("exec", "-b", name, "--", "ip", "link", "show", "ens33").ok
        assert _state(person, name) == "running"
    shell.kill()
    shell.wait()
    shell.stdout.close()
    person.kvmbench("bench", "destroy", name).checked()
    assert not (person.home / "kb" / "benches" / name).exists()


def _state(person: Person, name: str) -> str:
    return str(json.loads(person.kvmbench("bench", "list", "--json").checked().out).get(name, ""))


def _inhabitants(init: int) -> dict[int, str]:
    """Every process in the pid namespace of a bench's first process."""
    inside = _pid_namespace(init)
    return {pid: line for pid, line in processes().items() if _pid_namespace(pid) == inside}


def _pid_namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""  # it ended meanwhile, or is somebody else's


def _wait_until(condition: Callable[[], bool], awaited: str, timeout_s: float = 5) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {awaited}"
        time.sleep(0.01)
