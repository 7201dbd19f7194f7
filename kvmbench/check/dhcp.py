"""dnsmasq handing out addresses, proved by an offer and by what the guest took."""

from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import IPv4Address

from kvmbench.check.bridge import need_bridge_up
from kvmbench.check.filters import Packet, dropped_by
from kvmbench.check.guests import plug_trouble
from kvmbench.check.outcomes import failed, passed
from kvmbench.check.seeing import addresses_of, answer, ipv4, listed, need_inside, need_running, untaken
from kvmbench.check.translation import led_away
from kvmbench.check.way import no_card
from kvmbench.model import (
    Check,
    DhcpServer,
    Fact,
    Guest,
    Inside,
    Lease,
    Link,
    Outcome,
    Probe,
    ProbeResult,
    Snapshot,
)

ROUTER = 3
"""the DHCP option that names the gateway (RFC 2132, 3.5)"""


def offer(said: str) -> dict[str, str]:
    """The words of a DHCP offer.

    >>> offer("address=10.1.1.11 router=10.1.1.254 mask=255.255.255.0")["router"]
    '10.1.1.254'
    """
    return {key: value for word in said.split() for key, _, value in [word.partition("=")]}


def dhcp_serves(
    bridge: str, *, first: str, last: str, router: str, probe_guest: str, points: int = 1
) -> Check:
    """A DHCP server on a bridge offers addresses of this range and this router."""
    low, high, gateway = IPv4Address(first), IPv4Address(last), IPv4Address(router)
    probe = Probe.dhcp(f"guest:{probe_guest}")

    def judge(seen: Snapshot) -> Outcome:
        link = need_bridge_up(seen, bridge)
        if isinstance(link, Outcome):
            return link
        server = _serving(seen, bridge)
        if isinstance(server, Outcome):
            return server
        said = answer(seen, probe)
        wrong = _wrong_range(server, low, high) or _wrong_router(server, gateway)
        if wrong:
            return wrong
        if isinstance(said, Outcome):
            return said
        if not said.ok:
            return _no_offer(seen, link, server, probe_guest, said)
        return _offered(said, link, low, high, gateway)

    says = f"a DHCP server on {bridge} offers {low} to {high} and the router {gateway}"
    return Check(
        f"{bridge}-dhcp",
        says,
        judge,
        points,
        (probe,),
        facts=(Fact("dhcp", bridge, f"{low} {high} {gateway} {probe_guest}"),),
    )


def _serving(seen: Snapshot, bridge: str) -> DhcpServer | Outcome:
    """The server on a bridge."""
    if not seen.dhcp_servers:
        return untaken(seen, "dnsmasq:", "processes:") or failed(
            "no DHCP server runs on the bench",
            "dnsmasq goes to the background by itself; started with -d it stays and says what is wrong "
            "(dnsmasq(8)).",
        )
    here = [one for one in seen.dhcp_servers if not one.netns]
    if not here:
        return failed(
            f"dnsmasq runs in namespace {seen.dhcp_servers[0].netns}, where there is no {bridge}",
            "A server hears its own namespace only: stop it there, start it on the bench.",
        )
    fitting = [one for one in here if _hears(one, bridge)]
    if not fitting:
        return failed(
            f"dnsmasq serves {listed(name for one in here for name in one.interfaces)}, not {bridge}",
            "-i names the interface on which it listens: the one that the guests are on.",
        )
    if len(fitting) > 1:
        return failed(
            f"{len(fitting)} servers run on {bridge} (pids {listed(str(one.pid) for one in fitting)})",
            "Two servers on one wire answer in turns: end the old one, keep the last.",
        )
    return fitting[0]


def _hears(server: DhcpServer, bridge: str) -> bool:
    """Whether a server listens on a bridge; `*` may end a name (dnsmasq(8), --interface)."""
    return not server.interfaces or any(fnmatchcase(bridge, name) for name in server.interfaces)


