"""Source NAT and port forwarding, proved by what the other side saw."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from kvmbench.check.diagnosis import conversation, watch
from kvmbench.check.entry import entry_trouble, entry_uncounted
from kvmbench.check.filters import Packet
from kvmbench.check.outcomes import failed, passed
from kvmbench.check.reach import refused
from kvmbench.check.seeing import Stuck, addresses_of, answer, ipv4, need_running, unread_rules
from kvmbench.check.stacks import UPLINK, Stack, owner_of, stack
from kvmbench.check.translation import source_trouble, uncounted, wrong_source
from kvmbench.check.way import no_card
from kvmbench.model import Check, Fact, Guest, Outcome, Probe, ProbeResult, Route, Snapshot

ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")


def addresses_in(text: str) -> list[IPv4Address]:
    """Every IPv4 address in a text, in order.

    >>> addresses_in("you are 172.16.0.67, I am 172.16.0.1.")
    [IPv4Address('172.16.0.67')]
    """
    return [found for word in ADDRESS.findall(text) if (found := ipv4(word))]


def source_nat(
    guest: str, *, outside: str = "172.16.0.1", seen_as: str = "172.16.0.67", points: int = 1
) -> Check:
    """A guest's request reaches the outside host, which takes it for the bench's own."""
    probe = Probe.http(f"guest:{guest}", outside)
    server, wanted = IPv4Address(outside), IPv4Address(seen_as)

    def judge(seen: Snapshot) -> Outcome:
        said = answer(seen, probe)
        if isinstance(said, Outcome):
            return said
        process = seen.guest(guest)
        if said.ok:
            return _seen_by_server(said, process, wanted)
        return _no_page(seen, guest, server, wanted)

    says = f"the outside host sees requests of {guest} come from {wanted}"
    return Check(
        f"{guest}-source-nat",
        says,
        judge,
        points,
        (probe,),
        facts=(Fact("source-nat", guest, f"{server} {wanted}"),),
    )


def _seen_by_server(said: ProbeResult, guest: Guest | None, wanted: IPv4Address) -> Outcome:
    clients = addresses_in(said.said)
    if wanted in clients:
        return passed(f"the outside host saw the request come from {wanted}")
    if not clients:
        return failed(
            f"a page came, and names no client: {said.said.strip()[:60]!r}",
            "Another server answered: does a rule send the guest's port 80 somewhere else?",
        )
    own = [held.ip for _, held in addresses_of(guest.inside)] if guest and guest.inside else []
    if clients[0] in own:
        return failed(
            f"the outside host saw {clients[0]}, the guest's own address",
            "The packet got out as it was: nothing translated its source address.",
        )
    return failed(
        f"the outside host saw the request come from {clients[0]}, not from {wanted}",
        "It was translated into another address: MASQUERADE takes the interface's own, "
        "SNAT what --to-source says.",
    )


def _no_page(seen: Snapshot, name: str, server: IPv4Address, wanted: IPv4Address) -> Outcome:
    sender, room = stack(seen, f"guest:{name}"), seen.netns("")
    says = f"{name} gets no page from {server}"
    if sender is None or room is None:
        return failed(*watch(seen, says, server))
    trouble = conversation(seen, sender, server, protocol="tcp", port=80)
    if trouble is None:
        mine, bench = sender.speaks_as(server), stack(seen, "bench")
        route = bench.towards(server) if bench else None
        packet = Packet(mine or server, server, None, route.link if route else UPLINK, "tcp", 80)
        trouble = (
            source_trouble(room, packet) or wrong_source(room, packet, wanted) or uncounted(room, packet)
        )
    return failed(f"{says}: {trouble.saw}", trouble.hint) if trouble else failed(*watch(seen, says, server))


def dnat_ssh(guest: str, *, address: str = "172.16.0.67", port: int = 22922, points: int = 1) -> Check:
    """A connection from outside to a port of the bench ends at a guest's sshd."""
    probe = Probe.ssh("outside", address, port)
    entry = IPv4Address(address)

    def judge(seen: Snapshot) -> Outcome:
        process = need_running(seen, guest)
        if isinstance(process, Outcome):
            return process
        said = answer(seen, probe)
        if isinstance(said, Outcome):
            return said
        if said.ok:
            return _shell_of(said, process, seen)
        return no_shell(seen, process, entry, port, said)

    says = f"ssh from outside to {entry} port {port} ends in {guest}"
    return Check(
        f"{guest}-ssh-from-outside",
        says,
        judge,
        points,
        (probe,),
        facts=(Fact("dnat", guest, f"{entry}:{port}"),),
    )


def _names(guest: Guest) -> set[str]:
    return {guest.name} | ({guest.inside.hostname} if guest.inside else set())


def _shell_of(said: ProbeResult, guest: Guest, seen: Snapshot) -> Outcome:
    who = said.said.strip()
    others = {name for other in seen.guests if other.name != guest.name for name in _names(other)}
    if who in _names(guest) - others or who == guest.name:
        return passed(f"a shell opened on {who}")
    if who in others:
        return failed(
            f"a shell opened on {who}, not on {guest.name}",
            f"The connection is let in and led to the wrong guest: which address has {guest.name}?",
        )
    return failed(
        f"a shell opened on {who or 'a host without a name'}, which is not {guest.name}",
        "Something other than the guest answered: does the bench itself listen on that port?",
    )


def no_shell(seen: Snapshot, guest: Guest, entry: IPv4Address, port: int, said: ProbeResult) -> Outcome:
    says = f"no shell opens from outside at {entry} port {port}"
    room, target = seen.netns(""), stack(seen, f"guest:{guest.name}")
    outside = stack(seen, "outside")
    if room is None or target is None or outside is None:
        return failed(*watch(seen, says, entry))
    if owner_of(seen, entry) is None:
        return failed(
            f"{says}: nobody has the address {entry}",
            f"The outside calls the bench by its uplink's address: {UPLINK} has to have {entry}, and be up.",
        )
    if "permission denied" in said.why.lower():
        return failed(
            f"{says}: {said.why.strip()[:80]}",
            "An sshd answers and does not take the bench's key: whose is it?",
        )
    trouble = (
        unread_rules(seen)
        or entry_trouble(room, target, entry, port)
        or _way_in(seen, outside, target, entry)
    )
    trouble = trouble or entry_uncounted(room, entry, port)
    if trouble:
        return failed(f"{says}: {trouble[0]}", trouble[1])
    if refused(said):
        return failed(
            f"{says}: the connection is refused, by {guest.name} itself",
            f"The packets arrive, and {guest.name} has no sshd listening: look at its console.",
        )
    return failed(*watch(seen, says, entry))


def _way_in(seen: Snapshot, outside: Stack, guest: Stack, entry: IPv4Address) -> Stuck | None:
    """What stops a connection whose destination was changed: it goes to the guest, by way of the bench."""
    bare = no_card(guest.guest) if guest.guest and not guest.addresses else None
    if bare is not None:
        return bare
    if not guest.addresses:
        return Stuck(
            f"{guest.says} has no address",
            f"There is nowhere to lead it: give {guest.says} an address first.",
        )
    address = guest.addresses[0][1].ip
    led = Route(IPv4Network(address), entry, outside.addresses[0][0])
    return conversation(
        seen, replace(outside, routes=(*outside.routes, led)), address, protocol="tcp", port=22
    )
