"""Step 2: QEMU's command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kvmbench.act import guest, seen
from kvmbench.act.action import Action
from kvmbench.check import guest_cpu, guest_hardware, guest_machine
from kvmbench.course.step import Mistake, Rotted, Step
from kvmbench.qemu import line
from kvmbench.qemu.line import Boot, Description, Smp

C0 = Description(
    name="c0",
    machine="q35",
    cpu="Nehalem",
    memory_kib=192 << 10,
    smp=Smp(cpus=2, sockets=1, cores=1, threads=2),
    boot=Boot(order="dc", once="d"),
    cards=(),
    display="none",
    daemonize=True,
    rest=(("-S",),),  # it never takes a step: it costs no processor time for the rest of the course
)
_NAME, _MACHINE, _CPU, _HARDWARE = C0.name, f"c0-machine-{C0.machine}", f"c0-cpu-{C0.cpu}", "c0-hardware"


def _started(described: Description) -> Action:
    words = line.qemu_argv(described)
    return replace(guest.start_line(words), done=lambda machine: seen.guest_runs(machine, described.name))


def _otherwise(
    name: str,
    says: str,
    described: Description,
    check: str,
    hint: str,
    also: Iterable[str] = (),
) -> Mistake:
    """c0 was started with something other than asked for."""
    do = (guest.end(_NAME), _started(described))
    return Mistake(name, says, do, check, hint, (guest.end(described.name),), tuple(also))


STEP = Step(
    slug="command-line",
    title="The command line",
    goal="Start c0: a q35 board, one Nehalem core of two threads, 192 MiB, held at its first instruction.",
    solution=(
        Action("see which boards QEMU plays", ("qemu-kvm -machine help",), looks=True),
        Action("see which processors it plays", ("qemu-kvm -cpu help",), looks=True),
        _started(C0),
    ),
    checks=(
        guest_machine(_NAME, C0.machine, points=1),
        guest_cpu(_NAME, C0.cpu, points=1),
        guest_hardware(_NAME, memory_mib=192, vcpus=2, points=2),
    ),
    needs=("host",),
    mistakes=(
        _otherwise(
            "no-machine",
            "-machine was left out, and QEMU took its default board.",
            replace(C0, machine=""),
            _MACHINE,
            "-machine chooses the board",
        ),
        _otherwise(
            "no-name",
            "c0 was given another name.",
            replace(C0, name="mine"),
            _MACHINE,
            "A guest is known by its -name",
            also=(_CPU, _HARDWARE),
        ),
        _otherwise(
            "no-cpu",
            "-cpu was left out, and the guest sees a processor that nobody ever sold.",
            replace(C0, cpu=""),
            _CPU,
            "-cpu chooses the model",
        ),
        _otherwise(
            "no-memory",
            "-m was left out, and QEMU took 128 MiB.",
            replace(C0, memory_kib=None),
            _HARDWARE,
            "-m counts in MiB",
        ),
        _otherwise(
            "two-cores",
            "-smp asks for two cores of two threads, which are four processors.",
            replace(C0, smp=Smp(sockets=1, cores=2, threads=2)),
            _HARDWARE,
            "-smp says how many processors",
        ),
    ),
    rotted=(
        Rotted(
            "-cpu CPU:-CPU Help to get the list",
            "Options have a case: `qemu-kvm -cpu help` lists the models, `-cpu Nehalem` takes one.",
        ),
        Rotted(
            "-SMP N[,maxcpus=cpus][,cores=cores][,threads=threads][,sockets=sockets]",
            "`-smp 2,sockets=1,cores=1,threads=2`: what is left out is computed, and the product has to fit. "
            "Since QEMU 6.2 cores are preferred to sockets.",
        ),
        Rotted(
            "-boot Order=dc,once=d",
            "`-boot order=dc,once=d`, in lower case: the keys are words, each drive is a letter.",
        ),
        Rotted(
            "-M Megs: The memory size of the virtual machine",
            "`-m 192`, or with a unit, `-m 192M`. -M is another option: -machine in short.",
        ),
        Rotted(
            "-VGA [Std|cirrus|vmware|qxl|xenfb|none]: Model of the analog card",
            "`-vga std`, in lower case; a graphics card. xenfb is gone, virtio came.",
        ),
        Rotted(
            "-display Type: Displays the types of SDL, curses, none, and VNC",
            "`-display none`; what this QEMU was built with, `-display help` lists.",
        ),
    ),
)
