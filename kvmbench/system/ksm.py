"""Kernel samepage merging, which is machine-wide: switched by root from outside a bench, and restored.

Source: Linux kernel documentation, admin-guide/mm/ksm.
"""

from __future__ import annotations

import json
from pathlib import Path

from kvmbench.errors import KvmbenchError

CONTROL = Path("/sys/kernel/mm/ksm")
MEMORY = Path("/run/kvmbench-ksm.json")
"""what the settings were before; gone with the next boot, as the settings are"""
BRISK = {"sleep_millisecs": "20", "pages_to_scan": "5000", "run": "1"}
"""quick enough to watch: four guests' memory falls together within seconds"""


def switch_on(control: Path = CONTROL, memory: Path = MEMORY) -> str:
    """Have the kernel look for equal pages, briskly; what was set before is remembered.

    Raises:
        KvmbenchError: the kernel has no KSM, or the caller may not switch it.
    """
    before = {name: _read(control / name) for name in BRISK}
    if not memory.exists():
        _write(memory, json.dumps(before))
    for name, value in BRISK.items():
        _write(control / name, value)
    return "kernel samepage merging is on, for the whole machine; switch it back: sudo kvmbench ksm off"


def switch_back(control: Path = CONTROL, memory: Path = MEMORY) -> str:
    """Set everything to what it was before `switch_on`.

    Raises:
        KvmbenchError: as for `switch_on`.
    """
    if not memory.exists():
        return f"nothing to switch back: run is {_read(control / 'run')}"
    for name, value in json.loads(_read(memory)).items():
        _write(control / name, value)
    memory.unlink()
    return "kernel samepage merging is set as it was before"


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError as error:
        raise KvmbenchError(
            f"this kernel has no samepage merging: there is no {path}",
            "A kernel built with CONFIG_KSM=y has it; the step stays blocked here.",
        ) from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise KvmbenchError(
            f"{path} cannot be written: {error.strerror}",
            "Merging is switched for the whole machine, by its root: sudo kvmbench ksm on",
        ) from error
