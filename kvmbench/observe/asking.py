"""The same questions as command lines, for the outside host and for guests, and their answers read."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence

from kvmbench.model import Probe
from kvmbench.observe.wire import Answer
from kvmbench.system import Completed

KEY = "/root/.ssh/id_ed25519"
NOT_THERE = 127
OUT_OF_TIME = 124
_TERMINATED = 143
"""what busybox's timeout ends with"""
_CRASHES = (132, 134, 135, 136, 139)
"""SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV"""
_COMPLAINT = re.compile(r"nreachable|exceeded|rohibited|efused|packet loss|timed out|no lease")
_DHCP_SCRIPT = """#!/bin/sh
[ "$1" = bound ] && echo "address=$ip router=${router%% *} server=$serverid mask=$subnet"
exit 0
"""
"""udhcpc(8) runs it at each event, and leaves it to it to configure the interface: this one does not."""


def ssh(target: str, port: int) -> list[str]:
    """Say one's name, over ssh with the bench's key."""
    settings = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
    options = [word for setting in (*settings, "ConnectTimeout=5") for word in ("-o", setting)]
    return ["ssh", "-i", KEY, *options, "-p", str(port), f"root@{target}", "hostname"]


def key_scan(target: str, port: int) -> list[str]:
    """Print the host key of an sshd (ssh-keyscan(1))."""
    return ["ssh-keyscan", "-T", "4", "-t", "ed25519,ecdsa,rsa", "-p", str(port), target]


def fingerprint(printed: str) -> str:
    """The fingerprint of the first key that ssh-keyscan printed; "" when it printed none.

    >>> fingerprint("# 10.1.1.1:22 SSH-2.0-dropbear\\n10.1.1.1 ssh-ed25519 AAAA\\n")
    'SHA256:cJ6AyISHokEeHuTfufIqhhSS0gxHZRUMDHlKvXD4FHw'
    """
    keys = sorted(line.split()[1:3] for line in printed.splitlines() if line and not line.startswith("#"))
    if not keys or len(keys[0]) < 2:
        return ""
    digest = hashlib.sha256(base64.b64decode(keys[0][1] + "==")).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def outside_argv(probe: Probe, target: str) -> list[str] | None:
    """A command for the outside host; None for a question that it is not asked."""
    if probe.kind == "ping":
        return ["sh", "-c", _ping(target)]
    if probe.kind == "tcp":
        spoken = 'IFS= read -t 1.5 -r line <&3; printf "%s\\n" "$line"; exit 0'
        script = f'exec 3<>"/dev/tcp/$0/$1" || exit 1; {spoken}'
        return ["timeout", "5", "bash", "-c", script, target, str(probe.port)]
    if probe.kind == "http":
        return ["curl", "-sS", "-f", "-m", "4", _url(probe, target)]
    if probe.kind == "ssh":
        return ssh(target, probe.port)
    if probe.kind == "host-key":
        return key_scan(target, probe.port)
    return None


def guest_command(probe: Probe, target: str, interface: str) -> str | None:
    """A line for a guest's shell, which is busybox's; None for a question that a guest is not asked."""
    if probe.kind == "ping":
        return _ping(target)
    if probe.kind == "tcp":
        # It gives up connecting after 2 s (code 1); connected, it stays as long as the service does.
        return (
            f"timeout 3 nc -w 2 {shlex.quote(target)} {probe.port} </dev/null; c=$?; "
            f"[ $c = {_TERMINATED} ] || [ $c = {OUT_OF_TIME} ] || exit $c"
        )
    if probe.kind == "http":
        # Not wget -T: the busybox of Debian 12 (1.35.0, static) then ends with a segmentation fault.
        return f"timeout 4 wget -q -O - {shlex.quote(_url(probe, target))}"
    if probe.kind == "dhcp":
        # dnsmasq itself pings for 3 s before it offers an address: so five tries of a second each.
        return (
            f"s=$(mktemp) && printf %s {shlex.quote(_DHCP_SCRIPT)} >$s && chmod +x $s; "
            f"udhcpc -i {shlex.quote(interface)} -f -n -q -t 5 -T 1 -s $s; c=$?; rm -f $s; exit $c"
        )
    return None


def _ping(target: str) -> str:
    once = f"ping -c 1 -W 1 {shlex.quote(target)}"
    return f"{once} || {once}"


def _url(probe: Probe, target: str) -> str:
    return f"http://{target}:{probe.port}/"


def answer(probe: Probe, done: Completed) -> Answer:
    """What a command's end means for the question."""
    if done.code == NOT_THERE:
        return Answer(None, why=f"{probe.source} has no program for that: {_complaint(done)}")
    if done.code in _CRASHES:
        return Answer(None, why=f"the program that asked was ended by signal {done.code - 128}")
    if not done.ok:
        return Answer(False, why=_complaint(done))
    lines = [line.strip() for line in done.out.strip().splitlines()]
    if probe.kind == "ping":
        return Answer(True)
    if probe.kind == "dhcp":
        offered = next((line for line in lines if line.startswith("address=")), "")
        return Answer(bool(offered), offered, "" if offered else "no offer came")
    if probe.kind == "http":
        return Answer(True, done.out.strip())
    if probe.kind == "host-key":
        shown = fingerprint(done.out)
        return Answer(bool(shown), shown, "" if shown else _complaint(done))
    return Answer(True, lines[0] if lines else "")


def _complaint(done: Completed) -> str:
    """The line that tells most, of all that the program said."""
    lines = [line.strip() for line in (done.out + "\n" + done.err).splitlines() if line.strip()]
    telling = [line for line in lines if _COMPLAINT.search(line)]
    if done.code in (OUT_OF_TIME, _TERMINATED) and not telling:
        return "no answer in time"
    return next(iter([*telling, *reversed(lines)]), f"it ended with code {done.code} and said nothing")


def all_at_once(commands: Sequence[str]) -> str:
    """One shell line that runs several beside each other and prints for each how it ended.

    A guest's agent runs one command at a time; its questions together take as long as the slowest of them.
    """
    starts = [f"( ( {line}\n) >$d/{n}.o 2>$d/{n}.e; echo $? >$d/{n}.c) &" for n, line in enumerate(commands)]
    shown = 'echo "probe $n $(cat $d/$n.c)"; sed "s/^/o /" $d/$n.o; echo; sed "s/^/e /" $d/$n.e; echo'
    numbers = " ".join(str(number) for number in range(len(commands)))
    told = f"for n in {numbers}; do {shown}; done"
    return "\n".join(["d=$(mktemp -d)", *starts, "wait", told, "rm -rf $d"])


def taken_apart(text: str) -> Mapping[int, Completed]:
    """What `all_at_once` printed: number of the command → how it ended; one that did not end is missing."""
    ended: dict[int, Completed] = {}
    for block in re.split(r"^probe (?=\d+ \d+$)", text, flags=re.MULTILINE)[1:]:
        head, *lines = block.splitlines()
        number, _, code = head.partition(" ")
        out = "".join(f"{line[2:]}\n" for line in lines if line.startswith("o "))
        err = "".join(f"{line[2:]}\n" for line in lines if line.startswith("e "))
        ended[int(number)] = Completed((), int(code), out, err)
    return ended
