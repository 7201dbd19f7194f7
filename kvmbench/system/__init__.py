"""The one seam to the machine: commands and files, and a recorded twin for tests."""

from subprocess import CalledProcessError

from kvmbench.system.run import Completed, Machine, RealMachine, RecordedMachine, run, run_attached
from kvmbench.system.undisturbed import undisturbed

__all__ = [
    "CalledProcessError",
    "Completed",
    "Machine",
    "RealMachine",
    "RecordedMachine",
    "run",
    "run_attached",
    "undisturbed",
]
