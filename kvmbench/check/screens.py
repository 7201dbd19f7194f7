"""Ways to see a guest: its screen by VNC, its console by a socket."""

from __future__ import annotations

from kvmbench.check.outcomes import failed, passed
from kvmbench.check.seeing import answer, is_sibling, need_guest, need_running
from kvmbench.model import Check, Fact, Guest, Outcome, Probe, Snapshot

VNC_BASE = 5900


def vnc_port(vnc: str | None) -> int | None:
    """The TCP port at which a screen is served; None for a socket or none at all.

    >>> vnc_port("127.0.0.1:5902"), vnc_port(":2"), vnc_port("/run/c1.vnc"), vnc_port(None)
    (5902, 5902, None, None)
    """
    number = (vnc or "").rpartition(":")[2]
    if not (number.isascii() and number.isdigit() and len(number) <= 5) or "/" in (vnc or ""):
        return None
    port = int(number)
    return port if port >= VNC_BASE else VNC_BASE + port


def vnc_served(name: str, display: int, *, points: int = 1) -> Check:
    """A guest's screen is served at this VNC display (RFC 6143, 7.1.1: the server speaks first)."""
    port = VNC_BASE + display
    probe = Probe.tcp("bench", "127.0.0.1", port)

    def judge(seen: Snapshot) -> Outcome:
        guest = need_guest(seen, name)
        if isinstance(guest, Outcome):
            return _taken(seen, guest, name, probe, display) or guest
        return _wrong_display(seen, guest, display) or _banner(seen, guest, probe)

    return Check(
        f"{name}-vnc",
        f"the screen of {name} is served at display :{display}",
        judge,
        points,
        (probe,),
        facts=(Fact("vnc", name, str(display)),),
    )


def _taken(seen: Snapshot, missing: Outcome, name: str, probe: Probe, display: int) -> Outcome | None:
    """Who else is at the display of a guest that does not run: then QEMU ends at once, and says why."""
    said, other = seen.probe(probe), _guest_at(seen, display)
    if missing.verdict != "failed" or not (other or (said and said.ok)):
        return None
    if other and not is_sibling(name, other.name):  # it may be the same guest under another name
        return None
    saw = f"{missing.saw}, and display :{display} is taken by "
    if other:
        return failed(
            f"{saw}guest {other.name}",
            f"Two guests at one display: whoever comes second ends at once. Give {other.name} "
            f"another one (-vnc), then start {name} again.",
        )
    return failed(
        f"{saw}another program",
        f"A display is a TCP port: find out who listens at {probe.port} (`ss -ltnp`), end that, then start "
        f"{name} again.",
    )


def _guest_at(seen: Snapshot, display: int) -> Guest | None:
    return next((guest for guest in seen.guests if vnc_port(guest.vnc) == VNC_BASE + display), None)


def _wrong_display(seen: Snapshot, guest: Guest, display: int) -> Outcome | None:
    wanted, now = VNC_BASE + display, vnc_port(guest.vnc)
    if now == wanted:
        return None
    other = _guest_at(seen, display)
    if not guest.vnc:
        return failed(
            f"{guest.name} serves no screen",
            "QEMU serves a screen when -vnc names a display (qemu(1), Display options).",
        )
    if now is None:
        return failed(
            f"{guest.name} serves its screen at {guest.vnc}, no TCP port",
            "A display number goes after a colon; unix: makes it a socket.",
        )
    if other:
        return failed(
            f"display :{display} belongs to {other.name}, {guest.name} is at :{now - VNC_BASE}",
            f"A display serves one guest: move {other.name} away from it first.",
        )
    return failed(
        f"{guest.name} is at display :{now - VNC_BASE}, not :{display}",
        "The number after the colon counts from port 5900: compare it with what is asked for.",
    )


def _banner(seen: Snapshot, guest: Guest, probe: Probe) -> Outcome:
    said = answer(seen, probe)
    if isinstance(said, Outcome):
        return said
    if not said.ok:
        return failed(
            f"nothing answers at port {probe.port}: {said.why or 'no connection'}",
            f"{guest.name} was told to serve there and does not: `ss -ltnp` lists who listens where.",
        )
    if not said.said.startswith("RFB "):
        return failed(
            f"port {probe.port} answers {said.said[:40]!r}, which is not VNC",
            "Something else sits on that port: find out whose it is, and end it.",
        )
    return passed(f"{guest.name} serves its screen at port {probe.port} ({said.said.strip()[:20]})")


def console_served(name: str, *, points: int = 1) -> Check:
    """A guest's first serial port is a socket that somebody can open."""

    def judge(seen: Snapshot) -> Outcome:
        guest = need_running(seen, name)
        if isinstance(guest, Outcome):
            return guest
        if not guest.console:
            return failed(
                f"{name} has no console to open",
                "Its command line sends the serial port elsewhere (-serial, -nographic): leave that away, "
                "and one is made.",
            )
        return passed(f"the console of {name} is {guest.console}")

    return Check(
        f"{name}-console", f"guest {name} has a serial console", judge, points, facts=(Fact("console", name),)
    )
