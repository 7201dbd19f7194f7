"""The solved bench whose facts are broken: one that was recorded, or the one on which this process runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kvmbench.course import Step
from kvmbench.model import Snapshot

RECORDED = Path(__file__).with_name("solved.json")
"""a look at a bench after `kvmbench solve all`, with all questions of the course and of `kinds` asked"""


def recorded() -> Snapshot:
    """A solved bench, as a look saw it."""
    return merging(Snapshot.from_json(RECORDED.read_bytes()))


def live(steps: Sequence[Step], *, again: bool = True) -> Snapshot:
    """The bench on which this process runs, with all questions of these steps asked.

    With `again` they are asked twice, and what the first time changed is seen.
    """
    from kvmbench.observe import look

    probes = tuple(dict.fromkeys(probe for step in steps for probe in step.probes))
    images = tuple(dict.fromkeys(path for step in steps for path in step.images))
    files = tuple(dict.fromkeys(path for step in steps for path in step.files))
    # A bridge forgets whom it has not heard for five minutes: the first time everybody speaks, then we look.
    if again:
        look(probes=probes)
    return merging(look(probes=probes, images=images, files=files))


def merging(seen: Snapshot) -> Snapshot:
    """A bench on whose machine samepage merging is on.

    It is the whole machine's and its root's to switch, so where it is off, what a kernel that merges says
    (Documentation/admin-guide/mm/ksm.rst) is written in by hand; nothing else is.
    """
    if seen.host is None or int(seen.host.ksm.get("pages_sharing", "0") or 0):
        return seen
    ksm = {**seen.host.ksm, "run": "1", "pages_shared": "3100", "pages_sharing": "20000"}
    return replace(seen, host=replace(seen.host, ksm=ksm))
