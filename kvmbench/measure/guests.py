"""Guests on the bench that this runs on: booted and killed by us, by plain QEMU, by libvirt."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from kvmbench.errors import GuestError
from kvmbench.measure.clock import seconds, until
from kvmbench.observe import wire
from kvmbench.qemu import agent, launcher
from kvmbench.system import run

BASE = "/vms/base/guest.qcow2"
_PROMPT = b"login:"
_DEADLINE_S = 120.0
_PLACE = Path("/tmp/measured")
_PASSWD = "student:x:1000:1000::/tmp/measured:/bin/sh\n"
_GROUP = "student:x:1000:\n"
_HARDWARE = ("-m", "256", "-smp", "2", "-display", "none")
LIBVIRT = """
export HOME=$1 XDG_RUNTIME_DIR=$1/run XDG_CONFIG_HOME=$1/config XDG_CACHE_HOME=$1/cache
mkdir -p $1/run $1/cache $1/config/libvirt
printf 'stdio_handler = "file"\\nsecurity_driver = "none"\\n' >$1/config/libvirt/qemu.conf
exec libvirtd --timeout 300 >$1/libvirtd.log 2>&1
"""
VIRSH = ("env", f"XDG_RUNTIME_DIR={_PLACE}/run", f"HOME={_PLACE}", "virsh", "-q", "-c", "qemu:///session")
DOMAIN = """<domain type="{engine}"><name>m1</name><memory unit="MiB">256</memory><vcpu>2</vcpu>
<os><type arch="x86_64" machine="pc">hvm</type></os><features><acpi/></features>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<disk type="file" device="disk"><driver name="qemu" type="qcow2"/><source file="{disk}"/>
<target dev="vda" bus="virtio"/></disk>
<serial type="unix"><source mode="bind" path="{serial}"/><target port="0"/></serial>
</devices></domain>"""


def ours() -> dict[str, float]:
    """From the typed line to the login prompt, one and two at once; and a kill, until the tap is gone."""
    found = {"boot 1": _booted([_kvmbench("m1")]), "boot 2": _booted([_kvmbench("m1"), _kvmbench("m2")])}
    run(["sh", "-c", "printf '#!/bin/sh\\nip link set $1 up\\n' >/tmp/up; chmod +x /tmp/up"]).checked()
    disk = _disk("m3")
    tap = ("-nic", "tap,model=virtio,ifname=mtap,script=/tmp/up,downscript=no")
    run(["/usr/libexec/qemu-kvm", "-name", "m3", *_HARDWARE, *_drive(disk), *tap, "-daemonize"]).checked()
    pid = int(Path(launcher.place("m3"), "pid").read_text())
    found["kill"] = _killed(pid)
    return found


def instant(count: int) -> dict[str, float]:
    """Several guests woken at once, from the typed line to a command answered, and to a ping.

    Raises:
        GuestError: one booted instead, as no template fits.
    """
    with _bridge():
        disks = [_disk(f"i{number}") for number in range(1, count + 1)]
        started = time.perf_counter()
        with ThreadPoolExecutor(count) as pool:
            both = list(pool.map(partial(_woken, started), range(1, count + 1), disks))
        for number in range(1, count + 1):
            os.kill(int(Path(launcher.place(f"i{number}"), "pid").read_text()), signal.SIGKILL)
        until(lambda: not [name for name in os.listdir("/sys/class/net") if name.startswith("itap")])
    return {
        f"instant {count}": max(answered for answered, _ in both),
        f"instant ping {count}": max(pinged for _, pinged in both),
    }


@contextmanager
def _bridge() -> Iterator[None]:
    run("ip link add br-m up type bridge && ip address add 10.88.0.254/24 dev br-m").checked()
    run("printf '#!/bin/sh\\nip link set $1 master br-m up\\n' >/tmp/up; chmod +x /tmp/up").checked()
    try:
        yield
    finally:
        run("ip link delete br-m")


def hold(count: int, how: str) -> None:
    """Start guests, `instant` or `boot`, and leave them running once all answer."""
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(partial(_held, how), range(1, count + 1)))


def _held(how: str, number: int) -> None:
    line, _ = _kvmbench(f"g{number}")
    # A template has a card; the launcher's own line has none.
    words = [*line[: line.index("-nic")], "-nic", "user,model=virtio", "-daemonize"]
    words = [word for word in words if word not in ("-display", "none")]
    run((["instant"] if how == "instant" else []) + words).checked()
    agent.wait_ready(Path(launcher.place(f"g{number}"), "agent.sock"), timeout_s=_DEADLINE_S)


def _woken(started: float, number: int, disk: str) -> tuple[float, float]:
    """When it answered, and when its own MAC did, in seconds since they were started."""
    name, address = f"i{number}", f"10.88.0.{number}"
    mac = f"mac=52:54:00:88:00:{number:02x}"
    nic = f"tap,model=virtio,{mac},ifname=itap{number},script=/tmp/up,downscript=no"
    line = ["-name", name, *_HARDWARE[:4], *_drive(disk), "-nic", nic, "-daemonize"]
    said = run(["instant", "/usr/libexec/qemu-kvm", *line]).checked().err.splitlines()
    why = next((each for each in said if each.startswith("instant: ")), None)
    if why:
        raise GuestError(f"a guest booted: {why}", "Make the templates: kvmbench image build")
    socket_path = Path(launcher.place(name), "agent.sock")
    agent.ask(socket_path, "hostname")
    answered = time.perf_counter() - started
    up = f"until ip link set eth0 up; do usleep 10000; done; ip address add {address}/24 dev eth0"
    agent.ask(socket_path, up).checked()
    until(lambda: bool(wire.ping(address, tries=1, wait_s=0.2).ok), timeout_s=20)
    return answered, time.perf_counter() - started


def _killed(pid: int) -> float:
    def kill_and_wait() -> None:
        os.kill(pid, signal.SIGKILL)
        until(lambda: not os.path.exists("/sys/class/net/mtap"))

    return seconds(kill_and_wait)


def _kvmbench(name: str) -> tuple[list[str], str]:
    """A guest's line, and the socket of its console."""
    line = ["/usr/libexec/qemu-kvm", "-name", name, *_HARDWARE, *_drive(_disk(name)), "-nic", "none"]
    return [*line, "-daemonize"], f"{launcher.place(name)}/console.sock"


