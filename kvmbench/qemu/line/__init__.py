"""QEMU's command line understood: read, built, explained, and checked before QEMU is started."""

from kvmbench.qemu.line.build import Spelling, qemu_argv
from kvmbench.qemu.line.complaint import option_of
from kvmbench.qemu.line.context import Context, ImageSeen, TapSeen, context
from kvmbench.qemu.line.description import Accel, Boot, Card, Description, Disk, Smp, Vnc, Wire
from kvmbench.qemu.line.explain import Explanation, explain
from kvmbench.qemu.line.mend import Suggestion, suggest
from kvmbench.qemu.line.reader import parse
from kvmbench.qemu.line.refuse import Trouble, refuse

__all__ = [
    "Accel",
    "Boot",
    "Card",
    "Context",
    "Description",
    "Disk",
    "Explanation",
    "ImageSeen",
    "Smp",
    "Spelling",
    "Suggestion",
    "TapSeen",
    "Trouble",
    "Vnc",
    "Wire",
    "context",
    "explain",
    "option_of",
    "parse",
    "qemu_argv",
    "refuse",
    "suggest",
]
