"""Many hosts on the bench that this runs on: built, looked at, taken down, by us and by the peers."""

from __future__ import annotations

import json
import os
import resource
import shutil
from collections.abc import Mapping
from ipaddress import IPv4Interface
from pathlib import Path

from kvmbench.act import hosts
from kvmbench.act.action import apply
from kvmbench.measure.clock import median, seconds, until
from kvmbench.observe import look, wire
from kvmbench.system import hosts as machine_hosts
from kvmbench.system import run
from kvmbench.system.netlink import in_namespace

_PROBES = 300
_LONG_S = 300.0
_DEBIANS_PYTHON = "/usr/bin/python3"
_LINKS = Path("/sys/class/net")
_AT_FIRST = ("lo", "ens33")

MININET = """
import json, sys, time
from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from mininet.topo import SingleSwitchTopo

setLogLevel("error")
started = time.perf_counter()
topo = SingleSwitchTopo(int(sys.argv[1]))
net = Mininet(topo=topo, switch=LinuxBridge, controller=None, ipBase="10.0.0.0/8")
net.start()
built = time.perf_counter()
net.stop()
print(json.dumps([built - started, time.perf_counter() - built]))
"""
"""Mininet's own API: one switch, which is a Linux bridge, and hosts on it"""


def ours(count: int) -> dict[str, float]:
    """Build, look, take down; and the same hosts nameless."""
    _may_hold(count)
    found = {f"build {count}": seconds(lambda: apply(hosts.add(count)))}
    look()  # the kernel numbers the namespaces that a look asks about, once
    found[f"look {count}"] = median(look, 3)
    if count == 100:
        found["probe"] = _probe()
    found[f"delete {count}"] = seconds(lambda: apply(hosts.delete()))
    found[f"gone {count}"] = found[f"delete {count}"] + _all_gone()
    wanted = [
        machine_hosts.Host(f"h{number}", IPv4Interface((0x0A4D_0000 + number, 16)))
        for number in range(1, count + 1)
    ]
    nameless = machine_hosts.nameless("br-hosts", wanted)
    found[f"floor {count}"] = seconds(nameless.__enter__)
    closing = seconds(lambda: nameless.__exit__(None, None, None))
    found[f"floor gone {count}"] = closing + _all_gone()
    return found


def _may_hold(count: int) -> None:
    """The nameless ones are each held by a descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, count + 200), hard), hard))


def _all_gone() -> float:
    """Until no link of a host is left; the bridge goes too, so that the next starts as this one did."""
    took = until(lambda: not [name for name in os.listdir(_LINKS) if name not in (*_AT_FIRST, "br-hosts")])
    run(["ip", "link", "delete", "br-hosts"])
    return took


def _probe() -> float:
    """One ICMP echo from h1 to h2, of several in a row, as a reachability matrix asks."""

    def ask() -> float:
        assert wire.ping("10.77.0.2").ok
        return seconds(lambda: [wire.ping("10.77.0.2") for _ in range(_PROBES)]) / _PROBES

    return in_namespace("h1", ask)


def peers(count: int) -> tuple[dict[str, float], dict[str, str]]:
    """What people use instead: one `ip` a command, `ip -batch`, `ip -j` in each namespace, Mininet."""
    lines = hosts.add(count).today
    found: dict[str, float] = {}
    batches = _batches(lines)
    found[f"ip -batch {count}"] = seconds(lambda: _in_batches(batches))
    if count == 100:
        found["ping"] = median(_ping)
    found[f"ip -j {count}"] = seconds(lambda: _looked_at_by_ip(count))
    deletes = "".join(f"netns delete h{number}\n" for number in range(1, count + 1))
    gone = seconds(lambda: run(["ip", "-batch", "-"], input=deletes, timeout_s=_LONG_S).checked())
    found[f"ip -batch gone {count}"] = gone + _all_gone()
    found[f"ip {count}"] = seconds(
        lambda: run(["sh", "-e"], input="\n".join(lines), timeout_s=_LONG_S).checked()
    )
    run(["ip", "-batch", "-"], input=deletes, timeout_s=_LONG_S).checked()
    _all_gone()
    return _mininet(count, found)


def _batches(lines: tuple[str, ...]) -> dict[str, str]:
    """The commands of `ip` for each namespace; those for the bench's own make the others."""
    batches: dict[str, str] = {"": "link add br-hosts up type bridge\n"}
    for line in lines[1:]:
        words = line.split()
        where, rest = (words[2], words[3:]) if words[1] == "-n" else ("", words[1:])
        batches[where] = batches.get(where, "") + " ".join(rest) + "\n"
    return batches


def _in_batches(batches: Mapping[str, str]) -> None:
    for where, text in batches.items():
        there = ["-n", where] if where else []
        run(["ip", *there, "-batch", "-"], input=text, timeout_s=_LONG_S).checked()


def _looked_at_by_ip(count: int) -> None:
    """The links with their addresses, routes and neighbours of each namespace, in JSON."""
    for number in range(1, count + 1):
        for what in (["-d", "address"], ["route"], ["neighbour"]):
            json.loads(run(["ip", "-n", f"h{number}", "-j", *what]).checked().out or "[]")


def _ping() -> None:
    run(["ip", "netns", "exec", "h1", "ping", "-c1", "10.77.0.2"]).checked()


def _mininet(count: int, found: dict[str, float]) -> tuple[dict[str, float], dict[str, str]]:
    names = (f"mininet {count}", f"mininet gone {count}")
    if shutil.which("mnexec") is None:
        return found, dict.fromkeys(names, "Debian's package mininet is not installed")
    ended = run([_DEBIANS_PYTHON, "-c", MININET, str(count)], timeout_s=_LONG_S)
    if not ended.ok:
        said = (ended.err.strip().splitlines() or ["it said nothing"])[-1]
        return found, dict.fromkeys(names, f"Mininet failed: {said}")
    return found | dict(zip(names, json.loads(ended.out.splitlines()[-1]), strict=True)), {}
