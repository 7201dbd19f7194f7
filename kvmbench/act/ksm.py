"""Kernel samepage merging: for the whole machine, so a bench only looks (admin-guide/mm/ksm)."""

from __future__ import annotations

from kvmbench.act.action import Action

DIRECTORY = "/sys/kernel/mm/ksm"


def look() -> Action:
    """Show whether the kernel merges equal pages, and how many it has merged.

    It is switched from outside the bench, where it touches everybody: `sudo kvmbench ksm on`.
    """
    return Action(
        says="see whether the kernel merges equal pages (switched outside the bench: sudo kvmbench ksm on)",
        today=(f"grep . {DIRECTORY}/run {DIRECTORY}/pages_shared {DIRECTORY}/pages_sharing",),
    )
