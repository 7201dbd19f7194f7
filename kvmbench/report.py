"""What the command line prints: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kvmbench.errors import BadInput

if TYPE_CHECKING:
    from typer.exceptions import TyperException

    from kvmbench.course import Result, Step
    from kvmbench.course.progress import Progress
    from kvmbench.model import DhcpServer, Guest, Image, Lease, Link, Netns, Route, Rule, Snapshot
    from kvmbench.system.doctor import Finding

MARKS = {"passed": "✓", "failed": "✗", "blocked": "…"}
_STYLES = {"passed": "green", "failed": "bold red", "blocked": "yellow"}


def _printed(*things: Table | str | Text) -> str:
    """As the terminal would show it: in colour there, in plain text in a pipe."""
    # In a notebook rich would show the text by itself, and a kernel's environment asks for colour.
    terminal = Console(force_jupyter=False)
    if not (terminal.is_terminal and sys.stdout.isatty()):
        terminal = Console(force_jupyter=False, width=120, color_system=None)
    with terminal.capture() as captured:
        for thing in things:
            terminal.print(thing)
    return captured.get().rstrip("\n")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def verdict_mark(verdict: str) -> Text:
    return Text(f"{MARKS[verdict]} {verdict}", style=_STYLES[verdict])


def told_once(results: Iterable[Result]) -> Iterator[tuple[Result, str]]:
    """Each result with the hint to show below it: none where it passed, and none that stands above already.

    A guest that is not running fails all its checks with the same words; five times they only hide the rest.
    """
    told: set[tuple[str, str]] = set()
    for result in results:
        words = (result.saw, result.hint)
        yield result, "" if result.verdict == "passed" or words in told else result.hint
        told.add(words)


def results_table(results: Sequence[Result]) -> str:
    """Each check with its verdict, what was seen, and the hint; the points below."""
    table = _table("step", "check", "verdict", "what was seen")
    for result, hint in told_once(results):
        seen = Text(result.saw)
        if hint:
            seen.append(f"\n→ {hint}", style="italic")
        table.add_row(result.step, result.check, verdict_mark(result.verdict), seen)
    earned, points = sum(r.earned for r in results), sum(r.points for r in results)
    blocked = sum(r.verdict == "blocked" for r in results)
    summary = f"{earned} of {points} points" + (f", {blocked} blocked" if blocked else "")
    return _printed(table, Text(summary, style="bold"))


def mistyped(error: TyperException) -> BadInput:
    """Typer's four lines and more about a command line that cannot be meant, in two."""
    said = " ".join(error.format_message().replace("Value error, ", "").split())
    context = getattr(error, "ctx", None)
    return BadInput(said, f"See how it is typed: {context.command_path if context else 'kvmbench'} --help")


def results_json(results: Sequence[Result]) -> str:
    return json.dumps([asdict(result) for result in results], indent=2, ensure_ascii=False)


def progress_table(rows: Sequence[Progress]) -> str:
    """Each step: points, whether it passed, who did it, how many hints were taken."""
    table = _table("step", "points", "", "by", "hints")
    for row in rows:
        mark = Text("· not checked") if row.state == "not checked" else verdict_mark(row.state)
        points = f"{row.earned} of {row.points}"
        table.add_row(Text(row.step), points, mark, row.how, str(row.hints or ""))
    return _printed(table, Text(progress_summary(rows), style="bold"))


def progress_summary(rows: Sequence[Progress]) -> str:
    passed = sum(row.state == "passed" for row in rows)
    earned, points = sum(row.earned for row in rows), sum(row.points for row in rows)
    return f"{passed} of {len(rows)} steps passed, {earned} of {points} points"


def steps_table(steps: Sequence[Step]) -> str:
    table = _table("step", "points", "goal", "checks")
    for step in steps:
        table.add_row(
            Text(step.slug), str(step.points), Text(step.goal), Text(", ".join(c.name for c in step.checks))
        )
    return _printed(table)


def steps_json(steps: Sequence[Step]) -> str:
    return json.dumps(
        [
            {
                "slug": step.slug,
                "title": step.title,
                "goal": step.goal,
                "points": step.points,
                "checks": [{"name": c.name, "says": c.says, "points": c.points} for c in step.checks],
            }
            for step in steps
        ],
        indent=2,
        ensure_ascii=False,
    )


