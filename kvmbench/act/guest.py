"""Guests: start one, wait for it, do something in it, end it. What its QEMU does for it is in `monitor`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from ipaddress import IPv4Interface
from itertools import pairwise

from kvmbench.act import addresses, seen
from kvmbench.act.action import Action
from kvmbench.errors import BadInput, GuestError, KvmbenchError, TimedOut
from kvmbench.qemu import launcher, line, options
from kvmbench.qemu.line import complaint
from kvmbench.qemu.options import GuestPlan, guest_name, link_name
from kvmbench.system import Completed, Machine

BOOT_TIMEOUT_S = 120.0
"""for two guests at once under TCG on a busy machine"""
END_TIMEOUT_S = 20.0
_LAUNCHER = "qemu-kvm: "
_NOT_FOUND = 127
"""the shell's exit code for a program that there is not"""


def start(plan: GuestPlan, *, instant: bool = False) -> Action:
    """Start a guest. One of that name that runs already is left as it is, whatever its hardware.

    It boots, unless `instant` is asked for here or of `apply`: then it wakes up from a template if one fits.

    Raises:
        BadInput: something in the plan cannot be meant.
    """
    boots = shlex.join(options.argv(plan))
    wakes = f"instant {boots}"
    return Action(
        says=f"start the guest {plan.name}",
        today=(wakes if instant else boots,),
        old=(shlex.join(options.argv(plan, old=True)),) if len(plan.nics) < 2 and not instant else (),
        instant=(wakes,),
        done=lambda machine: seen.guest_runs(machine, plan.name),
        undo=(f"rm -rf {launcher.place(plan.name)}",),
        absent=lambda machine: not seen.guest_runs(machine, plan.name),
        explain=_explain(plan.name, plan.script, plan.nics[0].tap or "" if plan.nics else "", ()),
    )


def start_line(words: Sequence[str]) -> Action:
    """Start a guest with a command line as somebody typed it, its words; it has to daemonize itself.

    Raises:
        BadInput: it cannot be read; or it has no name for a guest, or does not end before the guest does.
    """
    described = line.parse(words)
    guest_name(described.name)
    if not described.daemonize:
        raise BadInput(
            "without -daemonize the line does not end before the guest does",
            "Add -daemonize; or type the line in a terminal.",
        )
    wires = [card.wire for card in described.cards or () if card.wire and card.wire.kind == "tap"]
    script = next((value for wire in wires for key, value in wire.options if key == "script"), options.IFUP)
    return Action(
        says=f"start the guest {described.name}",
        today=(shlex.join(words),),
        undo=(f"rm -rf {launcher.place(described.name)}",),
        absent=lambda machine: not seen.guest_runs(machine, described.name),
        explain=_explain(described.name, script, (wires[0].tap or "") if wires else "", words),
    )


def ready(name: str, link: str = "eth0") -> Action:
    """Wait until a guest answers and has found its network card; its agent is there before its drivers."""
    guest_name(name)
    link_name(link)
    there = f"until [ -e /sys/class/net/{link} ]; do usleep 50000; done"
    return Action(
        says=f"wait until {name} answers and has {link}",
        today=(in_guest(name, there, timeout_s=BOOT_TIMEOUT_S),),
        explain=lambda ended: _not_ready(f"{link} of guest {name}", ended),
        awaits=f"{link} of guest {name}",
        timeout_s=BOOT_TIMEOUT_S + 5,
        looks=True,
    )


def _not_ready(awaited: str, ended: Completed) -> KvmbenchError | None:
    """A guest that is silent was waited for; one that is not there, or not asked, was not."""
    said = ended.err.strip().splitlines()
    if len(said) != 2:
        return None
    if "does not answer" in said[0]:
        return TimedOut(awaited, BOOT_TIMEOUT_S, "Look at its console, and at what the bench has to do.")
    return GuestError(*said)


def in_guest(name: str, command: str, *, timeout_s: float | None = None) -> str:
    """The line that runs a command in a guest, as root.

    >>> in_guest("c1", "uname -r"), in_guest("c1", "ls | wc -l")
    ('kvmbench exec --guest c1 -- uname -r', "kvmbench exec --guest c1 -- 'ls | wc -l'")
    """
    for_its_shell = any(sign in command for sign in ";&|<>$`*()")
    patience = f" --timeout {timeout_s:g}" if timeout_s else ""
    return f"kvmbench exec --guest {name}{patience} -- {shlex.quote(command) if for_its_shell else command}"


def run(name: str, says: str, today: str, old: str = "", *, looks: bool = False) -> Action:
    """Run a command in a guest."""
    guest_name(name)
    return Action(
        says=says, today=(in_guest(name, today),), old=(in_guest(name, old),) if old else (), looks=looks
    )


