"""The one question that is put to nf_tables without nft(8): whether there is anything to list."""

from __future__ import annotations

from kvmbench.system.netlink_socket import NETFILTER, NetlinkSocket, raw

_GETTABLE = (10 << 8) | 1
"""NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE (linux/netfilter/nf_tables.h)"""
_OF_ALL_FAMILIES = bytes(4)


def has_tables() -> bool | None:
    """Whether the calling thread's network namespace has a table of any family; None where nobody may know.

    To start nft takes 5 ms and more; most namespaces have nothing for it to list.
    """
    try:
        with NetlinkSocket(NETFILTER) as kernel:
            return bool(kernel.dump(_GETTABLE, _OF_ALL_FAMILIES, raw))
    except OSError:  # a kernel without nf_tables, or a caller who may not ask: nft will say it in words
        return None
