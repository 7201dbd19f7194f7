"""Looking at the bench: changes nothing."""

from kvmbench.model import Probe
from kvmbench.observe.look import look

__all__ = ["Probe", "look"]