def _wrong_range(server: DhcpServer, low: IPv4Address, high: IPv4Address) -> Outcome | None:
    if not server.ranges or (str(low), str(high)) in server.ranges:
        return None
    held = listed(f"{first} to {last}" for first, last in server.ranges)
    if any(first == str(high) and last == str(low) for first, last in server.ranges):
        return failed(
            f"dnsmasq hands out {held}, backwards", "-F takes the lowest address first, then the highest."
        )
    return failed(
        f"dnsmasq hands out {held}, not {low} to {high}",
        "-F FIRST,LAST is the range: compare both ends with the goal.",
    )


def _wrong_router(server: DhcpServer, gateway: IPv4Address) -> Outcome | None:
    value = server.options.get(ROUTER)
    if value is None or value.strip() == str(gateway):
        return None
    return failed(
        f"dnsmasq gives the router {value or '(none)'}, not {gateway}",
        "Option 3 is the gateway that guests will use: the bench's own address on the bridge.",
    )


def _no_offer(seen: Snapshot, bridge: Link, server: DhcpServer, name: str, said: ProbeResult) -> Outcome:
    """Why nobody offered anything to a guest."""
    says = f"{name} asked and was offered nothing"
    guest, room = seen.guest(name), seen.netns("")
    unplugged = plug_trouble(seen, guest, bridge.name) if guest else None
    if unplugged:
        return failed(f"{says}: {unplugged.saw}", unplugged.hint)
    bare = no_card(guest) if guest else None
    if bare:
        return failed(f"{says}: {bare.saw}", bare.hint)
    if not bridge.inet:
        return failed(
            f"{says}: {bridge.name} has no address",
            "dnsmasq serves a network only when the interface itself has an address in it.",
        )
    if not server.ranges:
        return failed(f"{says}: dnsmasq has no range", "Without -F it serves names and no addresses.")
    lows = [low for first, _ in server.ranges if (low := ipv4(first))]
    if not any(low in held.network for low in lows for held in bridge.inet):
        return failed(
            f"{says}: its range is in none of the networks of {bridge.name}, "
            f"{listed(str(i) for i in bridge.inet)}",
            f"Range and address have to be in one network: is the address of {bridge.name} right, "
            "with its length?",
        )
    promised, of_all = _on_loan(seen, server)
    if of_all and promised >= of_all:
        return failed(
            f"{says}: all {of_all} addresses of the range are promised",
            "Each address is on loan, and a lease ends by its time: make the range wider, or the time "
            "shorter (dnsmasq(8), --dhcp-range).",
        )
    asking = Packet(IPv4Address(0), IPv4Address("255.255.255.255"), bridge.name, None, "udp", 67)
    rule = dropped_by(room, "input", asking) if room else None
    if rule:
        return failed(
            f"{says}: the bench drops the question, by {rule}",
            "DHCP asks at UDP port 67: the chain INPUT has to let that in.",
        )
    away = led_away(room, asking) if room else None
    if away:
        return failed(f"{says}: {away.saw}", away.hint)
    return failed(
        f"{says}{': ' + said.why if said.why else ''}",
        f"Watch the question and the answer: `tcpdump -ni {bridge.name} port 67 or port 68`.",
    )


def _on_loan(seen: Snapshot, server: DhcpServer) -> tuple[int, int]:
    """How many of a server's addresses are promised, and how many it has."""
    ends = [(low, high) for first, last in server.ranges if (low := ipv4(first)) and (high := ipv4(last))]
    given = {held for lease in seen.leases if (held := ipv4(lease.address))}
    promised = sum(any(low <= held <= high for low, high in ends) for held in given)
    return promised, sum(int(high) - int(low) + 1 for low, high in ends)


