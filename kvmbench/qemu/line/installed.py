"""What the installed QEMU offers: its machines, processors, cards, …; asked of it, and remembered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from kvmbench.system import Machine, RealMachine

PROGRAM = "qemu-system-x86_64"
_DEADLINE_S = 20.0


@dataclass(frozen=True)
class Installed:
    """What one QEMU offers; () where it was not asked, or did not say."""

    version: str = ""
    machines: tuple[str, ...] = ()
    cpus: tuple[str, ...] = ()
    nic_models: tuple[str, ...] = ()
    """as -nic model= takes them"""
    displays: tuple[str, ...] = ()
    accels: tuple[str, ...] = ()
    vgas: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def ask(machine: Machine, program: str = PROGRAM) -> Installed:
    """Ask QEMU for its lists; a question that it does not answer leaves its list empty."""

    def told(*words: str) -> str:
        done = machine.run([program, *words], timeout_s=_DEADLINE_S)
        return done.out if done.ok else ""

    found = re.search(r"version ([0-9.]+)", told("--version"))
    return Installed(
        version=found[1] if found else "",
        machines=first_words(told("-machine", "help")),
        cpus=cpus(told("-cpu", "help")),
        # A hub's port touches nothing outside of QEMU; for a tap it would run the tap's script first.
        nic_models=first_words(told("-nic", "hubport,hubid=0,model=help")),
        displays=first_words(told("-display", "help")),
        accels=first_words(told("-accel", "help")),
        vgas=first_words(told("-vga", "help")),
        devices=devices(told("-device", "help")),
        options=options(told("-help")),
    )


@lru_cache(maxsize=4)
def here(program: str = PROGRAM) -> Installed:
    """This machine's own QEMU, asked once in a process."""
    return ask(RealMachine(), program)


def first_words(text: str) -> tuple[str, ...]:
    """The first word of each line that follows the title.

    >>> first_words("Supported machines are:\\nmicrovm   microvm (i386)\\npc   Standard PC\\n")
    ('microvm', 'pc')
    """
    lines = [line for line in text.splitlines() if not line.startswith(("qemu", "Some display"))]
    words = [line.split()[0] for line in lines if line.strip() and not line.rstrip().endswith(":")]
    return tuple(dict.fromkeys(word for word in words if re.fullmatch(r"[\w.+-]+", word)))


def cpus(text: str) -> tuple[str, ...]:
    """The processors of `-cpu help`, without the features below them.

    >>> cpus("Available CPUs:\\nx86 486   (alias)\\nx86 host  yours\\n\\nRecognized CPUID flags:\\n  avx\\n")
    ('486', 'host')
    """
    listed = text.partition("\n\n")[0].splitlines()[1:]
    return tuple(
        line.split()[1] if line.startswith("x86 ") else line.split()[0] for line in listed if line.split()
    )


def devices(text: str) -> tuple[str, ...]:
    """The devices of `-device help`, each with its other names.

    >>> devices('name "virtio-net-pci", bus PCI, alias "virtio-net"')
    ('virtio-net-pci', 'virtio-net')
    """
    return tuple(re.findall(r'(?:name|alias) "([^"]+)"', text))


def options(text: str) -> tuple[str, ...]:
    """The options of `-help`.

    >>> options("-h or -help     display this help\\n-fda/-fdb file  use 'file'\\n-m [size=]megs")
    ('h', 'help', 'fda', 'fdb', 'm')
    """
    found = [name for line in text.splitlines() for name in _names(line)]
    return tuple(dict.fromkeys(found))


def _names(line: str) -> list[str]:
    """`-h or -help`, `-fda/-fdb file`, `--preconfig`: one option by several names."""
    head = re.match(r"--?[\w-]+(?:(?: or |/)--?[\w-]+)*", line)
    return re.findall(r"(?:^|[ /])--?([\w][\w-]*)", head[0]) if head else []
