"""What is clicked and shown in a notebook; decides nothing."""

from kvmbench.widgets.consoles import Console, Monitor, Screen, TerminalView
from kvmbench.widgets.creator import VMCreator
from kvmbench.widgets.form import form
from kvmbench.widgets.guests import GuestTable
from kvmbench.widgets.live import live
from kvmbench.widgets.predict import predict
from kvmbench.widgets.tcpdump import tcpdump

__all__ = [
    "Console",
    "GuestTable",
    "Monitor",
    "Screen",
    "TerminalView",
    "VMCreator",
    "form",
    "live",
    "predict",
    "tcpdump",
]
