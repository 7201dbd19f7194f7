"""How the nodes of a graph are called."""

from __future__ import annotations

from kvmbench.model.network import BENCH
from kvmbench.model.snapshot import UPLINK

HOST = "bench"
"""the bench host itself: the one that forwards"""
OUTSIDE = "outside"


def link_id(name: str, netns: str = BENCH) -> str:
    """An interface.

    >>> link_id("br-int"), link_id("vethm.2", "router1")
    ('link:br-int', 'link:vethm.2@router1')
    """
    return f"link:{name}@{netns}" if netns else f"link:{name}"


def netns_id(name: str) -> str:
    """A named network namespace."""
    return f"netns:{name}"


def guest_id(name: str) -> str:
    """A guest."""
    return f"guest:{name}"


def dnsmasq_id(interface: str) -> str:
    """The DHCP server of an interface."""
    return f"dnsmasq:{interface}"


UPLINK_NODE = link_id(UPLINK)
