"""Every error that kvmbench raises on purpose.

KvmbenchError               two lines: what happened, what to try
├── BadInput                a value that cannot be meant (a MAC of five bytes, a name over 15 bytes)
├── CommandFailed           a command on the bench ended badly; carries argv, code, output
├── TimedOut                something awaited did not come in time; carries what was awaited
├── BenchError              the disposable host itself
│   ├── NoSuchBench         no bench of that name
│   ├── BenchNotRunning     its record is there, its processes are gone
│   └── BenchCreationFailed a namespace, mount or link could not be made
├── NotOnABench             asked for something that exists only on a bench
├── ChangeRefused           the kernel refused a change that it was asked for directly
├── LookFailed              the state could not be read
├── ImageError              a disk image: missing, locked, of the wrong format
│   └── ImageBuildFailed    the course image could not be built
├── GuestError              a QEMU guest: not started, gone, or refused by QEMU
│   ├── GuestSilent         the guest runs, and its agent does not answer
│   └── TemplateFailed      what instant guests wake up from could not be made
├── OutsideUnreachable      the outside host of this bench does not answer
├── EvidenceBroken          a grader's evidence was changed, cut short, or is somebody else's
└── NoSuchStep              the course has no step, check or notebook of that name
"""

from __future__ import annotations

from collections.abc import Sequence


class KvmbenchError(Exception):
    """What happened, and one thing to try."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\n{self.hint}"

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the two lines, and not the way through kvmbench's files (IPython)."""
        return [self.what, self.hint]


class BadInput(KvmbenchError, ValueError):
    """A value that cannot be meant."""


class CommandFailed(KvmbenchError):
    """A command ended with another exit code than 0."""

    def __init__(self, argv: Sequence[str], code: int, output: str, hint: str = "") -> None:
        self.argv, self.code, self.output = tuple(argv), code, output
        said = output.strip().splitlines()
        what = f"{' '.join(argv)!r} failed ({code}): {said[-1] if said else 'it said nothing'}"
        super().__init__(what, hint or "Type the same line in a shell on the bench to see all that it says.")


class TimedOut(KvmbenchError):
    """Something awaited did not come in time."""

    def __init__(self, awaited: str, timeout_s: float, hint: str) -> None:
        self.awaited, self.timeout_s = awaited, timeout_s
        super().__init__(f"waited {timeout_s:g} s in vain for {awaited}", hint)


class BenchError(KvmbenchError):
    """Something about the disposable host itself."""


class NoSuchBench(BenchError):
    """There is no bench of that name."""


class BenchNotRunning(BenchError):
    """The bench's record is there, its processes are gone."""


class BenchCreationFailed(BenchError):
    """A namespace, mount or link of a new bench could not be made."""


class NotOnABench(KvmbenchError):
    """Asked for something that exists only on a bench."""


class ChangeRefused(KvmbenchError):
    """The kernel refused a change that it was asked for directly."""


class LookFailed(KvmbenchError):
    """The state could not be read."""


class ImageError(KvmbenchError):
    """A disk image is missing, locked or of the wrong format."""


class ImageBuildFailed(ImageError):
    """The course image could not be built."""


class GuestError(KvmbenchError):
    """A QEMU guest was not started, is gone, or was refused by QEMU."""


class GuestSilent(GuestError):
    """The guest runs, and its agent does not answer."""


class TemplateFailed(GuestError):
    """What instant guests wake up from could not be made; guests boot instead."""


class OutsideUnreachable(KvmbenchError):
    """The outside host of this bench does not answer."""


class EvidenceBroken(KvmbenchError):
    """A grader's evidence was changed, cut short, or is somebody else's."""


class NoSuchStep(KvmbenchError):
    """The course has no step, check or notebook of that name."""
