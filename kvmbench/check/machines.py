"""Guests as machines: whether their processors stand still, which board and which CPU they see."""

from __future__ import annotations

from kvmbench.check.outcomes import failed, passed
from kvmbench.check.seeing import halted, need_guest, unsettled
from kvmbench.model import Check, Fact, Outcome, Snapshot

QEMU_CPU = "qemu64"
"""the processor of every x86 guest whose model nobody chose"""


def guest_paused(name: str, *, points: int = 1) -> Check:
    """A guest is there and its virtual processors stand still."""

    def judge(seen: Snapshot) -> Outcome:
        guest = need_guest(seen, name)
        if isinstance(guest, Outcome):
            return guest
        if guest.status == "paused":
            return passed(f"{name} is paused (pid {guest.pid})")
        if guest.status != "running":
            return unsettled(guest) or failed(*halted(guest))
        return failed(
            f"{name} is running", "`stop` in its monitor holds its processors (qemu(1), QEMU Monitor)."
        )

    return Check(f"{name}-paused", f"guest {name} is paused", judge, points, facts=(Fact("paused", name),))


def guest_machine(name: str, machine: str, *, points: int = 1) -> Check:
    """A guest is a machine of this kind, whichever version of it: pc, q35, …"""

    def judge(seen: Snapshot) -> Outcome:
        guest = need_guest(seen, name)
        if isinstance(guest, Outcome):
            return guest
        if machine_name(guest.machine) == machine_name(machine):
            return passed(f"{name} is a machine of kind {guest.machine}")
        return failed(
            f"{name} is a machine of kind {guest.machine or 'unknown'}, not {machine}",
            "-machine chooses the board; without it you get QEMU's default (`-machine help` lists them).",
        )

    says = f"guest {name} is a machine of kind {machine}"
    return Check(f"{name}-machine-{machine}", says, judge, points, facts=(Fact("machine", name, machine),))


def machine_name(machine: str) -> str:
    """A board without its version.

    >>> machine_name("pc-q35-7.2"), machine_name("pc-i440fx-7.2"), machine_name("q35"), machine_name("pc")
    ('q35', 'pc', 'q35', 'pc')
    """
    if "q35" in machine:
        return "q35"
    return "pc" if machine.startswith("pc") else machine


def guest_cpu(name: str, cpu: str, *, points: int = 1) -> Check:
    """A guest sees this model of processor."""

    def judge(seen: Snapshot) -> Outcome:
        guest = need_guest(seen, name)
        if isinstance(guest, Outcome):
            return guest
        if (guest.cpu or QEMU_CPU).partition(",")[0] == cpu:
            return passed(f"{name} sees a CPU of model {cpu}")
        return failed(
            f"{name} sees a CPU of model {guest.cpu or QEMU_CPU}, not {cpu}",
            "-cpu chooses the model that the guest sees (`-cpu help` lists them).",
        )

    says = f"guest {name} sees a CPU of model {cpu}"
    return Check(f"{name}-cpu-{cpu}", says, judge, points, facts=(Fact("cpu", name, cpu),))
