"""dnsmasq and leases, from all sides."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

from kvmbench.check import (
    dhcp_serves,
    leased_by,
)
from kvmbench.model import Flow, Lease, Rule, Snapshot
from kvmbench.mutate.changes import (
    addressed,
    answer,
    booting,
    change_guest,
    change_inside,
    change_link,
    change_netns,
    change_nic,
    down,
    rules,
    serving,
    unanswered,
    unasked,
    without_link,
)
from tests.check.benches import (
    C2_MAC,
    NOW,
    OFFER,
    server,
)
from tests.check.tables import Mistake, Table
from tests.check.wire import FINISHED, NO_C2, SOLVED


def offered(said: str) -> Snapshot:
    return answer(SOLVED, OFFER, True, said)


def no_offer(seen: Snapshot) -> Snapshot:
    return unanswered(seen, OFFER)


UDP_DROP = Rule(
    "ip", "filter", "INPUT", "input", "drop", "-p udp --dport 67 -j DROP", protocol="udp", port=67
)

LED_AWAY = Rule(
    *("ip", "nat", "PREROUTING", "prerouting", "dnat", "-p udp --dport 67 -j DNAT --to-destination :6767"),
    protocol="udp",
    port=67,
    to=":6767",
)
STALE = Flow("udp", IPv4Address("0.0.0.0"), IPv4Address("255.255.255.255"), 67, "255.255.255.255:6767", 29)
OTHERS = replace(STALE, source=IPv4Address("10.1.1.2"), destination=IPv4Address("10.1.1.254"))
ALL_PROMISED = replace(
    SOLVED,
    leases=tuple(
        Lease(f"10.1.1.{host}", f"52:54:00:99:00:{host:02x}", None, int(NOW) + 3600)
        for host in range(11, 101)
    ),
)

DHCP = Table(
    dhcp_serves("br-int", first="10.1.1.11", last="10.1.1.100", router="10.1.1.254", probe_guest="c2"),
    (
        Mistake("no bridge", without_link(SOLVED, "br-int"), "A bridge is a link of type bridge"),
        Mistake("the bridge is down", down(SOLVED, "br-int"), "passes nothing on"),
        Mistake("not started", serving(SOLVED), "started with -d"),
        Mistake("in a namespace", serving(SOLVED, server(netns="router1")), "hears its own namespace only"),
        Mistake("elsewhere", serving(SOLVED, server(interfaces=("vethm.1",))), "-i names the interface"),
        Mistake("twice", serving(SOLVED, server(), server()), "answer in turns"),
        Mistake(
            "another range", serving(SOLVED, server(ranges=(("10.1.1.1", "10.1.1.10"),))), "compare both ends"
        ),
        Mistake(
            "backwards",
            serving(SOLVED, server(ranges=(("10.1.1.100", "10.1.1.11"),))),
            "lowest address first",
        ),
        Mistake("another router", serving(SOLVED, server(router="10.1.1.1")), "Option 3 is the gateway"),
        Mistake("nobody to ask", NO_C2, FINISHED),
        Mistake("all is promised", no_offer(ALL_PROMISED), "a lease ends by its time"),
        Mistake(
            "the guest is unplugged",
            no_offer(change_link(SOLVED, "tap02", master=None, port=None)),
            "gives the tap its master",
        ),
        Mistake("the guest has no tap", no_offer(change_nic(SOLVED, "c2", tap=None)), "without a cable"),
        Mistake(
            "the bridge has no address", no_offer(change_link(SOLVED, "br-int", inet=())), "an address in it"
        ),
        Mistake(
            "two networks",
            no_offer(change_link(SOLVED, "br-int", inet=(IPv4Interface("10.9.9.254/24"),))),
            "have to be in one network",
        ),
        Mistake("no range", no_offer(serving(SOLVED, server(ranges=()))), "Without -F"),
        Mistake("filtered", no_offer(rules(SOLVED, UDP_DROP)), "DHCP asks at UDP port 67"),
        Mistake("led to another port", no_offer(rules(SOLVED, LED_AWAY)), "Rules of PREROUTING come before"),
        Mistake(
            "remembered to be led there",
            no_offer(change_netns(SOLVED, "", flows=(OTHERS, STALE))),
            "Rules are asked for the first packet only",
            saw="it is led to 255.255.255.255:6767",
        ),
        Mistake(
            "somebody else's questions are",
            no_offer(change_netns(SOLVED, "", flows=(OTHERS,))),
            "port 67 or port 68",
        ),
        Mistake("all seems right", no_offer(SOLVED), "port 67 or port 68"),
        Mistake("an empty offer", offered("server=10.1.1.254"), "read what it logs"),
        Mistake("from outside the range", offered("address=10.1.1.200 router=10.1.1.254"), "a second server"),
        Mistake(
            "with another router",
            offered("address=10.1.1.12 router=10.1.1.1"),
            "names another gateway, or none",
        ),
        Mistake(
            "with no router", offered("address=10.1.1.12"), "names another gateway, or none", saw="(none)"
        ),
        Mistake(
            "with another mask",
            offered("address=10.1.1.12 router=10.1.1.254 mask=255.0.0.0"),
            "how wide their network",
        ),
    ),
    good={
        "its range stands in a file": serving(SOLVED, server(interfaces=(), ranges=(), router=None)),
        "a star for the name": serving(SOLVED, server(interfaces=("lo", "br-*"))),
        "option 3 left to dnsmasq": serving(SOLVED, server(router=None)),
    },
    blocked={
        "the guest is booting": booting(SOLVED, "c2"),
        "nobody asked": unasked(SOLVED, OFFER),
        "servers could not be listed": replace(
            SOLVED, dhcp_servers=(), troubles=("dnsmasq: /proc is hidden",)
        ),
    },
)


def leased(address: str = "10.1.1.11", mac: str = C2_MAC, expires: float = 0) -> Snapshot:
    return replace(SOLVED, leases=(Lease(address, mac, None, int(expires)),))


LEASED = Table(
    leased_by("c2", first="10.1.1.11", last="10.1.1.100"),
    (
        Mistake("not started", NO_C2, FINISHED),
        Mistake("paused", change_guest(SOLVED, "c2", status="paused"), "`cont` lets them run"),
        Mistake("no server", replace(serving(SOLVED), leases=()), "Somebody has to hand addresses out"),
        Mistake("did not ask", leased(mac="52:54:00:00:00:09"), "A guest has to ask"),
        Mistake("run out", leased(expires=NOW - 1), "was not renewed"),
        Mistake("another range", leased("10.1.1.200"), "from another range"),
        Mistake("not used", addressed(SOLVED, "c2", "10.1.1.2/24"), "A lease is a promise"),
        Mistake("no gateway", change_inside(SOLVED, "c2", gateway=None), "The offer brings a gateway along"),
        Mistake(
            "an old gateway",
            change_inside(SOLVED, "c2", gateway=IPv4Address("10.1.1.1")),
            "An old default route",
        ),
    ),
    good={"for ever": leased(), "its MAC in capitals": leased(mac=C2_MAC.upper())},
    blocked={
        "it is still booting": booting(SOLVED, "c2"),
        "leases could not be read": replace(leased(mac=""), troubles=("leases: Permission denied",)),
    },
)

TABLES = (DHCP, LEASED)