def findings_table(findings: Sequence[Finding]) -> str:
    """What was found, and below it each gap with the line that mends it, whole, to be copied."""
    table = _table("", "what", "seen")
    for finding in findings:
        mark = "✓" if finding.ok else "–" if finding.severity == "optional" else "✗"
        table.add_row(mark, Text(finding.name), Text(finding.saw))
    mends = [
        f"\n{finding.name} ({finding.severity}):\n    {finding.mend}"
        for finding in findings
        if not finding.ok
    ]
    return _printed(table) + "".join(f"\n{mend}" for mend in mends)


def findings_json(findings: Sequence[Finding]) -> str:
    return json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False)


def benches_table(benches: Mapping[str, str]) -> str:
    if not benches:
        return "no bench yet; `kvmbench bench create` makes one"
    table = _table("bench", "state")
    for name, state in benches.items():
        table.add_row(Text(name), Text(state))
    return _printed(table)


def link_text(link: Link) -> str:
    """Its state, its addresses, and where it belongs, on a line."""
    addresses = " ".join(map(str, link.inet)) or "no address"
    state = ("up" if link.up else "down") + ("" if link.carrier or not link.up else ", no carrier")
    port = f", port of {link.master}" if link.master else ""
    peer = f", peer {link.peer}" + (f" in {link.peer_netns}" if link.peer_netns else "") if link.peer else ""
    kind = f" ({link.kind})" if link.kind else ""
    return f"{link.name}{kind}: {state}, {addresses}, {link.mac}{port}{peer}"


def route_text(route: Route) -> str:
    return f"route {route.destination} {f'via {route.gateway} ' if route.gateway else ''}dev {route.link}"


def rule_text(rule: Rule) -> str:
    count = "" if rule.packets is None else f" [{rule.packets} packets]"
    return f"rule {rule.table} {rule.chain}: {rule.text}{count}"


def netns_text(netns: Netns) -> str:
    """A network namespace: its links, routes, rules and settings, a line each."""
    lines = (
        *map(link_text, netns.links),
        *map(route_text, netns.routes),
        *map(rule_text, netns.rules),
        *(f"{name} = {value}" for name, value in sorted(netns.sysctls.items())),
    )
    title = f"network namespace {netns.name}" if netns.name else "the bench's network"
    return "\n  ".join((title, *lines))


def guest_text(guest: Guest) -> str:
    inside = guest.inside
    addresses = " ".join(str(a) for each in inside.addresses.values() for a in each) if inside else "silent"
    nics = ", ".join(f"{nic.model} {nic.mac} on {nic.tap}" for nic in guest.nics)
    size = f"{guest.memory_mib} MiB, {guest.vcpus} vCPUs"
    state = f"{guest.status} ({guest.engine}), {size}, {nics or 'no NIC'}, {addresses or 'no address'}"
    return f"guest {guest.name}: {state}"


def dhcp_text(server: DhcpServer) -> str:
    ranges = ", ".join(f"{first} to {last}" for first, last in server.ranges)
    router = f", router {server.options[3]}" if 3 in server.options else ""
    return f"dnsmasq on {', '.join(server.interfaces) or 'every interface'}: {ranges or 'no range'}{router}"


def lease_text(lease: Lease) -> str:
    return f"lease {lease.address} for {lease.mac} ({lease.hostname or 'no name'})"


def image_text(image: Image) -> str:
    gib = image.virtual_size_bytes / 2**30
    wide = f"{gib:.3g} GiB" if gib >= 1 else f"{gib * 1024:.3g} MiB"
    backing = f", backed by {image.backing}" if image.backing else ""
    taken = f"{image.actual_size_bytes / 2**20:.1f} MiB on disk"
    return f"image {image.path}: {image.format}, {wide} wide, {taken}{backing}"


def snapshot_text(seen: Snapshot) -> str:
    """One look, room by room, for a terminal."""
    lines = (
        f"bench {seen.bench}",
        *map(netns_text, seen.namespaces),
        *map(guest_text, seen.guests),
        *map(dhcp_text, seen.dhcp_servers),
        *map(lease_text, seen.leases),
        *map(image_text, seen.images),
        *(f"could not look: {trouble}" for trouble in seen.troubles),
    )
    return "\n".join(lines)
