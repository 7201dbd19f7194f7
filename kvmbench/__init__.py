"""kvmbench: a bench for learning how virtual machines and their networks work on Linux."""

__version__ = "0.1.0"
