"""Files and directories that the tutorial makes by hand."""

from __future__ import annotations

import shlex

from kvmbench.act import seen
from kvmbench.act.action import Action

_END = "END"


def here_document(path: str, text: str) -> str:
    """The line that writes a file, as it is typed into a shell."""
    body = text if text.endswith("\n") else f"{text}\n"
    return f"cat >{shlex.quote(path)} <<'{_END}'\n{body}{_END}"


def write(path: str, text: str, *, executable: bool = False, old: str | None = None) -> Action:
    """Write a text file; `old` is its text in the tutorial's spelling, which counts as well."""
    mark = (f"chmod +x {shlex.quote(path)}",) if executable else ()
    texts = {text, old if old is not None else text}
    runnable = seen.holds(f"test -x {shlex.quote(path)}")
    return Action(
        says=f"write {path}" + (", and make it executable" if executable else ""),
        today=(here_document(path, text), *mark),
        old=(here_document(path, old), *mark) if old is not None else (),
        done=lambda machine: machine.read(path) in texts and (not executable or runnable(machine)),
        undo=(f"rm -f {shlex.quote(path)}",),
        absent=lambda machine: machine.read(path) is None,
    )


def remove(path: str) -> Action:
    """Remove a file."""
    return Action(
        says=f"remove {path}",
        today=(f"rm -f {shlex.quote(path)}",),
        done=seen.holds(f"! test -e {shlex.quote(path)} -o -L {shlex.quote(path)}"),
    )


def directory(path: str) -> Action:
    """Make a directory, and those above it."""
    quoted = shlex.quote(path)
    return Action(
        says=f"make the directory {path}", today=(f"mkdir -p {quoted}",), done=seen.holds(f"test -d {quoted}")
    )


def symbolic_link(target: str, place: str) -> Action:
    """Make a symbolic link; one that leads elsewhere is replaced.

    The tutorial's `ln -sv` becomes `ln -sfv`, so that it can be typed again.
    """
    name = f"{place.rstrip('/')}/{target.rsplit('/', 1)[-1]}"
    return Action(
        says=f"make {name} a link to {target}",
        today=(f"ln -sfv {shlex.quote(target)} {shlex.quote(place)}",),
        old=(f"ln -sv {shlex.quote(target)} {shlex.quote(place)}",),
        done=seen.holds(f'test "$(readlink {shlex.quote(name)})" = {shlex.quote(target)}'),
    )
