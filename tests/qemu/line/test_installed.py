"""What the installed QEMU offers is asked of it, and understood."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kvmbench.qemu import line
from kvmbench.qemu.line.catalogue import COURSE, GONE, KNOWN, OPTIONS
from kvmbench.qemu.line.installed import ask, here
from kvmbench.system import RecordedMachine

NAMED = """
machine cpu smp boot m name hda hdb hdc hdd cdrom drive blockdev device display nographic vga vnc monitor
serial qmp net netdev nic accel enable-kvm daemonize pidfile
"""


def test_each_list_has_what_every_qemu_for_a_pc_has() -> None:
    had = here()
    assert had.version[0].isdigit()
    assert {"pc", "q35"} <= set(had.machines)
    assert {"max", "qemu64"} <= set(had.cpus)
    assert {"e1000", "rtl8139", "virtio-net-pci"} <= set(had.nic_models)
    assert "none" in had.displays
    assert "tcg" in had.accels
    assert {"std", "none"} <= set(had.vgas)
    assert {"virtio-blk-pci", "ide-hd", "virtio-net"} <= set(had.devices)
    assert {"name", "m", "smp", "fdb", "preconfig", "help"} <= set(had.options)


def test_it_is_asked_once() -> None:
    assert here() is here()


def test_where_there_is_no_qemu_nothing_is_known() -> None:
    assert ask(RecordedMachine({}), "no-such-qemu").machines == ()


def test_no_option_that_this_qemu_has_is_taken_for_a_mistake() -> None:
    assert set(here().options) <= KNOWN


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_entry_of_the_catalogue_is_whole(option: object) -> None:
    entry = next(each for each in OPTIONS if each is option)
    assert entry.does[0].islower() or entry.does[0].isupper()
    assert not entry.does.endswith(".")
    assert entry.section.startswith("https://www.qemu.org/docs/")
    assert entry.default
    assert not entry.keys or entry.implied in ("", *(key.name for key in entry.keys)), entry.implied
    assert all(change.what for change in entry.changes)


def test_the_table_has_every_entry_of_the_catalogue() -> None:
    readme = Path(str(line.__file__)).with_name("README.md").read_text(encoding="utf-8")
    rows = [row.split("|")[1] for row in readme.splitlines() if row.startswith("| `")]
    assert set(re.findall(r"-([\w-]+)`", " ".join(rows))) == set(COURSE)


def test_what_the_issue_names_is_in_the_catalogue() -> None:
    named = re.findall(r"\S+", NAMED)
    assert set(named) <= set(COURSE)
    keys = {name: {key.name for key in COURSE[name].keys} for name in named}
    assert {"order", "once", "menu", "splash", "splash-time", "reboot-timeout", "strict"} <= keys["boot"]
    assert {"file", "if", "media", "index", "cache", "format", "aio", "readonly", "snapshot", "id"} <= keys[
        "drive"
    ]
    assert {"macaddr", "model", "name", "addr", "vectors", "vlan"} <= keys["net"]
    assert {"cpus", "maxcpus", "cores", "threads", "sockets"} <= keys["smp"]
    assert not set(GONE) & set(COURSE)
