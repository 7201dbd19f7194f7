"""Step 3: disk images."""

from __future__ import annotations

from kvmbench.act import file, image
from kvmbench.act.action import Action
from kvmbench.check import image_is
from kvmbench.course.plan import BASE_IMAGE, CENTOS, CENTOS_SIZE, OVERLAY
from kvmbench.course.step import Mistake, Rotted, Step
from kvmbench.qemu.options import size_bytes

_OVER = "overlay-over-centos.img"

STEP = Step(
    slug="image",
    title="A disk that is a file",
    goal=f"Make {CENTOS}, qcow2, {CENTOS_SIZE}, its metadata written in advance, and an overlay of it.",
    solution=(
        file.directory("/vms/centos"),
        image.create(CENTOS, CENTOS_SIZE, preallocation="metadata"),
        image.overlay(OVERLAY, CENTOS),
        Action(
            "compare what the image is worth with what it takes", (f"qemu-img info -U {CENTOS}",), looks=True
        ),
    ),
    checks=(
        image_is(
            CENTOS, format="qcow2", virtual_size_bytes=size_bytes(CENTOS_SIZE), preallocated=True, points=3
        ),
        image_is(
            OVERLAY, format="qcow2", virtual_size_bytes=size_bytes(CENTOS_SIZE), backing=CENTOS, points=2
        ),
    ),
    images=(CENTOS, OVERLAY),
    mistakes=(
        Mistake(
            "raw",
            "-f qcow2 was forgotten: the name ends in .img, and qemu-img makes raw images of its own accord.",
            (image.create(CENTOS, CENTOS_SIZE, format="raw"),),
            check="centos-qcow2",
            hint="`qemu-img create` makes raw unless told",
            also=(_OVER,),
        ),
        Mistake(
            "wrong-letter",
            "The size was given in megabytes.",
            (image.create(CENTOS, "80M", preallocation="metadata"),),
            check="centos-qcow2",
            hint="The number is right and its letter is not",
            also=(_OVER,),
        ),
        Mistake(
            "too-small",
            "The image is half as large as asked for.",
            (image.create(CENTOS, "40G", preallocation="metadata"),),
            check="centos-qcow2",
            hint="Too small: `qemu-img resize` makes it grow",
            also=(_OVER,),
        ),
        Mistake(
            "no-preallocation",
            "The option was left out, as the tutorial's spelling of it is refused.",
            (image.create(CENTOS, CENTOS_SIZE),),
            check="centos-qcow2",
            hint="Preallocation is an option of the format",
        ),
        Mistake(
            "no-image",
            "The image was removed from under its overlay.",
            (file.remove(CENTOS),),
            check=_OVER,
            hint="An overlay is nothing without its backing file",
            also=("centos-qcow2",),
        ),
        Mistake(
            "no-backing",
            "The overlay was made without -b.",
            (image.create(OVERLAY, CENTOS_SIZE),),
            check=_OVER,
            hint="An overlay names its backing file with -b",
        ),
        Mistake(
            "other-backing",
            "The overlay was laid over another image.",
            (image.overlay(OVERLAY, BASE_IMAGE),),
            check=_OVER,
            hint="`qemu-img rebase` moves an overlay",
        ),
    ),
    rotted=(
        Rotted(
            "Qemu-img create-f Qcow2-o perallocation=metadate,size=80g/vms/centos/centos.img",
            "The option is spelt preallocation=metadata, the format qcow2 in lower case: "
            f"`qemu-img create -f qcow2 -o preallocation=metadata,size=80G {CENTOS}`.",
        ),
    ),
)
