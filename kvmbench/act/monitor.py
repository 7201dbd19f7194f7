"""What a guest's QEMU does for it when its monitor is told to (QEMU Machine Protocol, HMP)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable

from kvmbench.act import seen
from kvmbench.act.action import Action
from kvmbench.errors import BadInput, GuestError
from kvmbench.qemu import launcher
from kvmbench.qemu.options import guest_name
from kvmbench.system import Completed

_SNAPSHOT_TIMEOUT_S = 60.0
_QMP = """/usr/bin/python3 - {socket} {command} <<'END'
import json, socket, sys
with socket.socket(socket.AF_UNIX) as monitor:
    monitor.settimeout({timeout_s:g})
    monitor.connect(sys.argv[1])
    talk = monitor.makefile("rw")
    talk.readline()                                   # QEMU's greeting
    for command in ('{{"execute": "qmp_capabilities"}}', sys.argv[2]):
        talk.write(command + "\\n")
        talk.flush()
        answer = json.loads(talk.readline())
        while "event" in answer:                      # events may come before the answer
            answer = json.loads(talk.readline())
    said = answer.get("return") or answer.get("error", {{}}).get("desc", "")
    sys.exit(said.strip() or "error" in answer if isinstance(said, str) else 0)
END"""


def pause(name: str) -> Action:
    """Stop a guest's virtual processors: it stays in memory and does nothing."""
    return _told(name, f"pause {name}", "stop")


def resume(name: str) -> Action:
    """Let a paused guest go on."""
    return _told(name, f"let {name} go on", "cont")


def reset(name: str) -> Action:
    """Press a guest's reset button: it boots again, without being asked."""
    return _told(name, f"reset {name}", "system_reset")


def save(name: str, tag: str) -> Action:
    """Keep a guest as it is now, its memory too, within its disk image; all its disks have to be qcow2."""
    return _at_prompt(name, f"keep {name} as it is, as {tag}", "savevm", tag)


def load(name: str, tag: str) -> Action:
    """Bring a guest back to what it was when it was kept."""
    return _at_prompt(name, f"bring {name} back to {tag}", "loadvm", tag)


def forget(name: str, tag: str) -> Action:
    """Remove what was kept of a guest."""
    return _at_prompt(name, f"forget {tag} of {name}", "delvm", tag)


def _at_prompt(name: str, says: str, command: str, tag: str) -> Action:
    """A line at the monitor's prompt; it says something only when it could not be done."""
    if not tag or not tag.isascii() or not tag.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise BadInput(f"{tag!r} is no name for a snapshot", "Take letters, digits, '.', '_' and '-'.")
    return _told(
        name,
        says,
        "human-monitor-command",
        {"command-line": f"{command} {tag}"},
        timeout_s=_SNAPSHOT_TIMEOUT_S,
    )


def _told(
    name: str, says: str, command: str, arguments: dict[str, str] | None = None, *, timeout_s: float = 10.0
) -> Action:
    guest_name(name)
    asked = {"execute": command, **({"arguments": arguments} if arguments else {})}
    line = _QMP.format(
        socket=f"{launcher.place(name)}/qmp.sock", command=shlex.quote(json.dumps(asked)), timeout_s=timeout_s
    )
    return Action(
        says=says,
        today=(line,),
        hindered=lambda machine: None if seen.guest_runs(machine, name) else _gone(name),
        explain=_explain(name, says),
        timeout_s=timeout_s + 5,
    )


def _gone(name: str) -> GuestError:
    return GuestError(f"no guest named {name} runs", "See which do: look().guests")


def _explain(name: str, says: str) -> Callable[[Completed], GuestError]:
    def explain(ended: Completed) -> GuestError:
        said = (ended.err.strip().splitlines() or ["it said nothing"])[-1].removeprefix("Error: ")
        hint = "A snapshot is kept within qcow2 images: a disk that is written to has to be one."
        if "snapshot" not in said:
            hint = f'Ask it: monitor("{name}", "info status")'
        return GuestError(f"QEMU could not {says}: {said}", hint)

    return explain
