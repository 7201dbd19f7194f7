"""What a check states, in words that whoever breaks it on purpose can read."""

from __future__ import annotations

from dataclasses import dataclass

from kvmbench.model.network import BENCH


@dataclass(frozen=True)
class Fact:
    """One thing that a check says is so; `kvmbench mutate` breaks it and wants the check to notice.

    It says what the check is about and nothing of how it judges. The kinds are those of
    `kvmbench.mutate.stated`.
    """

    kind: str
    """link, up, address, port, guest, answer, …"""
    subject: str = ""
    """the name of what it is about: an interface, a guest, a path, a sysctl"""
    value: str = ""
    """what is so of it: an address, a bridge, a format"""
    netns: str = BENCH
    """in which network namespace"""
    instead: tuple[Fact, ...] = ()
    """what will do as well: the check notices only when none of them is so"""
