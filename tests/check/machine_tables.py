"""Files, disk images, and the machine under the bench, from all sides."""

from __future__ import annotations

from dataclasses import replace

from kvmbench.check import (
    file_link,
    image_is,
    ksm_running,
    kvm_reported,
    script_file,
)
from kvmbench.model import HostFacts, Snapshot
from kvmbench.mutate.changes import (
    change_file,
    change_guest,
    change_image,
    without_guest,
)
from tests.check.benches import GIB, solved
from tests.check.tables import Mistake, Table

SOLVED = solved()
LINK, SCRIPT, CENTOS, CIRROS = (
    *("/usr/bin/qemu-kvm", "/etc/qemu-ifup"),
    *("/vms/centos/centos.img", "/vms/cirros/cirros1.img"),
)


def unread(path: str) -> Snapshot:
    """A look that could not see a file."""
    files = tuple(file for file in SOLVED.files if file.path != path)
    return replace(SOLVED, files=files, troubles=(f"file {path}: OSError: Input/output error",))


def script(text: str) -> Snapshot:
    return change_file(SOLVED, SCRIPT, text=text)


def ksm(**values: str) -> Snapshot:
    host = SOLVED.host
    return replace(SOLVED, host=replace(host, ksm=values) if host else None)


FILES = (
    Table(
        file_link(LINK, "/usr/libexec/qemu-kvm"),
        (
            Mistake("not made", change_file(SOLVED, LINK, kind="missing"), "the old name first"),
            Mistake("copied", change_file(SOLVED, LINK, kind="file", target=None), "A copy does not follow"),
            Mistake(
                "misspelt",
                change_file(SOLVED, LINK, target="/usr/libexec/qemu_kvm", resolves=False),
                "letter by letter",
            ),
            Mistake("to something else", change_file(SOLVED, LINK, target="/bin/true"), "`ln -sf`"),
            Mistake(
                "what it leads to is gone", change_file(SOLVED, LINK, resolves=False), "has to come back"
            ),
        ),
        good={"a relative link": change_file(SOLVED, LINK, target="../libexec/qemu-kvm")},
        blocked={"it could not be read": unread(LINK)},
    ),
    Table(
        script_file(SCRIPT),
        (
            Mistake(
                "not written", change_file(SOLVED, SCRIPT, kind="missing", text=""), "with that very name"
            ),
            Mistake(
                "a dangling link",
                change_file(SOLVED, SCRIPT, kind="link", target="/root/ifup", resolves=False, text=""),
                "The link leads nowhere",
            ),
            Mistake("a directory", change_file(SOLVED, SCRIPT, kind="directory", text=""), "opens no drawer"),
            Mistake("empty", script(""), "the lines are not"),
            Mistake("no #!", script("bridge=br-int\n"), "very first two characters"),
            Mistake("a blank line before #!", script("\n#!/bin/sh\n"), "very first two characters"),
            Mistake("nothing after #!", script("#! \n"), "a shell's full path"),
            Mistake("lines end as on Windows", script("#!/bin/sh\r\nip link\r\n"), "as on Windows"),
            Mistake("not executable", change_file(SOLVED, SCRIPT, executable=False), "needs the x bit"),
        ),
        good={
            "a link to a script": change_file(SOLVED, SCRIPT, kind="link", target="/root/ifup"),
            "in another shell": script("#!/bin/sh\nip link set $1 up master br-int"),
        },
        blocked={"it could not be read": unread(SCRIPT)},
    ),
    Table(
        image_is(CENTOS, format="qcow2", virtual_size_bytes=80 * GIB, preallocated=True),
        (
            Mistake("not created", replace(SOLVED, images=()), "Create it: `qemu-img create`"),
            Mistake(
                "raw", change_image(SOLVED, CENTOS, format="raw", preallocated=None), "makes raw unless told"
            ),
            Mistake(
                "80M", change_image(SOLVED, CENTOS, virtual_size_bytes=80 << 20), "1024 apart", saw="80M"
            ),
            Mistake(
                "8G", change_image(SOLVED, CENTOS, virtual_size_bytes=8 * GIB), "`qemu-img resize` makes"
            ),
            Mistake("100G", change_image(SOLVED, CENTOS, virtual_size_bytes=100 * GIB), "needs --shrink"),
            Mistake("no preallocation", change_image(SOLVED, CENTOS, preallocated=False), "given with -o"),
            Mistake("broken", change_image(SOLVED, CENTOS, trouble="Image is corrupt"), "`qemu-img check`"),
        ),
        blocked={
            "no image could be looked at": replace(
                SOLVED, images=(), troubles=("images: there is no program qemu-img",)
            )
        },
    ),
    Table(
        image_is(CIRROS, format="qcow2", virtual_size_bytes=64 << 20, backing="/vms/base/guest.qcow2"),
        (
            Mistake("deleted", replace(SOLVED, images=()), "Create it: `qemu-img create`"),
            Mistake(
                "an odd size", change_image(SOLVED, CIRROS, virtual_size_bytes=1000), "`qemu-img resize`"
            ),
            Mistake("stands alone", change_image(SOLVED, CIRROS, backing=None), "with -b"),
            Mistake("over another", change_image(SOLVED, CIRROS, backing=CENTOS), "`qemu-img rebase`"),
            Mistake(
                "its backing file is missing",
                change_image(
                    SOLVED, CIRROS, trouble="Could not open backing file: No such file or directory"
                ),
                "nothing without its backing file",
            ),
        ),
        good={"by a relative path": change_image(SOLVED, CIRROS, backing="../base/guest.qcow2")},
        untouched="passed",
    ),
    Table(
        image_is(CIRROS, format="qcow2", virtual_size_bytes=64 << 20, preallocated=False),
        (
            Mistake(
                "preallocated", change_image(SOLVED, CIRROS, preallocated=True), "Leave the preallocation"
            ),
        ),
        untouched="passed",
    ),
)

HOST = (
    Table(
        kvm_reported(),
        (),
        good={"KVM": replace(SOLVED, host=HostFacts("vmx", True, True, "kvm", "it works"))},
        blocked={"nobody looked": replace(SOLVED, host=None)},
        untouched="passed",
    ),
    Table(
        ksm_running(),
        (
            Mistake(
                "one guest only",
                without_guest(ksm(run="1", pages_sharing="0"), "c2"),
                "Equal pages need two owners",
            ),
            Mistake("not yet", ksm(run="1", pages_sharing="0", full_scans="0"), "slow on purpose"),
            Mistake(
                "a guest keeps out",
                change_guest(ksm(run="1"), "c1", argv=("qemu", "-machine", "pc,mem-merge=off")),
                "mem-merge=off away",
            ),
        ),
        blocked={
            "switched off": ksm(run="0"),
            "unmerging": ksm(run="2", pages_sharing="7"),
            "a kernel without it": ksm(),
            "nobody looked": replace(SOLVED, host=None),
        },
        untouched="blocked",
        roads=(ksm(run="1", pages_sharing="21000"),),
    ),
)

TABLES = (*FILES, *HOST)
