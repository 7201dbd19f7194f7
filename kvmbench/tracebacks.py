"""What a notebook says where Python's traceback would help nobody: an error of ours, in two lines.

An IPython extension; the kernelspec loads it. After a restart of the kernel everybody meets a name that
nobody imported; where something is not there yet, a cell of shell lines whose last one fails.
"""

from __future__ import annotations

import signal
from types import TracebackType

from IPython.core.interactiveshell import InteractiveShell

import kvmbench
from kvmbench.system import CalledProcessError


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Called by IPython, see IPython.core.extensions."""
    shell.set_custom_exc((NameError, CalledProcessError), _tell)  # type: ignore[no-untyped-call]  # IPython's


def not_imported(name: str) -> list[str]:
    return [
        f"this kernel does not know {name}: it was restarted, or the cell that imports it was not run",
        f"Run the cell with `from kvmbench import … {name} …`, most often the first; the bench is as it was.",
    ]


def shell_failed(code: int) -> list[str]:
    """Of a cell that begins with %%bash or %%script; `code` is as subprocess has it: a signal is negative."""
    ended = f"with exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
    return [
        f"the shell of this cell ended {ended}: its last command failed",
        "Its words stand above, if it had any; the lines before it were carried out.",
    ]


def _instead(shell: InteractiveShell, error: BaseException) -> list[str] | None:
    if isinstance(error, NameError) and error.name in kvmbench.__all__:
        return not_imported(error.name)
    if isinstance(error, CalledProcessError) and _is_of_the_cell(shell, error):
        return shell_failed(error.returncode)
    return None


def _is_of_the_cell(shell: InteractiveShell, error: CalledProcessError) -> bool:
    """IPython's magic names the whole cell as the command, in bytes; a call of one's own names another."""
    cell = shell.history_manager.input_hist_raw[-1] if shell.history_manager else ""
    ran = error.cmd.decode(errors="replace") if isinstance(error.cmd, bytes) else ""
    return cell.startswith("%%") and bool(ran) and cell.rstrip().endswith(ran.rstrip())


def _tell(
    shell: InteractiveShell,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> None:
    if (told := _instead(shell, error)) is not None:
        error._render_traceback_ = lambda: told  # type: ignore[attr-defined]  # as KvmbenchError has it
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
