"""QEMU's options as data: what each does, what belongs to it, since when, and how it is written today."""

from __future__ import annotations

from kvmbench.qemu.line.catalogue_devices import DEVICES
from kvmbench.qemu.line.catalogue_machine import MACHINE
from kvmbench.qemu.line.catalogue_shape import MANUAL, REMOVED, Change, Key, Option
from kvmbench.qemu.line.words import ALONE

__all__ = ["COURSE", "GONE", "KNOWN", "MANUAL", "OPTIONS", "REMOVED", "Change", "Key", "Option", "find"]

OPTIONS: tuple[Option, ...] = (*MACHINE, *DEVICES)
"""those of the course, and those that they are written with today"""

COURSE: dict[str, Option] = {name: option for option in OPTIONS for name in option.names}
"""each spelling → its option"""

GONE: dict[str, tuple[str, str]] = {
    "no-kvm": ("5.2", "-accel tcg"),
    "realtime": ("6.0", "-overcommit mem-lock=on"),
    "show-cursor": ("6.0", "-display gtk,show-cursor=on"),
    "tb-size": ("6.0", "-accel tcg,tb-size=N"),
    "no-quit": ("7.0", "-display …,window-close=off"),
    "redir": ("3.1", "-nic user,hostfwd=…"),
    "tftp": ("3.1", "-nic user,tftp=…"),
    "bootp": ("3.1", "-nic user,bootp=…"),
    "smb": ("3.1", "-nic user,smb=…"),
    "localtime": ("3.1", "-rtc base=localtime"),
    "balloon": ("3.1", "-device virtio-balloon"),
    "no-kvm-irqchip": ("3.0", "-machine kernel_irqchip=off"),
    "hdachs": ("2.12", "-device ide-hd,…,cyls=,heads=,secs="),
    "writeconfig": ("7.1", ""),
}
"""options that were removed → the version, and what is written instead (QEMU manual, Removed features)"""

_OTHERS = """
acpitable action add-fd append audio audiodev bios boot chardev chroot compat d D debugcon dfilter
dtb dump-vmstate echr fsdev full-screen fw_cfg g gdb global icount incoming initrd iscsi k kernel L
loadvm mem-path mon msg mtdblock numa object only-migratable option-rom overcommit parallel pflash
plugin portrait prom-env readconfig rotate rtc runas sandbox sd seed semihosting-config set smbios
spice tpmdev trace usbdevice uuid virtfs watchdog-action qmp-pretty xen-domid curses sdl alt-grab
ctrl-grab soundhw watchdog
"""
KNOWN: frozenset[str] = frozenset((*COURSE, *ALONE, *_OTHERS.split()))
"""every option's name that some QEMU had; whether the installed one has it, it says itself"""


def find(name: str) -> Option | None:
    """The option of this name, old or new, when it is one of the course."""
    return COURSE.get(name)
