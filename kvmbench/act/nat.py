"""Network address translation, spelt with nft(8) today and with iptables(8) in the tutorial."""

from __future__ import annotations

import re
from collections.abc import Callable

from kvmbench.act import addresses
from kvmbench.act.action import Action
from kvmbench.errors import BadInput
from kvmbench.qemu.options import link_name
from kvmbench.system import Machine

TABLE = "course"
"""nft's table of the course: `nat` belongs to iptables, which then refuses to list it"""


def source(network: str, out: str, to: str = "") -> Action:
    """Give packets that leave by `out` a new source address: that of the link itself, or `to`.

    Raises:
        BadInput: that is no network, no address or no interface name.
    """
    checked, target = addresses.network(network), f"snat to {addresses.address(to)}" if to else "masquerade"
    link_name(out)
    return Action(
        says=f"let {checked} leave by {out} under another address",
        today=(
            *_chain("postrouting", "srcnat"),
            f"nft add rule ip {TABLE} postrouting ip saddr {checked} oifname {out} counter {target}",
        ),
        old=(
            f"iptables -t nat -A POSTROUTING -s {checked} -o {out} -j "
            + (f"SNAT --to-source {to}" if to else "MASQUERADE"),
        ),
        done=_has_rule(f"ip saddr {checked}", f'oifname "{out}"', target),
    )


def destination(address: str, port: int, to: str, to_port: int) -> Action:
    """Send connections to an address and port of the bench on to another host.

    Raises:
        BadInput: that is no address or no port.
    """
    own, inner = addresses.address(address), addresses.address(to)
    for number in (port, to_port):
        if not 0 < number < 65536:
            raise BadInput(f"{number} is no port", "A TCP port is a number from 1 to 65535.")
    match, old_match = f"ip daddr {own} tcp dport {port}", f"-d {own} -p tcp --dport {port}"
    return Action(
        says=f"send connections to {own}:{port} on to {inner}:{to_port}",
        today=(
            *_chain("prerouting", "dstnat"),
            f"nft add rule ip {TABLE} prerouting {match} counter dnat to {inner}:{to_port}",
        ),
        old=(f"iptables -t nat -A PREROUTING {old_match} -j DNAT --to-destination {inner}:{to_port}",),
        done=_has_rule(f"ip daddr {own}", f"tcp dport {port}", f"dnat to {inner}:{to_port}"),
    )


def clear(hook: str) -> Action:
    """Remove all address translation of one hook, whichever tool wrote it: `postrouting` or `prerouting`."""
    if hook not in ("postrouting", "prerouting"):
        raise BadInput(f"{hook!r} is no hook of this course", "Take postrouting or prerouting.")
    return Action(
        says=f"remove the translations in {hook}",
        today=(
            f"nft flush chain ip {TABLE} {hook} 2>/dev/null || true",
            f"nft flush chain ip nat {hook.upper()} 2>/dev/null || true",
        ),
        old=(f"iptables -t nat -F {hook.upper()}",),
    )


def _chain(hook: str, priority: str) -> tuple[str, str]:
    """Lines that make the table and its chain; nft minds neither being there already."""
    return (
        f"nft add table ip {TABLE}",
        f"nft add chain ip {TABLE} {hook} '{{ type nat hook {hook} priority {priority}; }}'",
    )


def _has_rule(*parts: str) -> Callable[[Machine], bool]:
    """Whether a rule in force has all these parts; nft prints the rules of iptables too."""

    def done(machine: Machine) -> bool:
        rules = machine.run("nft list ruleset").out.splitlines()
        return any(all(re.search(rf"{re.escape(part)}(?![\w./:])", rule) for part in parts) for rule in rules)

    return done
