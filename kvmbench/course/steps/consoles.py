"""Step 8: screens and serial consoles."""

from __future__ import annotations

import shlex
from dataclasses import replace

from kvmbench.act import console, guest, monitor
from kvmbench.act.action import Action
from kvmbench.check import console_served, vnc_served
from kvmbench.course.plan import Plan, started_otherwise
from kvmbench.course.step import Mistake, Rotted, Step
from kvmbench.qemu import options

_ROTTED = (
    Rotted(
        "# vncviewer:0 & Enter virtual machine",
        "`vncviewer :0`, where one is installed and a screen is at hand; in the notebook the "
        "screen is a widget.",
    ),
    Rotted(
        "-monitor stdio … CTRL-A, c: Switch between console and monitor",
        "That belongs to -nographic; the bench asks QEMU by a socket of its own (QMP) in any case.",
    ),
)
_WEB_SERVER = "/run/web-server.pid"
_END_WEB_SERVER = (
    f"pid=$(cat {_WEB_SERVER}); kill $pid; tail -s 0.02 --pid=$pid -f /dev/null; rm {_WEB_SERVER}"
)


def _on_display(name: str, number: int) -> Action:
    """A guest that has nothing but a screen."""
    return Action(
        f"start {name} at display :{number}",
        (f"qemu-kvm -name {name} -m 16 -nic none -vnc :{number} -daemonize",),
        (f"qemu-kvm -name {name} -m 16 -net none -vnc :{number} -daemonize",),
    )


def _web_server(port: int) -> Action:
    serve = f"setsid python3 -m http.server {port} --directory /run/empty >/dev/null 2>&1 & echo $!"
    heard = f"until ss -Hltn 'sport = :{port}' | grep -q .; do sleep 0.05; done"
    return Action("serve pages there", (f"mkdir -p /run/empty; {serve} >{_WEB_SERVER}; {heard}",))


def _too_late(plan: Plan) -> Action:
    return Action("start c1 too late", (f"{shlex.join(options.argv(plan.c1))} || true",))


def step(plan: Plan) -> Step:
    return Step(
        slug="consoles",
        title="Screen and serial line",
        goal="Look at the guests by VNC, displays :0 and :2, and by their serial consoles.",
        solution=(console.banner(0), console.banner(2), console.knock("c1"), console.knock("c2")),
        checks=(
            vnc_served("c1", 0, points=1),
            vnc_served("c2", 2, points=1),
            console_served("c1", points=1),
            console_served("c2", points=1),
        ),
        needs=("guests",),
        mistakes=(
            Mistake(
                "other-display",
                "c1 serves its screen at another display.",
                started_otherwise(replace(plan.c1, vnc_display=5)),
                check="c1-vnc",
                hint="The number after the colon counts from port 5900",
                mend=(guest.end("c1"), guest.start(plan.c1)),
            ),
            Mistake(
                "display-taken",
                "c1 was ended, and another guest was given its display: c1 does not start any more.",
                (guest.end("c1"), _on_display("c4", 0), _too_late(plan)),
                check="c1-vnc",
                hint="whoever comes second ends at once",
                mend=(guest.end("c4"), guest.start(plan.c1)),
                also=("c1-console",),
            ),
            Mistake(
                "port-taken",
                "c1 was ended, and a web server was put on port 5900: c1 does not start any more.",
                (guest.end("c1"), _web_server(5900), _too_late(plan)),
                check="c1-vnc",
                hint="find out who listens at 5900",
                mend=(Action("end the web server", (_END_WEB_SERVER,)), guest.start(plan.c1)),
                also=("c1-console",),
            ),
            Mistake(
                "no-screen",
                "c2 was started without a screen.",
                started_otherwise(replace(plan.c2, vnc_display=None)),
                check="c2-vnc",
                hint="QEMU serves a screen when -vnc names a display",
                mend=(guest.end("c2"), guest.start(plan.c2)),
            ),
            Mistake(
                "paused",
                "c1 was stopped in its monitor: its console is there, and nobody sits at it.",
                (monitor.pause("c1"),),
                check="c1-console",
                hint="the monitor's `cont` lets them run again",
                mend=(monitor.resume("c1"),),
            ),
            Mistake(
                "no-serial-port",
                "c2 was started with -serial none.",
                (
                    guest.end("c2"),
                    Action(
                        "start c2 without a serial port",
                        (f"{shlex.join(options.argv(plan.c2))} -serial none",),
                    ),
                ),
                check="c2-console",
                hint="Its command line sends the serial port elsewhere",
                mend=(guest.end("c2"), guest.start(plan.c2)),
            ),
        ),
        rotted=_ROTTED,
    )
