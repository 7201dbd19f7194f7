"""Step 13: equal pages kept once."""

from __future__ import annotations

from kvmbench.act import ksm
from kvmbench.check import ksm_running
from kvmbench.course.step import Rotted, Step

STEP = Step(
    slug="ksm",
    title="Equal pages kept once",
    goal="See how much memory the guests share while the kernel merges equal pages.",
    solution=(ksm.look(),),
    checks=(ksm_running(points=1),),
    needs=("guests",),
    # No mistakes of the bench's: it is switched for the whole machine, from outside, by its root.
    rotted=(
        Rotted(
            "KSM: … make it unique (not much)",
            "The kernel does nothing until it is switched on: /sys/kernel/mm/ksm/run, outside the bench by "
            "`sudo kvmbench ksm on`.",
        ),
    ),
)
