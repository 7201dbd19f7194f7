"""The steps of the course, one a file."""

from kvmbench.course.plan import TUTORIAL, Plan
from kvmbench.course.step import Step
from kvmbench.course.steps import (
    bridge,
    command_line,
    consoles,
    dnat,
    dnsmasq,
    forwarding,
    guests,
    host,
    image,
    ksm,
    netns,
    veth,
    virtio,
)


def steps(plan: Plan) -> tuple[Step, ...]:
    """The course with these numbers, in order."""
    return (
        host.STEP,
        command_line.STEP,
        image.STEP,
        veth.step(plan),
        netns.step(plan),
        bridge.STEP,
        guests.step(plan),
        consoles.step(plan),
        forwarding.step(plan),
        dnat.step(plan),
        dnsmasq.step(plan),
        virtio.step(plan),
        ksm.STEP,
    )


STEPS = steps(TUTORIAL)
