"""Ask a running QEMU by its machine protocol (QEMU manual, QMP Reference), and read what it answers."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kvmbench.model import Drive, Nic
from kvmbench.observe.cmdline import disk_interface, fields, nic_model

Answers = Mapping[str, Any]
"""command → what it returned; a command that was refused is missing"""

DEADLINE_S = 1.0
_QUESTIONS: tuple[tuple[str, dict[str, object] | None], ...] = (
    ("query-status", None),
    ("query-kvm", None),
    ("query-cpus-fast", None),
    ("query-memory-size-summary", None),
    ("query-block", None),
    ("query-vnc", None),
    ("qom-get", {"path": "/machine", "property": "type"}),
    # No QMP command lists the NICs of every model with what they are plugged into.
    ("human-monitor-command", {"command-line": "info network"}),
)
_NETWORK_LINE = re.compile(r"^( \\ )?(?:hub(\d+)port(\d+): )?[^:]*: index=\d+,type=(\w+),?(.*)$")


def ask(socket_path: str, *, timeout_s: float = DEADLINE_S) -> Answers | None:
    """Connect, ask, disconnect; None when no QEMU answers there in time."""
    return _told(_talk(socket_path, _QUESTIONS, timeout_s))


def ask_connected(line: socket.socket, *, timeout_s: float = DEADLINE_S) -> Answers | None:
    """As `ask`, over a connection that is there already."""
    return _told(_talk_on(line, _QUESTIONS, timeout_s))


def _told(replies: list[dict[str, Any]] | None) -> Answers | None:
    if replies is None:
        return None
    # Another QEMU may not know one of the commands.
    told = zip(_QUESTIONS, replies, strict=True)
    return {command: reply["return"] for (command, _), reply in told if "return" in reply}


def monitor(socket_path: str, line: str, *, timeout_s: float) -> str | None:
    """What the human monitor answers to a line (QMP, human-monitor-command); None when nobody does."""
    replies = _talk(socket_path, [("human-monitor-command", {"command-line": line})], timeout_s)
    return str(replies[0]["return"]) if replies and "return" in replies[0] else None


def command(
    socket_path: str, name: str, arguments: dict[str, object] | None, *, timeout_s: float
) -> dict[str, Any] | None:
    """QEMU's whole reply to one command, with `return` or `error` in it; None when nobody answers."""
    replies = _talk(socket_path, [(name, arguments)], timeout_s)
    return replies[0] if replies else None


def _talk(
    socket_path: str, commands: Sequence[tuple[str, dict[str, object] | None]], timeout_s: float
) -> list[dict[str, Any]] | None:
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(timeout_s)
            line.connect(socket_path)
            return _talk_on(line, commands, timeout_s)
    except OSError:  # nobody there
        return None


def _talk_on(
    line: socket.socket, commands: Sequence[tuple[str, dict[str, object] | None]], timeout_s: float
) -> list[dict[str, Any]] | None:
    """The reply to each command. All are sent at once, and QEMU answers in order.

    A client library that awaits each answer takes five times as long, and 0.09 s to import.
    """
    wanted: list[tuple[str, dict[str, object] | None]] = [("qmp_capabilities", None), *commands]
    orders = [
        {"execute": command, "id": number} | ({"arguments": arguments} if arguments else {})
        for number, (command, arguments) in enumerate(wanted)
    ]
    replies: list[dict[str, Any]] = []
    try:
        messages = _messages(line, time.monotonic() + timeout_s)
        if "QMP" not in next(messages):
            return None
        line.sendall(b"".join(json.dumps(order).encode() + b"\n" for order in orders))
        for message in messages:
            if message.get("id") == len(replies):  # events come in between, and have none
                replies.append(message)
            if len(replies) == len(orders):
                return replies[1:]
    except (OSError, ValueError, TypeError, AttributeError):  # gone, too late, or no QEMU
        pass
    return None


def _messages(line: socket.socket, until: float) -> Iterator[dict[str, Any]]:
    """What comes before that time, each on a line of its own; an empty one at the end of it all."""
    received = b""
    while (left := until - time.monotonic()) > 0:
        line.settimeout(left)
        piece = line.recv(1 << 16)
        if not piece:
            break
        *whole, received = (received + piece).split(b"\n")
        yield from (json.loads(each) for each in whole if each.strip())
    yield {}


