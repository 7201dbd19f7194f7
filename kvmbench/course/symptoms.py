"""What somebody types on the bench to see what is wrong, by the kind of what a check states."""

from __future__ import annotations

from kvmbench.act.dnsmasq import LEASES
from kvmbench.course.step import Mistake
from kvmbench.model import Check, Fact, Probe

_LINES = "ps -ww -o args= -C qemu-system-x86_64"
_LINE = f"{_LINES} | grep -e '-name {{subject}}'"
_GUEST = "kvmbench exec --guest {subject} --timeout 5 -- "
_SSH = (
    "kvmbench exec --outside -- ssh -p {port} -o BatchMode=yes -o StrictHostKeyChecking=no "
    "-o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 root@{address} hostname"
)

_BY_KIND = {
    "engine": "ls -l {subject}",
    "file-link": "ls -l {subject}",
    "image": "qemu-img info -U --backing-chain {subject}",
    "veth": "ip -br link show type veth",
    "up": "{ip} -br link show {subject}",
    "netns": "ip netns list",
    "address": "{ip} -br address",
    "bridge": "brctl show",
    "bridge-up": "ip -br link show {subject}",
    "script": "ls -l {subject}; head -n 1 {subject}",
    "guest": f"{_GUEST}hostname",
    "console": f"{_LINE}; {_GUEST}true",
    "hardware": _LINE,
    "machine": _LINE,
    "cpu": _LINE,
    "mac": f"{_LINES} | grep -o 'mac[a-z]*=[0-9a-f:]*'",
    "disk": _LINE,
    "vnc": _LINE,
    "nic-model": _LINE,
    "plugged": "bridge link | cut -d ' ' -f 2-",
    "sysctl": "sysctl {subject}",
    "guest-address": "for guest in c1 c2; do kvmbench exec --guest $guest -- ip -4 address show eth0; done",
    "guest-gateway": f"{_GUEST}ip route",
    "source-nat": f"{_GUEST}timeout 4 wget -q -O - http://{{outside}}/",
    "dnat": _SSH,
    "dhcp": f"ps -ww -o args= -C dnsmasq; wc -l {LEASES}",
    "lease": f"{_GUEST}ip -4 address show eth0",
    "driver": f"{_GUEST}'ls -l /sys/class/net/*/device/driver'",
}


def shown_by(check: Check, mistake: Mistake | None = None) -> str:
    """The line that shows what a check looks at, or this mistake; empty where no line of a shell does."""
    if mistake and mistake.shows:
        return mistake.shows
    if check.probes and check.probes[0].kind == "ping":
        return _ping(check.probes[0])
    return next((_shown(fact) for fact in check.facts if fact.kind in _BY_KIND), "")


def _shown(fact: Fact) -> str:
    address, _, port = fact.value.partition(":")
    return _BY_KIND[fact.kind].format(
        subject=fact.subject,
        ip=f"ip -n {fact.netns}" if fact.netns else "ip",
        outside=fact.value.partition(" ")[0],
        address=address,
        port=port,
    )


def _ping(probe: Probe) -> str:
    kind, _, name = probe.source.partition(":")
    called, _, guest = probe.target.partition(":")
    target = probe.target
    if called == "guest" and guest:
        inside = f"kvmbench exec --guest {guest} -- ip -4 address show eth0"
        target = f"$({inside} | sed -n 's/.*inet \\([0-9.]*\\).*/\\1/p' | tail -n 1)"
    place = {"guest": f"kvmbench exec --guest {name} -- ", "netns": f"ip netns exec {name} "}.get(kind, "")
    return f"{place}ping -c 1 -W 2 {target}"
