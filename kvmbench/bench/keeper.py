"""The process that makes a bench and then is its outside host.

    creator ──plan──> launcher            on the machine; makes the first namespaces and is gone
                         └── keeper       process 1 of the outer pid namespace, in the outside network
                               ├── outside web server
                               └── init   process 1 of the bench: collects its dead, starts nothing

The kernel ends whatever lives in a pid namespace when its process 1 ends, so killing the keeper ends all
of it; when init ends, the keeper ends itself. Until the creator has said go, it ends with the creator.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

from kvmbench.bench import linux, outside_host, root, seal
from kvmbench.bench.strict import Strict

OUTSIDE = "172.16.0.1"
BENCH_ADDRESS = "172.16.0.67/16"
UPLINK = "ens33"


def main() -> NoReturn:
    """Read the plan from standard input; answer on the pipe of argv[1], wait for go on that of argv[2].

    argv[3] is the bench's directory, so that `ps` tells whose keeper it is.
    """
    status, go = int(sys.argv[1]), int(sys.argv[2])
    plan = json.loads(sys.stdin.buffer.read())
    os.chdir("/")
    try:
        if plan["strict"]:
            Strict(**plan["strict"]).join()
        owner = _owner(plan)
        linux.unshare(linux.ROOM if owner.foreign else linux.ROOM | linux.CLONE_NEWUSER)
        if not owner.foreign:
            linux.map_self_to_root(owner.uid, owner.gid)
        keeper = os.fork()
        if keeper:
            _say(status, keeper=keeper)
            os._exit(0)
        _keep(plan, owner, status, go)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        _say(status, failed=str(error))
    os._exit(1)


def _say(pipe: int, **what: Any) -> None:
    os.write(pipe, json.dumps(what).encode() + b"\n")


def _owner(plan: dict[str, Any]) -> root.Owner:
    """Who the bench's root will be; for real root, an id that owns nothing on this machine."""
    if os.geteuid() != 0:
        return root.Owner(os.geteuid(), os.getegid())
    uid = int(plan["unprivileged_id"])
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        linux.unshare(linux.CLONE_NEWUSER)
        os.read(reading, 1)
        os._exit(0)
    os.close(reading)
    _wait_for_user_namespace(child)
    _map(child, uid, uid)
    mapping = os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    os.close(writing)
    os.waitpid(child, 0)
    return root.Owner(uid, uid, mapping)


def _wait_for_user_namespace(child: int) -> None:
    own = os.readlink("/proc/self/ns/user")
    while os.readlink(f"/proc/{child}/ns/user") == own:
        os.sched_yield()


def _map(pid: int, uid: int, gid: int) -> None:
    Path(f"/proc/{pid}/setgroups").write_text("deny")
    Path(f"/proc/{pid}/uid_map").write_text(f"0 {uid} 1")
    Path(f"/proc/{pid}/gid_map").write_text(f"0 {gid} 1")