def status(answers: Answers) -> str:
    return str(answers.get("query-status", {}).get("status", "unknown"))


def engine(answers: Answers) -> str | None:
    """kvm or tcg; None when QEMU did not say."""
    said = answers.get("query-kvm")
    return ("kvm" if said["enabled"] else "tcg") if said else None


def memory_mib(answers: Answers) -> int | None:
    said = answers.get("query-memory-size-summary")
    return (said["base-memory"] + said.get("plugged-memory", 0)) >> 20 if said else None


def vcpus(answers: Answers) -> int | None:
    return len(answers.get("query-cpus-fast", ())) or None


def machine(answers: Answers) -> str:
    """The machine type, as -machine would name it: pc-i440fx-7.2."""
    return str(answers.get("qom-get", "")).removesuffix("-machine")


def vnc(answers: Answers) -> str | None:
    """Where the screen is served: "host:port", a socket's path, or None."""
    said = answers.get("query-vnc", {})
    if not said.get("enabled") or "service" not in said:
        return None
    return str(said["service"]) if said.get("family") == "unix" else f"{said['host']}:{said['service']}"


def drives(answers: Answers, typed: tuple[Drive, ...]) -> tuple[Drive, ...]:
    """What is inserted now. A drive of the command line keeps what was typed about it; others came later."""
    by_file = {drive.file: drive for drive in typed}
    inserted = [
        entry
        for entry in answers["query-block"]
        if "inserted" in entry and not entry["device"].startswith("pflash")  # that is firmware
    ]
    return tuple(by_file.get(_file(entry["inserted"])) or _drive(entry) for entry in inserted)


def _file(inserted: Mapping[str, Any]) -> str:
    """With snapshot=on QEMU writes into a temporary file, and the image is what lies behind it."""
    file = str(inserted["file"])
    if not file.startswith("json:"):
        return file
    if "backing_file" in inserted:
        return str(inserted["backing_file"])
    described = json.loads(file.removeprefix("json:"))
    return str(described.get("filename", described.get("file", {}).get("filename", file)))


def _drive(entry: Mapping[str, Any]) -> Drive:
    device, inserted = entry["device"], entry["inserted"]
    cache = inserted.get("cache", {})
    modes = {(True, False): "writeback", (True, True): "none", (False, True): "directsync"}
    virtio = entry.get("qdev", "").endswith("/virtio-backend")
    return Drive(
        file=_file(inserted),
        format=inserted.get("drv", ""),
        interface="virtio" if virtio else disk_interface(re.sub(r"\d.*", "", device) + "-"),
        media="cdrom" if re.search(r"-cd\d+$", device) else "disk",
        cache=modes.get((cache.get("writeback", True), cache.get("direct", False)), "writethrough"),
    )


def nics(answers: Answers) -> tuple[Nic, ...]:
    """Read `info network`: a NIC, and below it or on the same hub what it is plugged into.

    On a hub all hear each other; the first card is told with the first tap there, the second with the second.
    """
    pairs: list[tuple[str, str | None]] = []
    hubs: dict[str, list[tuple[int, str, str]]] = {}
    hub = ""
    for line in str(answers["human-monitor-command"]).splitlines():
        found = _NETWORK_LINE.match(line)
        if line.startswith("hub "):
            hub = line.removeprefix("hub ").strip()
        elif found and found[3]:
            hubs.setdefault(hub, []).append((int(found[3]), found[4], found[5]))
        elif found and found[4] == "nic":
            pairs.append((found[5], None))
        elif found and found[1] and pairs:
            pairs[-1] = (pairs[-1][0], found[5] if found[4] == "tap" else None)
    for ports in hubs.values():
        cards = [rest for _, kind, rest in sorted(ports) if kind == "nic"]
        behind = [rest if kind == "tap" else None for _, kind, rest in sorted(ports) if kind != "nic"]
        pairs += zip(cards, [*behind, *[None] * len(cards)], strict=False)
    return tuple(_nic(card, tap) for card, tap in pairs)


def _nic(card: str, tap: str | None) -> Nic:
    said, plugged = fields(card), fields(tap or "")
    return Nic(nic_model(said.get("model", "")), said.get("macaddr", "").lower(), plugged.get("ifname"))
