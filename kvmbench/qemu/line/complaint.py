"""What QEMU itself refuses: which option its complaint is about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kvmbench.errors import BadInput
from kvmbench.qemu.line.words import Given, Line, tokens

_ABOUT: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"machine type|No machine specified|machine\.\w+' not found", ("machine", "M")),
    (r"options are incompatible", ("enable-kvm", "machine", "M")),
    (r"accelerator|KVM|kvm|-accel and", ("enable-kvm", "accel", "machine", "M")),
    (r"CPU topology|SMP CPUs|'smp\.|maxcpus|clusters not|dies not", ("smp",)),
    (r"CPU model|CPU feature|x86_64-cpu\.|requested features|host doesn't support", ("cpu",)),
    (r"guest memory|RAM|'size' expects|'memory|maxmem|memory slots", ("m",)),
    (r"[Bb]oot device|'boot\.|reboot timeout|splash", ("boot",)),
    (r"NIC model", ("nic", "net")),
    (r"network script|ifup|/dev/net/tun|\btap\b", ("netdev", "nic", "net")),
    (r"vga type|VGA", ("vga",)),
    (r"PID file|pid file", ("pidfile",)),
    (r"-nographic cannot", ("nographic",)),
    (r"display|vnc|VNC", ("vnc", "display")),
    (
        r"Block node is read-only|read-only drive|write\" lock|Device needs media",
        ("drive", "blockdev", "hda", "hdb"),
    ),
)
"""what QEMU says without naming the option → the options that it can be about"""


def option_of(stderr: str, argv: Sequence[str]) -> str:
    """The option that QEMU's complaint is about, as it was typed; "" when it cannot be told.

    >>> option_of("qemu-system-x86_64: unsupported machine type\\n", ["qemu-kvm", "-m", "1G", "-M", "foo"])
    '-M foo'
    """
    try:
        line = tokens(argv)
    except BadInput:
        return ""
    for text in complaints(stderr):
        found = _named(text, line) or _guessed(text, line)
        if found:
            return str(found)
    return ""


def complaints(stderr: str) -> tuple[str, ...]:
    """The lines in which QEMU says why it ends, without its name and its warnings."""
    lines = [re.sub(r"^(?:\S*qemu[\w./-]*): ", "", line).strip() for line in stderr.splitlines()]
    aside = ("warning: ", "module ")
    return tuple(line for line in lines if line and not any(word in line for word in aside))


def _named(text: str, line: Line) -> Given | None:
    """QEMU puts the option's own words before most complaints; the longest that fits is the one."""
    fitting = [each for each in line.given if text.startswith(f"{' '.join(each.words)}:")]
    # "-device e1000,netdev=zz: …" may have lost a dash of --device, or be cut where a word is very long.
    fitting += [
        each for each in line.given if each.option and text.startswith(f"-{each.option} {each.value or ''}:")
    ]
    return max(fitting, key=lambda each: len(" ".join(each.words)), default=None)


def _guessed(text: str, line: Line) -> Given | None:
    for pattern, options in _ABOUT:
        if re.search(pattern, text):
            # A word in quotes that an option has is a better sign than the option's place.
            quoted = re.findall(r"'([^']+)'|: (\S+)$", text)
            said = [one or other for one, other in quoted]
            candidates = [each for option in options for each in line.of(option)]
            better = [each for each in candidates if any(word in (each.value or "") for word in said)]
            if better or candidates:
                return (better or candidates)[-1]
    return None
