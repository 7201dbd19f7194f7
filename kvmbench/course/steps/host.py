"""Step 1: the host."""

from __future__ import annotations

from kvmbench.act import file
from kvmbench.act.action import Action
from kvmbench.check import file_link, kvm_reported
from kvmbench.course.step import Mistake, Rotted, Step
from kvmbench.model import Check, Fact, Outcome, Snapshot, failed
from kvmbench.qemu import launcher

COMMAND = "/usr/bin/qemu-kvm"


def engine_known(*, points: int = 1) -> Check:
    """It is known what qemu-kvm picks here, KVM or TCG; that takes a command of this name."""
    reported = kvm_reported(points=points)

    def judge(seen: Snapshot) -> Outcome:
        command = seen.file(COMMAND)
        if command is None or command.kind == "missing" or not command.resolves:
            return failed(
                "there is no command qemu-kvm yet, so nothing picks KVM or TCG",
                f"It is qemu-kvm that tells and picks: make {COMMAND} first, then look again.",
            )
        return reported(seen)

    return Check(reported.name, reported.says, judge, points, facts=(Fact("engine", COMMAND),))


def _look(says: str, line: str) -> Action:
    return Action(says, (line,), looks=True)


STEP = Step(
    slug="host",
    title="The host: a CPU, a kernel module and a program",
    goal="Find out whether this host runs guests under KVM, and make qemu-kvm a command.",
    solution=(
        _look(
            "see whether the CPU can run guests itself", "grep -oE 'vmx|svm' /proc/cpuinfo | sort | uniq -c"
        ),
        _look(
            "see whether the kernel module is loaded",
            "grep -s ^kvm /proc/modules || echo 'no kvm module listed'",
        ),
        _look("see whether the way to it is there", "ls -l /dev/kvm || true"),
        file.symbolic_link(launcher.INSTALLED_AS, "/usr/bin"),
    ),
    checks=(engine_known(points=1), file_link(COMMAND, launcher.INSTALLED_AS, points=2)),
    files=(COMMAND,),
    mistakes=(
        Mistake(
            "no-link",
            "qemu-kvm was not linked into a directory of the PATH.",
            (file.remove(COMMAND),),
            check="qemu-kvm-linked",
            hint="`ln -s` takes the old name first",
            also=("kvm-or-tcg",),
        ),
        Mistake(
            "asked-too-early",
            "Somebody asks what qemu-kvm picks before there is a qemu-kvm.",
            (file.remove(COMMAND),),
            check="kvm-or-tcg",
            hint="It is qemu-kvm that tells and picks",
            also=("qemu-kvm-linked",),
        ),
        Mistake(
            "link-to-nowhere",
            "The target was misspelt, so the link leads to a file that is not there.",
            (Action("link to a misspelt file", (f"ln -sf /usr/libexec/qemu-kmv {COMMAND}",)),),
            check="qemu-kvm-linked",
            hint="`ls -l` shows the arrow",
            also=("kvm-or-tcg",),
        ),
        Mistake(
            "copied",
            "The program was copied instead of linked.",
            (Action("copy the program", (f"rm -f {COMMAND}", f"cp {launcher.INSTALLED_AS} {COMMAND}")),),
            check="qemu-kvm-linked",
            hint="A copy does not follow when the original changes",
        ),
    ),
    rotted=(
        Rotted(
            "link using qemu ln-sv/usr/libexec/qemu-kvm/usr/bin",
            "The blanks were lost in print: `ln -sv /usr/libexec/qemu-kvm /usr/bin`. Debian and "
            "Ubuntu name the "
            "program qemu-system-x86_64; /usr/libexec/qemu-kvm is Red Hat's place for it, and the "
            "bench has it.",
        ),
        Rotted(
            "for/DEV/KVM work for hypervisor, in user space through the system call LOCTL ()",
            "The device is /dev/kvm, in lower case, and the system call is ioctl(2).",
        ),
        Rotted(
            "Kvm.ko module after loading",
            "The file is kvm.ko, with kvm_intel.ko or kvm_amd.ko beside it; a kernel may have them "
            "built in, and "
            "then lsmod does not list them.",
        ),
    ),
)
