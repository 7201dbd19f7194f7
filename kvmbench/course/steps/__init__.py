"""The steps of the course, one a file."""

from kvmbench.course.step import Step
from kvmbench.course.steps import (
    bridge,
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

STEPS: tuple[Step, ...] = (
    host.STEP,
    image.STEP,
    veth.STEP,
    netns.STEP,
    bridge.STEP,
    guests.STEP,
    consoles.STEP,
    forwarding.STEP,
    dnat.STEP,
    dnsmasq.STEP,
    virtio.STEP,
    ksm.STEP,
)
