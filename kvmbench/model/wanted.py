"""What a step asks for, as the picture shows it: dashed as long as it is not there."""

from __future__ import annotations

from dataclasses import dataclass

from kvmbench.model.network import BENCH


@dataclass(frozen=True)
class Wanted:
    """One thing that a step asks for."""

    kind: str
    """bridge, tap, veth, link, port, netns, guest, dnsmasq, snat, masquerade, dnat or forwarding"""
    name: str = ""
    """its name; of dnsmasq the interface it serves, of a translation what it matches, as `address[:port]`"""
    attached_to: str = ""
    """the bridge of a tap or port, the tap of a guest, the other end of a veth pair as `NAME` or
    `NAME@NETNS`, or what a translation translates to"""
    netns: str = BENCH
    """where it is to live"""
    address: str = ""
    """the address that it is to have, as `10.1.1.254/24`"""