def address(name: str, interface: str, link: str = "eth0", *, or_lease: bool = False) -> Action:
    """Give a guest an address, and take away any other; `or_lease` lets it keep one of the same network.

    Raises:
        BadInput: that is no address with a prefix length.
    """
    wanted = addresses.interface(interface)
    guest_name(name)
    link_name(link)

    def done(machine: Machine) -> bool:
        held = _addresses(machine, name, link)
        return held == (wanted,) or (or_lease and any(each.ip in wanted.network for each in held))

    return Action(
        says=f"give {name} the address {wanted}",
        today=(
            in_guest(name, f"ip -4 address flush dev {link}"),  # it may have got one by DHCP
            in_guest(name, f"ip address add {wanted} dev {link}"),
            in_guest(name, f"ip link set {link} up"),
        ),
        old=(in_guest(name, f"ifconfig {link} {wanted.ip} netmask {wanted.netmask} up"),),
        done=done,
    )


def gateway(name: str, router: str) -> Action:
    """Tell a guest where packets for everybody else go."""
    wanted = addresses.address(router)
    guest_name(name)
    return Action(
        says=f"make {wanted} the gateway of {name}",
        today=(in_guest(name, f"ip route replace default via {wanted}"),),
        old=(in_guest(name, f"route add default gw {wanted}"),),
        done=seen.holds(in_guest(name, f"ip route show default | grep -w {wanted}")),
    )


def lease(name: str, link: str = "eth0") -> Action:
    """Let a guest ask for an address by DHCP, and give up the one that it has.

    udhcpc ends with the lease (-q), or fails (-n) after ten tries (-t), a second apart (-T).
    """
    guest_name(name)
    link_name(link)
    ask = in_guest(name, f"udhcpc -i {link} -n -q -t 10 -T 1 -x hostname:{name}")
    return Action(
        says=f"let {name} ask for an address",
        today=(in_guest(name, f"ip -4 address flush dev {link}"), ask),
        old=(in_guest(name, f"ifconfig {link} 0.0.0.0"), ask),
        awaits=f"a lease for {name}",
    )


def power_off(name: str) -> Action:
    """Let a guest shut itself down, and wait until its QEMU is gone."""
    guest_name(name)
    return Action(
        says=f"power {name} off",
        today=(_ending(name, in_guest(name, "poweroff")),),
        done=lambda machine: not seen.guest_runs(machine, name),
        awaits=f"the end of guest {name}",
        timeout_s=END_TIMEOUT_S,
    )


def kill(name: str) -> Action:
    """End a guest at once: QEMU too gets no chance to tidy up (signal(7), SIGKILL)."""
    guest_name(name)
    return Action(
        says=f"kill {name}",
        today=(_ending(name, "kill -KILL $pid"),),
        done=lambda machine: not seen.guest_runs(machine, name),
        awaits=f"the end of guest {name}",
        timeout_s=END_TIMEOUT_S,
    )


def delete(name: str, disks: Sequence[str] = ()) -> tuple[Action, ...]:
    """End a guest, and remove what is kept of it, with these of its disk images."""
    place = launcher.place(name)
    files = " ".join(shlex.quote(path) for path in disks)
    sockets = Action(
        says=f"remove the sockets of {name}",
        today=(f"rm -rf {place}",),
        done=seen.holds(f"! test -e {place}"),
    )
    images = Action(says=f"remove {files}", today=(f"rm -f {files}",))
    return (end(name), sockets, *((images,) if disks else ()))


def end(name: str) -> Action:
    """End a guest as pulling its plug does."""
    guest_name(name)
    return Action(
        says=f"pull the plug of {name}",
        today=(_ending(name, "kill $pid"),),
        done=lambda machine: not seen.guest_runs(machine, name),
        awaits=f"the end of guest {name}",
        timeout_s=END_TIMEOUT_S,
    )


def _ending(name: str, how: str) -> str:
    """A line that ends a guest and itself ends when the guest's process is gone."""
    return f"pid=$(cat {launcher.place(name)}/pid); {how}; tail -s 0.02 --pid=$pid -f /dev/null"


def _addresses(machine: Machine, name: str, link: str) -> tuple[IPv4Interface, ...]:
    ended = machine.run(in_guest(name, f"ip -4 -o address show dev {link}"))
    words = ended.out.split() if ended.ok else []
    after = [word for before, word in pairwise(words) if before == "inet"]
    return tuple(IPv4Interface(word) for word in after)


def _explain(
    name: str, script: str, tap: str, words: Sequence[str]
) -> Callable[[Completed], KvmbenchError | None]:
    def explain(ended: Completed) -> KvmbenchError | None:
        said = [line for line in ended.err.splitlines() if line.strip()]
        own = [line.removeprefix(_LAUNCHER) for line in said if line.startswith(_LAUNCHER)]
        if len(own) == 2:
            return GuestError(f"{name} was not started: {own[0]}", own[1])
        if ended.code == _NOT_FOUND:
            return GuestError(
                f"{name} was not started: {said[-1] if said else 'there is no such program'}",
                f"Make the link first: ln -sv {launcher.INSTALLED_AS} /usr/bin",
            )
        if any("network script" in line for line in said):
            return GuestError(
                f"{name} was not started: {script} failed: {said[0]}",
                f"See where: sh -x {script} {tap}",
            )
        told = complaint.complaints(ended.err)
        about = line.option_of(ended.err, words) if words else ""
        if told and about:
            return GuestError(f"{name} was not started: {told[0]}", f"QEMU says so of this option: {about}")
        return None

    return explain
