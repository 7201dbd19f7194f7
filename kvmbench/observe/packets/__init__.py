"""Packets as they pass: captured at several places, decoded, and told which are the same one."""

from kvmbench.observe.packets.capture import Capture, Place
from kvmbench.observe.packets.decode import Decoded, decode
from kvmbench.observe.packets.pcap import load, save
from kvmbench.observe.packets.sightings import Frame, Packet, Sightings

__all__ = ["Capture", "Decoded", "Frame", "Packet", "Place", "Sightings", "decode", "load", "save"]