def _plain(name: str, engine: str) -> tuple[list[str], str]:
    serial = f"{_PLACE}/{name}.sock"
    line = ["qemu-system-x86_64", "-accel", engine, *_HARDWARE, *_drive(_disk(name)), "-nic", "none"]
    pid = f"{_PLACE}/{name}.pid"
    return [*line, "-serial", f"unix:{serial},server=on,wait=off", "-daemonize", "-pidfile", pid], serial


def _drive(disk: str) -> tuple[str, str]:
    return "-drive", f"file={disk},if=virtio,format=qcow2"


def _disk(name: str) -> str:
    """A fresh overlay of the course's image."""
    _PLACE.mkdir(exist_ok=True)
    path = _PLACE / f"{name}.qcow2"
    path.unlink(missing_ok=True)
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", BASE, "-F", "qcow2", str(path)]).checked()
    return str(path)


def _booted(guests: Sequence[tuple[list[str], str]]) -> float:
    """How long until all of them, started one behind the other, show their prompt; then they are ended."""

    def start_and_wait() -> None:
        for line, _ in guests:
            run(line).checked()
        for _, serial in guests:
            _await_prompt(serial)

    took = seconds(start_and_wait)
    for line, serial in guests:
        pid = line[line.index("-pidfile") + 1] if "-pidfile" in line else str(Path(serial).with_name("pid"))
        os.kill(int(Path(pid).read_text()), signal.SIGKILL)
    return took


def _await_prompt(serial: str) -> None:
    with socket.socket(socket.AF_UNIX) as console:
        until(lambda: _connects(console, serial), timeout_s=_DEADLINE_S)
        console.settimeout(_DEADLINE_S)
        console.sendall(b"\n")  # a prompt that was shown before nobody listened is shown again
        said = b""
        while _PROMPT not in said:
            piece = console.recv(1 << 16)
            if not piece:
                raise TimeoutError(f"{serial}: the guest ended before its prompt")
            said = said[-100:] + piece


def _connects(console: socket.socket, path: str) -> bool:
    try:
        console.connect(path)
    except OSError:
        return False
    return True


def peers(engine: str) -> tuple[dict[str, float], dict[str, str]]:
    """Plain QEMU with the same hardware; libvirt's own daemon in a user namespace within the bench."""
    found = {
        "plain boot 1": _booted([_plain("p1", engine)]),
        "plain boot 2": _booted([_plain("p1", engine), _plain("p2", engine)]),
    }
    names = ("virsh boot 1", "virsh destroy")
    if shutil.which("libvirtd") is None or shutil.which("virsh") is None:
        return found, dict.fromkeys(names, "Debian's libvirt-daemon and libvirt-clients are not installed")
    # As root of a user namespace with one id libvirtd fails at setgroups(2); as anybody else it does not try.
    for file, line in (("passwd", _PASSWD), ("group", _GROUP)):
        with open(f"/etc/{file}", "a", encoding="ascii") as known:
            known.write(line)
    entered = ("unshare", "-U", "--map-user=1000", "--map-group=1000", "--")
    run([*entered, "setsid", "-f", "sh", "-c", LIBVIRT, "sh", str(_PLACE)]).checked()
    try:
        found |= _by_libvirt((*entered, *VIRSH), engine)
    except Exception as error:  # noqa: BLE001 (a peer that does not run here is told, and nothing else stops)
        return found, dict.fromkeys(names, f"libvirt failed: {str(error).splitlines()[0]}")
    return found, {}


def _by_libvirt(command: tuple[str, ...], engine: str) -> dict[str, float]:
    def virsh(*words: str) -> None:
        run([*command, *words], timeout_s=_DEADLINE_S).checked()

    until(lambda: (_PLACE / "run/libvirt/libvirt-sock").exists(), timeout_s=30)
    virsh("list")
    domain, serial = _PLACE / "m1.xml", str(_PLACE / "virsh.sock")
    described = DOMAIN.format(engine={"tcg": "qemu"}.get(engine, engine), disk=_disk("v1"), serial=serial)
    domain.write_text(described)
    virsh("create", str(domain))  # the first time it asks QEMU what it can do, for more than a second
    virsh("destroy", "m1")
    _disk("v1")

    def start_and_wait() -> None:
        virsh("create", str(domain))
        _await_prompt(serial)

    took = seconds(start_and_wait)
    return {"virsh boot 1": took, "virsh destroy": seconds(lambda: virsh("destroy", "m1"))}
