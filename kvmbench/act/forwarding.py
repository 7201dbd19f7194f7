"""The bench as a router between its links (ip-sysctl in the kernel's documentation)."""

from __future__ import annotations

from kvmbench.act.action import Action

_KEY = "net.ipv4.ip_forward"
_FILE = "/proc/sys/net/ipv4/ip_forward"


def on() -> Action:
    """Let the kernel pass on packets that are meant for others."""
    return _switch("1", "pass packets on")


def off() -> Action:
    """Let the kernel drop packets that are meant for others, as it does from the start."""
    return _switch("0", "pass no packets on")


def _switch(value: str, says: str) -> Action:
    return Action(
        says=f"let the bench {says}",
        today=(f"sysctl -w {_KEY}={value}",),
        done=lambda machine: (machine.read(_FILE) or "").strip() == value,
    )
