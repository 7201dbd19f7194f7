"""`%%explain` in a notebook's cell: `%load_ext kvmbench.qemu.line.magic` makes it known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmbench.qemu.line.explain import Explanation, explain

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def explain_cell(arguments: str, cell: str = "") -> Explanation:
    """Explain the command line in the cell; it may go over several lines with \\ at their ends."""
    lines = [text for text in (arguments, *cell.splitlines()) if text.strip()]
    return explain("\n".join(lines))


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Make %explain and %%explain known to a notebook."""
    ipython.magics_manager.register_function(explain_cell, "line_cell", "explain")
