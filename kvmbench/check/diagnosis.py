"""Why a place gets no answer from another one: the way there, the filters on it, and the way back."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from kvmbench.check.filters import IPV4_FAMILIES, Packet, dropped_by, strange_policies
from kvmbench.check.seeing import OUTSIDE_PLACE, Stuck, guest_named, place_says, unread_rules, within
from kvmbench.check.stacks import OUTSIDE, Stack, stack
from kvmbench.check.translation import source_trouble
from kvmbench.check.way import Reach, no_card, target_address, walk
from kvmbench.model import Snapshot

RP_FILTER = "net.ipv4.conf.{}.rp_filter"
"""ip-sysctl (Documentation/networking); all, or a link's name"""


def stuck_at(seen: Snapshot, source: str, target: str, *, protocol: str = "icmp", port: int = 0) -> Stuck:
    """The first obstacle on the way there and back, or the advice to watch the packets when none is seen."""
    sender, address = stack(seen, source), target_address(seen, target)
    says = f"{place_says(source)} gets no answer from {place_says(target)}"
    name = guest_named(target)
    called = seen.guest(name) if name else None
    bare = no_card(called) if called and address is None else None
    if bare is not None:
        return Stuck(f"{says}: {bare.saw}", bare.hint)
    if address is None:
        return Stuck(
            f"{says}, which has no address",
            f"A packet needs an address to go to: give {place_says(target)} one.",
        )
    if sender is None:
        return watch(seen, says, address)
    trouble = conversation(seen, sender, address, protocol=protocol, port=port)
    return Stuck(f"{says}: {trouble.saw}", trouble.hint) if trouble else watch(seen, says, address)


def watch(seen: Snapshot, says: str, address: IPv4Address) -> Stuck:
    """What to say when nothing wrong is seen on the way."""
    for room in seen.namespaces:
        for chain in strange_policies(room):
            return Stuck(
                f"{says}; the chain {chain}{within(room.name)} has the policy drop and no rule",
                "Such a chain stops whatever comes to its hook: `nft list ruleset` shows which one that is.",
            )
    return Stuck(
        says, f"Watch how far the packets get: `tcpdump -ni any host {address}` on the bench (tcpdump(8))."
    )


def conversation(
    seen: Snapshot, sender: Stack, address: IPv4Address, *, protocol: str = "icmp", port: int = 0
) -> Stuck | None:
    """What stops a packet or its answer; None when nothing is seen that does."""
    there = walk(seen, sender, address)
    if isinstance(there, Stuck):
        return there
    mine = sender.speaks_as(address)
    if mine is None:
        return None
    packet = Packet(mine, address, protocol=protocol, port=port)
    return _filtered(seen, sender, there, packet) or _answered(seen, sender, there, packet)


def _filtered(seen: Snapshot, sender: Stack, there: Reach, packet: Packet) -> Stuck | None:
    """A filter rule that drops the packet on its way there."""
    route = sender.towards(packet.destination)
    rule = sender.netns and dropped_by(
        sender.netns, "output", replace(packet, out_link=route.link if route else None)
    )
    if rule:
        return Stuck(
            f"{sender.says} drops it on its way out: {rule}",
            "The chain OUTPUT is for what a host itself sends: let this through.",
        )
    return (
        _strict(there, packet)
        or forward_drop(there, packet)
        or _bridged_drop(seen, sender, there, packet)
        or _input_drop(there.owner, replace(packet, in_link=there.owner.owns(packet.destination)))
        or _ignores_echo(there.owner, packet)
    )


def _strict(there: Reach, packet: Packet) -> Stuck | None:
    """A host on the way that takes a sender for forged, as it would answer it by another interface."""
    for host, came_in, _ in (*there.routers, (there.owner, there.came_in, "")):
        back, switch = host.towards(packet.source), _strict_by(host, came_in)
        if came_in and switch and back is not None and back.link not in (None, came_in):
            return Stuck(
                f"packets from {packet.source} come in by {came_in} on {host.says}, and its way back to them "
                f"is by {back.link}",
                f"Strict reverse-path filtering drops such packets ({switch} = 1): set it to 0 or 2, or "
                f"mend the route for {back.destination} (ip-route(8), sysctl(8)).",
            )
    return None


