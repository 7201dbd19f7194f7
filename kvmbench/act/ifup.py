"""/etc/qemu-ifup: what QEMU runs with the name of a guest's tap (qemu(1), -netdev tap, script=)."""

from __future__ import annotations

from kvmbench.act import file
from kvmbench.act.action import Action
from kvmbench.qemu.options import IFUP, link_name

_TEXT = """#!/bin/sh
# QEMU runs this with the name of the guest's tap interface.
bridge={bridge}
if [ -n "$1" ]; then
    ip link set "$1" up
    {join}
else
    echo "no interface specified" >&2
    exit 2
fi
"""


def text(bridge: str, *, old: bool = False) -> str:
    """The script: with ip(8), or with brctl(8) as the tutorial has it. Its exit code is that of joining."""
    link_name(bridge)
    join = 'brctl addif "$bridge" "$1"' if old else 'ip link set "$1" master "$bridge"'
    return _TEXT.format(bridge=bridge, join=join)


def write(bridge: str, path: str = IFUP) -> Action:
    """Write the script that plugs guests into a bridge."""
    return file.write(path, text(bridge), executable=True, old=text(bridge, old=True))