def _keep(plan: dict[str, Any], owner: root.Owner, status: int, go: int) -> NoReturn:
    """Process 1 of the outer pid namespace."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    strict = Strict(**plan["strict"]) if plan["strict"] else None
    if strict is not None:
        strict.confine()  # before there is anything of the bench: all that lives on it inherits this
    service = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    home = Path(plan["home"])
    _bind_socket(service, home / "service", owner)
    layout = root.Layout(
        name=plan["name"],
        home=home,
        meeting=Path(plan["meeting"]),
        read_only=tuple(map(Path, plan["read_only"])),
        writable=tuple(map(Path, plan["writable"])),
        files=tuple((a, b) for a, b in plan["files"]),
        shown=tuple((a, b) for a, b in plan["shown"]),
        engine=plan["engine"],
        disk_mib=strict.disk_mib if strict else None,
        templates=Path(plan["templates"]) if plan["templates"] else None,
        journal=Path(plan["journal"]) if plan["journal"] else None,
    )
    tree = root.build(layout, owner)
    linux.mount("proc", tree / "proc", "proc")
    linux.mount("sysfs", tree / "sys", "sysfs")
    linux.pivot_root(tree)
    socket.sethostname("outside")
    _ip("link set lo up")
    init = _start_init(plan["name"], owner)
    web = socket.create_server((OUTSIDE, 80))
    Path("/proc/sys/net/ipv4/ping_group_range").write_text(f"{owner.gid if owner.foreign else 0} " * 2)
    if owner.foreign:
        os.setgroups([])
        os.setresgid(owner.gid, owner.gid, owner.gid)
        os.setresuid(owner.uid, owner.uid, owner.uid)
    else:
        # With a cgroup namespace a bench could mount the one that it lives in, and its owner may write there:
        # freeze or kill the terminal that started it. This limit is the bench's alone (namespaces(7)).
        Path("/proc/sys/user/max_cgroup_namespaces").write_text("0")
    _say(status, ready=True)
    os.close(status)
    if os.read(go, 1) != b"g":
        os._exit(1)
    linux.hide_from_peers()  # until now nobody lived on the bench, and its maker could open its doors
    if strict is None:
        os.close(go)
    outside_host.serve(service, web, init, lifeline=None if strict is None else go)


def _bind_socket(service: socket.socket, directory: Path, owner: root.Owner) -> None:
    os.chdir(directory)  # a unix socket's path ends at 107 bytes, a home directory's may be longer
    Path("outside.sock").unlink(missing_ok=True)
    service.bind("outside.sock")
    os.chmod("outside.sock", 0o600)
    if owner.foreign:
        os.chown("outside.sock", owner.uid, owner.gid)
    service.listen(64)
    os.chdir("/")


def _ip(arguments: str) -> None:
    ended = subprocess.run(["/usr/sbin/ip", *arguments.split()], capture_output=True, text=True, timeout=20)
    if ended.returncode:
        raise RuntimeError(f"ip {arguments}: {ended.stderr.strip()}")


def _start_init(name: str, owner: root.Owner) -> int:
    """The bench's namespaces with their process 1, plugged into the outside network; its pid as seen here."""
    here, there = socket.socketpair()
    between = os.fork()
    if between == 0:
        here.close()
        _become_init(name, there)
    there.close()
    _expect(here, b"user namespace")
    _map(between, owner.uid if owner.foreign else 0, owner.gid if owner.foreign else 0)
    here.send(b"mapped")
    _expect(here, b"namespaces")
    _ip(f"link add eth0 type veth peer name {UPLINK} netns {between}")
    _ip(f"address add {OUTSIDE}/16 dev eth0")
    _ip("link set eth0 up")
    here.send(b"plugged in")
    init = int(here.recv(100) or b"0")
    os.waitpid(between, 0)
    _expect(here, b"ready")
    return init


def _expect(pipe: socket.socket, word: bytes) -> None:
    """The other side has come this far, or says why it cannot."""
    said = pipe.recv(2000)
    if said != word:
        raise RuntimeError(said.decode() or f"the bench's first process ended before: {word.decode()}")


def _become_init(name: str, pipe: socket.socket) -> NoReturn:
    try:
        linux.unshare(linux.CLONE_NEWUSER)
        pipe.send(b"user namespace")
        _expect(pipe, b"mapped")
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        linux.unshare(linux.ROOM)
        pipe.send(b"namespaces")
        _expect(pipe, b"plugged in")
        init = os.fork()
        if init:
            pipe.send(str(init).encode())
            os._exit(0)
        linux.mount("proc", "/proc", "proc")
        linux.mount("sysfs", "/sys", "sysfs")
        socket.sethostname(name)
        # A new namespace copies the machine's IPv4 settings: a bench starts as a plain host, not as a router.
        Path("/proc/sys/net/ipv4/ip_forward").write_text("0")
        # A bridge takes the lowest address of its ports. When a guest comes or goes and it changes, the
        # others hear of it at once, and do not talk to the old one until it ages (ip-sysctl, arp_notify).
        Path("/proc/sys/net/ipv4/conf/all/arp_notify").write_text("1")
        _ip("link set lo up")
        _ip(f"address add {BENCH_ADDRESS} dev {UPLINK}")
        _ip(f"link set {UPLINK} up")
        _ip(f"route add default via {OUTSIDE}")
        pipe.send(b"ready")
        pipe.close()
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        pipe.send(str(error).encode()[:2000])
        os._exit(1)
    _collect_the_dead()


def _collect_the_dead() -> NoReturn:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    seal.close_files()
    seal.refuse_what_leads_out()  # the bench's root can have its first process do what it wants
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        signal.sigwait({signal.SIGCHLD})


if __name__ == "__main__":
    main()
