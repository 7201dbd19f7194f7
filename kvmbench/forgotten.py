"""What a notebook says of a name of kvmbench's that nobody imported: as an error of ours, in two lines.

An IPython extension; the kernelspec loads it. After a restart of the kernel it is what everybody meets first.
"""

from __future__ import annotations

from types import TracebackType

from IPython.core.interactiveshell import InteractiveShell

import kvmbench


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Called by IPython, see IPython.core.extensions."""
    shell.set_custom_exc((NameError,), _tell)  # type: ignore[no-untyped-call]  # IPython's


def words(name: str) -> list[str]:
    return [
        f"this kernel does not know {name}: it was restarted, or the cell that imports it was not run",
        f"Run the cell with `from kvmbench import … {name} …`, most often the first; the bench is as it was.",
    ]


def _tell(
    shell: InteractiveShell,
    kind: type[NameError],
    error: NameError,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> None:
    if error.name in kvmbench.__all__:
        told = words(error.name)
        error._render_traceback_ = lambda: told  # type: ignore[attr-defined]  # as KvmbenchError has it
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