def _offered(
    said: ProbeResult, bridge: Link, low: IPv4Address, high: IPv4Address, gateway: IPv4Address
) -> Outcome:
    words = offer(said.said)
    address = ipv4(words.get("address"))
    if address is None:
        return failed(
            f"an answer came without an address: {said.said[:60]!r}",
            "The server is not set up to give addresses: read what it logs.",
        )
    if not low <= address <= high:
        return failed(
            f"{address} was offered, not one of {low} to {high}",
            "The offer comes from outside the range: is a host entry or a second server at work?",
        )
    if ipv4(words.get("router")) != gateway:
        return failed(
            f"{address} was offered with the router {words.get('router') or '(none)'}, not {gateway}",
            "The offer names another gateway, or none: option 3 sets it, "
            "and left out it is the bridge's own address.",
        )
    masks = [str(held.netmask) for held in bridge.inet if address in held.network]
    if words.get("mask") and masks and words["mask"] not in masks:
        return failed(
            f"{address} was offered with the mask {words['mask']}, {bridge.name} has {masks[0]}",
            "Guests and bridge have to agree on how wide their network is.",
        )
    return passed(f"{address} was offered, with the router {gateway}")


def leased_by(guest: str, *, first: str, last: str, points: int = 1) -> Check:
    """A guest has taken an address of this range on lease, and really uses it and its gateway."""
    low, high = IPv4Address(first), IPv4Address(last)

    def judge(seen: Snapshot) -> Outcome:
        process = need_running(seen, guest)
        if isinstance(process, Outcome):
            return process
        lease = _lease_of(seen, process, low, high)
        if isinstance(lease, Outcome):
            return lease
        inside = need_inside(seen, guest)
        return inside if isinstance(inside, Outcome) else _used(seen, guest, inside, lease)

    says = f"guest {guest} has leased an address from {low} to {high}"
    return Check(f"{guest}-leased", says, judge, points, facts=(Fact("lease", guest, f"{low} {high}"),))


def _lease_of(seen: Snapshot, guest: Guest, low: IPv4Address, high: IPv4Address) -> Lease | Outcome:
    macs = {nic.mac.lower() for nic in guest.nics}
    held = [lease for lease in seen.leases if lease.mac.lower() in macs]
    if not held:
        if not seen.dhcp_servers:
            return failed(
                f"{guest.name} has no lease, and no DHCP server runs",
                "Somebody has to hand addresses out first: start dnsmasq.",
            )
        return untaken(seen, "leases:") or failed(
            f"{guest.name} ({listed(macs)}) has no lease; leases: {listed(one.mac for one in seen.leases)}",
            f"A guest has to ask: inside {guest.name}, udhcpc -i eth0 does (its MAC is what the lease is "
            "known by).",
        )
    valid = [lease for lease in held if lease.expires == 0 or lease.expires > seen.taken_at]
    if not valid:
        return failed(
            f"the lease of {guest.name} for {held[0].address} has run out",
            "It was not renewed: let the guest ask again.",
        )
    fitting = [lease for lease in valid if (address := ipv4(lease.address)) and low <= address <= high]
    if not fitting:
        return failed(
            f"{guest.name} has leased {valid[0].address}, not one of {low} to {high}",
            "The lease is from another range: put the server right, "
            "then let the guest give it back and ask again.",
        )
    return fitting[-1]


def _used(seen: Snapshot, name: str, inside: Inside, lease: Lease) -> Outcome:
    held = [str(address.ip) for _, address in addresses_of(inside)]
    if lease.address not in held:
        return failed(
            f"{name} has leased {lease.address} and uses {listed(held, none='no address')}",
            "A lease is a promise, the address has to be put on the card: "
            "let the DHCP client inside do that.",
        )
    if inside.gateway is None:
        return failed(
            f"{name} uses {lease.address} and has no gateway",
            "The offer brings a gateway along in option 3: let the guest ask again.",
        )
    routers = [one.options[ROUTER].strip() for one in seen.dhcp_servers if one.options.get(ROUTER)]
    if routers and str(inside.gateway) not in routers:
        return failed(
            f"{name} uses {lease.address}, and the gateway {inside.gateway} instead of {listed(routers)}",
            "An old default route is in the way: delete it inside the guest, then let it ask again.",
        )
    return passed(f"{name} uses {lease.address}, leased to {lease.mac}, by the gateway {inside.gateway}")
