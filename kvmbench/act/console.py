"""What a guest shows to those who come by its screen or its serial port."""

from __future__ import annotations

from kvmbench.act.action import Action
from kvmbench.errors import BadInput, GuestError
from kvmbench.qemu import launcher
from kvmbench.qemu.options import guest_name

_KNOCK = """/usr/bin/python3 - {socket} <<'END'
import socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.settimeout(20)
    line.connect(sys.argv[1])
    line.sendall(b"\\r")                       # Enter: whoever sits there shows a prompt
    heard = b""
    while not heard.rstrip().endswith((b"login:", b"#", b"$", b"Password:")):
        heard += line.recv(1000) or sys.exit("the line is dead")
    print(heard.decode(errors="replace").strip().splitlines()[-1])
END"""


def banner(display: int) -> Action:
    """Read the first words of a VNC server, its protocol version (RFC 6143, 7.1.1)."""
    if not 0 <= display < 100:
        raise BadInput(f"there is no VNC display :{display}", "Display :0 is TCP port 5900; take 0 to 99.")
    return Action(
        says=f"read what the screen at display :{display} says first",
        today=(f"timeout 5 bash -c 'head -c 12 </dev/tcp/127.0.0.1/{5900 + display}'",),
    )


def knock(name: str) -> Action:
    """Press Enter on a guest's serial console, and show the prompt that comes.

    One at a time: the console's socket serves a single visitor (qemu(1), -chardev socket).
    """
    guest_name(name)
    return Action(
        says=f"press Enter on the console of {name}",
        today=(_KNOCK.format(socket=f"{launcher.place(name)}/console.sock"),),
        explain=lambda ended: GuestError(
            f"no prompt came on the console of {name}: {ended.err.strip().rpartition(chr(10))[2]}",
            f"Is {name} running, and is its console open somewhere else? It serves one visitor at a time.",
        ),
        awaits=f"a prompt on the console of {name}",
        timeout_s=30,
    )
