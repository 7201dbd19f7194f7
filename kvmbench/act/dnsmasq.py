"""dnsmasq, handing out addresses (dnsmasq(8))."""

from __future__ import annotations

from kvmbench.act import addresses
from kvmbench.act.action import Action
from kvmbench.errors import BadInput
from kvmbench.qemu.options import link_name
from kvmbench.system import Machine

PID_FILE = "/run/dnsmasq.pid"
LEASES = "/var/lib/misc/dnsmasq.leases"
END_TIMEOUT_S = 10.0


def start(interface: str, first: str, last: str, router: str = "") -> Action:
    """Hand out the addresses from first to last on an interface, with a router for whoever gets one.

    dnsmasq goes into the background when its sockets are open, so it serves when the line has ended.

    Raises:
        BadInput: no addresses, or a range that ends before it begins; when applied, another dnsmasq runs.
    """
    link_name(interface)
    low, high = addresses.address(first), addresses.address(last)
    if high < low:
        raise BadInput(f"the range {low} to {high} ends before it begins", f"Turn it round: {high},{low}.")
    option = f",{addresses.address(router)}" if router else ""
    today = ["dnsmasq", f"--interface={interface}", "--bind-interfaces", f"--dhcp-range={low},{high}"]
    old = ["dnsmasq", "-i", interface, "-F", f"{low},{high}"]
    if option:
        today.append(f"--dhcp-option=3{option}")  # 3 is the router (RFC 2132, 3.5)
        old += ["-O", f"3{option}"]

    def done(machine: Machine) -> bool:
        # The bench's own dnsmasq comes before what was typed with options about its user.
        words = list(running(machine))
        return any(words[-len(typed) + 1 :] == typed[1:] for typed in (today, old))

    def hindered(machine: Machine) -> BadInput | None:
        words = running(machine)
        if not words:
            return None
        return BadInput(f"another dnsmasq runs: {' '.join(words)}", f"End it first: kill $(cat {PID_FILE})")

    return Action(
        says=f"hand out {low} to {high} on {interface}",
        today=(" ".join(today),),
        old=(" ".join(old),),
        done=done,
        hindered=hindered,
        timeout_s=20.0,
    )


def stop() -> Action:
    """End the dnsmasq of the pid file, and wait until it is gone."""
    return Action(
        says="end dnsmasq",
        today=(f"pid=$(cat {PID_FILE}); kill $pid; tail -s 0.02 --pid=$pid -f /dev/null",),
        done=lambda machine: not running(machine),
        awaits="the end of dnsmasq",
        timeout_s=END_TIMEOUT_S,
    )


def running(machine: Machine) -> tuple[str, ...]:
    """The command line of the dnsmasq in the pid file; empty when that one is gone."""
    pid = (machine.read(PID_FILE) or "").strip()
    words = (machine.read(f"/proc/{pid}/cmdline") or "").rstrip("\0").split("\0") if pid else [""]
    program = words[0].rsplit("/", 1)[-1]
    return ("dnsmasq", *words[1:]) if program == "dnsmasq" else ()