def _strict_by(host: Stack, link: str) -> str:
    """The switch by which a host filters strictly; the larger of the two counts, and 2 is loose."""
    held = host.netns.sysctls if host.netns else {}
    told = {held.get(key, "0").strip(): key for key in (RP_FILTER.format("all"), RP_FILTER.format(link))}
    return told["1"] if max(told) == "1" else ""


def forward_drop(there: Reach, packet: Packet) -> Stuck | None:
    """A rule of a host on the way that drops what it should pass on."""
    for router, came_in, out in there.routers:
        rule = router.netns and dropped_by(
            router.netns, "forward", replace(packet, in_link=came_in, out_link=out)
        )
        if rule and packet.answer:
            return Stuck(
                f"{router.says} drops the answer instead of passing it on: {rule}",
                "Packets are let through one way only: the chain FORWARD has to accept answers as well.",
            )
        if rule:
            return Stuck(
                f"{router.says} drops it instead of passing it on: {rule}",
                "The chain FORWARD decides over what passes through a host: let this through, both ways.",
            )
    return None


def _bridged_drop(seen: Snapshot, sender: Stack, there: Reach, packet: Packet) -> Stuck | None:
    """A drop between two guests on one bridge, whose packets may go through iptables too (br_netfilter)."""
    room = seen.netns("")
    if room is None or sender.guest is None or there.owner.guest is None or there.routers:
        return None
    called = room.sysctls.get("net.bridge.bridge-nf-call-iptables", "1").strip() != "0"
    rule = dropped_by(room, "forward", packet, ("bridge", *(IPV4_FAMILIES if called else ())))
    if not rule:
        return None
    return Stuck(
        f"the bridge drops it between its ports: {rule}",
        "Bridged packets go through iptables too: look at net.bridge.bridge-nf-call-iptables, "
        "or at that rule.",
    )


def _input_drop(owner: Stack, packet: Packet) -> Stuck | None:
    rule = owner.netns and dropped_by(owner.netns, "input", packet)
    if not rule:
        return None
    return Stuck(
        f"{owner.says} gets it and drops it: {rule}",
        "The chain INPUT is for what a host itself receives: let this in.",
    )


def _ignores_echo(owner: Stack, packet: Packet) -> Stuck | None:
    if packet.protocol != "icmp" or owner.netns is None:
        return None
    if owner.netns.sysctls.get("net.ipv4.icmp_echo_ignore_all", "0").strip() in ("0", ""):
        return None
    return Stuck(
        f"{owner.says} answers no ping at all (icmp_echo_ignore_all)",
        "Its kernel was told to ignore echoes: icmp(7) names the sysctl.",
    )


def _answered(seen: Snapshot, sender: Stack, there: Reach, packet: Packet) -> Stuck | None:
    """What stops the answer."""
    if there.owner.place == OUTSIDE_PLACE:
        return _untranslated(seen, there, packet)
    back = walk(seen, there.owner, packet.source)
    if isinstance(back, Reach):
        return _strict(back, _turned(packet)) or forward_drop(back, _turned(packet))
    if there.owner.towards(packet.source) is None:
        return Stuck(
            f"{there.owner.says} gets it and knows no way back to {packet.source}",
            f"An answer needs a route too: on {there.owner.says}, where do packets for {packet.source} go?",
        )
    return Stuck(f"on the way back, {back.saw}", back.hint)


def _turned(packet: Packet) -> Packet:
    return replace(packet, source=packet.destination, destination=packet.source, port=0, answer=True)


def _untranslated(seen: Snapshot, there: Reach, packet: Packet) -> Stuck | None:
    """The outside host knows its own network only, so others need source NAT."""
    room = seen.netns("")
    if room is None or packet.source in OUTSIDE.network:
        return None
    out = there.routers[-1][2] if there.routers else None
    back = Reach(there.owner, tuple((router, left, came) for router, came, left in reversed(there.routers)))
    trouble = unread_rules(seen) or source_trouble(room, replace(packet, out_link=out))
    return trouble or forward_drop(back, _turned(packet)) or _not_handed_back(seen, there, packet)


def _not_handed_back(seen: Snapshot, there: Reach, packet: Packet) -> Stuck | None:
    """The answer came back to the host that had translated, and does not get from there to the sender."""
    if not there.routers:
        return None
    back = walk(seen, there.routers[0][0], packet.source)
    return Stuck(f"on the way back, {back.saw}", back.hint) if isinstance(back, Stuck) else None
