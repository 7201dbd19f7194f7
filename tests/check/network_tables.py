"""Links, addresses, namespaces, routes, settings and bridges, from all sides."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from kvmbench.check import (
    bridge_exists,
    bridge_up,
    fdb_knows,
    has_address,
    link_exists,
    link_up,
    neighbour_known,
    netns_exists,
    port_of,
    route_to,
    stp_state,
    sysctl_is,
    veth_pair,
)
from kvmbench.model import BridgePort, BridgeState, FdbEntry, Link, Neighbour, Netns, Route, Snapshot
from kvmbench.mutate.changes import (
    change_link,
    change_netns,
    down,
    sysctl,
    with_link,
    without_link,
    without_netns,
    without_routes,
)
from tests.check.benches import C1_MAC, bridge, solved, tap, untouched
from tests.check.tables import Mistake, Table

SOLVED = solved()
UNSEEN = without_netns(SOLVED, "")
"""the bench's own namespace was not looked at"""
NO_ROUTER = without_netns(SOLVED, "router1")
TROUBLED = replace(NO_ROUTER, troubles=("namespace router1: Permission denied",))


def moved_back() -> Snapshot:
    """vethm.2 was never moved: both ends are on the bench."""
    here = Link(
        "vethm.2", 9, "veth", "52:54:00:bb:00:09", up=True, carrier=True, peer="vethm.1", peer_netns=""
    )
    seen = change_link(without_link(SOLVED, "vethm.2", "router1"), "vethm.1", peer_netns="")
    return with_link(seen, here)


def port_state(state: str) -> Snapshot:
    return change_link(SOLVED, "tap01", port=BridgePort(state))


def routed(*routes: Route) -> Snapshot:
    """Other routes in router1."""
    return change_netns(SOLVED, "router1", routes=routes)


INSIDE = IPv4Network("10.1.1.0/24")
BACK = Route(INSIDE, IPv4Address("10.2.2.1"), "vethm.2")
ELSEWHERE = Route(INSIDE, IPv4Address("10.2.2.9"), "vethm.2")
WIDER = Route(IPv4Network("10.0.0.0/8"), IPv4Address("10.2.2.1"), "vethm.2")

LINKS = (
    Table(
        link_exists("vethm.1"),
        (
            Mistake("no such interface", without_link(SOLVED, "vethm.1"), "Create vethm.1 first"),
            Mistake(
                "it was moved into a namespace",
                with_link(without_link(SOLVED, "vethm.1"), tap("vethm.1", 7), "router1"),
                "in one namespace at a time",
                saw="one is in namespace router1",
            ),
        ),
        blocked={"the bench was not looked at": UNSEEN},
    ),
    Table(
        link_exists("vethm.2", "router1"),
        (
            Mistake("the namespace is missing", NO_ROUTER, "The namespace comes first"),
            Mistake(
                "it was not moved", moved_back(), "in one namespace at a time", saw="in the bench itself"
            ),
            Mistake("it was deleted", without_link(SOLVED, "vethm.2", "router1"), "Create vethm.2 first"),
        ),
        blocked={"the namespace could not be entered": TROUBLED},
    ),
    Table(
        link_up("vethm.1"),
        (
            Mistake("not made", without_link(SOLVED, "vethm.1"), "Create vethm.1 first"),
            Mistake("down", down(SOLVED, "vethm.1"), "starts down"),
            Mistake(
                "its other end is down", down(SOLVED, "vethm.2", "router1"), "both ends have to be set up"
            ),
            Mistake(
                "a tap that nobody holds",
                change_link(SOLVED, "vethm.1", kind="tun", carrier=False),
                "lives by the QEMU that holds it",
            ),
            Mistake(
                "a device without a cable",
                change_link(SOLVED, "vethm.1", kind="", carrier=False),
                "at its other end",
            ),
        ),
        blocked={"the bench was not looked at": UNSEEN},
    ),
    Table(
        link_up("br-int"),
        (Mistake("down", down(SOLVED, "br-int"), "starts down"),),
        good={"a bridge without ports is up without a carrier": change_link(SOLVED, "br-int", carrier=False)},
    ),
    Table(
        netns_exists("router1"),
        (Mistake("not made", NO_ROUTER, "The namespace comes first"),),
        blocked={"it could not be entered": TROUBLED},
    ),
    Table(
        veth_pair("vethm.1", "vethm.2", netns_b="router1"),
        (
            Mistake("not made", without_link(SOLVED, "vethm.1"), "Create vethm.1 first"),
            Mistake("the namespace is missing", NO_ROUTER, "The namespace comes first"),
            Mistake("the second end was not moved", moved_back(), "in one namespace at a time"),
            Mistake(
                "a tap instead",
                change_link(SOLVED, "vethm.1", kind="tun", peer=None),
                "made together as type veth",
            ),
            Mistake(
                "ends of two different pairs",
                change_link(SOLVED, "vethm.1", peer="vethx.2", peer_netns=""),
                "two different cables",
            ),
            Mistake(
                "the other end went into a nameless namespace",
                change_link(SOLVED, "vethm.1", peer=None, peer_netns=None),
                "out of reach",
            ),
        ),
        blocked={"the bench was not looked at": UNSEEN, "router1 could not be entered": TROUBLED},
    ),
    Table(
        veth_pair("vethm.1", "vethm.2"),
        (Mistake("moved too early", SOLVED, "in one namespace at a time"),),
        roads=(moved_back(),),
    ),
)

ADDRESSES = (
    Table(
        has_address("br-int", "10.1.1.254/24"),
        (
            Mistake("no bridge", without_link(SOLVED, "br-int"), "Create br-int first"),
            Mistake("no address", change_link(SOLVED, "br-int", inet=()), "takes ADDRESS/LENGTH"),
            Mistake(
                "a wrong length",
                change_link(SOLVED, "br-int", inet=(IPv4Interface("10.1.1.254/8"),)),
                "prefix length is not: /24",
                saw="10.1.1.254/8",
            ),
            Mistake(
                "another address",
                change_link(SOLVED, "br-int", inet=(IPv4Interface("10.1.1.245/24"),)),
                "compare it number by number",
            ),
            Mistake(
                "on the tap instead of the bridge",
                change_link(
                    change_link(SOLVED, "br-int", inet=()), "tap01", inet=(IPv4Interface("10.1.1.254/24"),)
                ),
                "sits on the wrong interface",
            ),
            Mistake(
                "on both",
                change_link(SOLVED, "tap01", inet=(IPv4Interface("10.1.1.254/24"),)),
                "One address on two interfaces",
            ),
        ),
        good={
            "a second address does no harm": change_link(
                SOLVED, "br-int", inet=(IPv4Interface("192.0.2.1/24"), IPv4Interface("10.1.1.254/24"))
            )
        },
        blocked={"the bench was not looked at": UNSEEN},
    ),
    Table(
        has_address("vethm.2", "10.2.2.2/24", netns="router1"),
        (
            Mistake("the namespace is missing", NO_ROUTER, "The namespace comes first"),
            Mistake("not moved", moved_back(), "in one namespace at a time"),
            Mistake("no address", change_link(SOLVED, "vethm.2", "router1", inet=()), "takes ADDRESS/LENGTH"),
        ),
        blocked={"it could not be entered": TROUBLED},
    ),
    Table(
        sysctl_is("net.ipv4.ip_forward", 1),
        (Mistake("off", sysctl(SOLVED, "net.ipv4.ip_forward", "0"), "changes it at once"),),
        good={"with blanks as /proc has them": sysctl(SOLVED, "net.ipv4.ip_forward", "1\n")},
        blocked={
            "the bench was not looked at": UNSEEN,
            "nobody read that key": change_netns(SOLVED, "", sysctls={}),
        },
    ),
    Table(
        sysctl_is("net.ipv4.ip_forward", 1, netns="router1"),
        (
            Mistake(
                "set on the bench only", SOLVED, "Each namespace has its own setting", saw="on the bench"
            ),
            Mistake("off everywhere", sysctl(SOLVED, "net.ipv4.ip_forward", "0"), "changes it at once"),
            Mistake("the namespace is missing", NO_ROUTER, "The namespace comes first"),
        ),
        roads=(sysctl(SOLVED, "net.ipv4.ip_forward", "1", "router1"),),
    ),
    Table(
        route_to("10.1.1.0/24", "10.2.2.1", netns="router1"),
        (
            Mistake("the namespace is missing", NO_ROUTER, "The namespace comes first"),
            Mistake("no route", SOLVED, "and how to go there"),
            Mistake("a wider one only", routed(WIDER), "the longest prefix wins"),
            Mistake("another gateway", routed(ELSEWHERE), "`ip route replace`", saw="via 10.2.2.9"),
            Mistake(
                "straight out",
                routed(Route(INSIDE, None, "vethm.2")),
                "`ip route replace`",
                saw="straight out",
            ),
            Mistake(
                "out of a link that is down",
                change_link(routed(BACK), "vethm.2", "router1", up=False),
                "set vethm.2 up",
            ),
        ),
        roads=(routed(BACK), routed(WIDER, replace(ELSEWHERE, metric=100), BACK)),
        blocked={"it could not be entered": TROUBLED},
    ),
    Table(
        route_to("10.1.1.0/24", None),
        (Mistake("the bridge has no address", without_routes(SOLVED, "br-int"), "the longest prefix wins"),),
    ),
    Table(
        route_to("default", "172.16.0.1"),
        (Mistake("deleted", without_routes(SOLVED, "ens33"), "ip route add"),),
        untouched="passed",
    ),
    Table(
        neighbour_known("10.1.1.1"),
        (
            Mistake("never spoke", change_netns(SOLVED, "", neighbours=()), "Who never spoke"),
            Mistake(
                "asked in vain",
                change_netns(SOLVED, "", neighbours=(Neighbour("10.1.1.1", "br-int", None, "FAILED"),)),
                "Nobody on that wire",
            ),
        ),
        blocked={"the bench was not looked at": UNSEEN},
    ),
)


def small(*taps: str) -> Snapshot:
    """Some ports of br-int take small packets only, and so the bridge does."""
    seen = change_link(SOLVED, "br-int", mtu=1000)
    for name in taps:
        seen = change_link(seen, name, mtu=1000)
    return seen


BRIDGES = (
    Table(
        bridge_exists("br-int"),
        (
            Mistake("not made", without_link(SOLVED, "br-int"), "A bridge is a link of type bridge"),
            Mistake(
                "under another name",
                with_link(without_link(SOLVED, "br-int"), bridge("brint", 9)),
                "A bridge is a link of type bridge",
                saw="bridges: brint",
            ),
            Mistake("not a bridge", change_link(SOLVED, "br-int", kind="dummy"), "taken by something else"),
            Mistake(
                "made in the namespace",
                with_link(without_link(SOLVED, "br-int"), bridge("br-int", 9), "router1"),
                "in one namespace at a time",
            ),
        ),
        good={"down, for that is another question": down(SOLVED, "br-int")},
        blocked={"the bench was not looked at": UNSEEN},
    ),
    Table(
        bridge_up("br-int"),
        (
            Mistake("not made", without_link(SOLVED, "br-int"), "A bridge is a link of type bridge"),
            Mistake("not a bridge", change_link(SOLVED, "br-int", kind="veth"), "taken by something else"),
            Mistake("down", down(SOLVED, "br-int"), "passes nothing on"),
        ),
        good={"no port, no carrier, and up": change_link(SOLVED, "br-int", carrier=False)},
        blocked={"the bench was not looked at": UNSEEN},
    ),
    Table(
        port_of("br-int", "tap01"),
        (
            Mistake("no bridge", without_link(SOLVED, "br-int"), "A bridge is a link of type bridge"),
            Mistake("the bridge is down", down(SOLVED, "br-int"), "passes nothing on"),
            Mistake("no tap", without_link(SOLVED, "tap01"), "Create tap01 first"),
            Mistake("no master", change_link(SOLVED, "tap01", master=None, port=None), "by getting a master"),
            Mistake("another bridge", change_link(SOLVED, "tap01", master="docker0"), "one master at a time"),
            Mistake("down", down(SOLVED, "tap01"), "Joining does not bring it up"),
            Mistake("no guest behind it", change_link(SOLVED, "tap01", carrier=False), "while its QEMU runs"),
            Mistake(
                "the far end is down",
                change_link(SOLVED, "tap01", kind="veth", peer="far", peer_netns="", carrier=False),
                "The other end of the cable is down: set far up too",
            ),
            Mistake(
                "the far end was put into a namespace, and is down there",
                change_link(SOLVED, "tap01", kind="veth", peer="far", peer_netns="router1", carrier=False),
                "set far, which is in namespace router1, up too",
            ),
            Mistake(
                "nobody knows where the far end is",
                change_link(SOLVED, "tap01", kind="veth", peer=None, carrier=False),
                "which is in a namespace that has no name",
            ),
            Mistake("smaller packets than the others", small("tap01"), "the same MTU"),
            Mistake("listening", port_state("listening"), "twice the forward delay"),
            Mistake("blocking", port_state("blocking"), "found a loop"),
            Mistake("disabled", port_state("disabled"), "`bridge link` shows its state"),
        ),
        good={
            "nobody read the port's state": change_link(SOLVED, "tap01", port=None),
            "all ports are small": change_link(small("tap01"), "tap02", mtu=1000),
            "another one is small": small("tap02"),
        },
        blocked={"the bench was not looked at": UNSEEN},
    ),
    Table(
        fdb_knows("br-int", C1_MAC.upper(), "tap01"),
        (
            Mistake("no bridge", without_link(SOLVED, "br-int"), "A bridge is a link of type bridge"),
            Mistake("it kept silent", change_netns(SOLVED, "", fdb=()), "learns from what it hears"),
            Mistake(
                "behind another port",
                change_netns(SOLVED, "", fdb=(FdbEntry("br-int", "tap02", C1_MAC, own=False),)),
                "last heard on another port",
            ),
            Mistake(
                "the port's own address",
                change_netns(SOLVED, "", fdb=(FdbEntry("br-int", "tap01", C1_MAC, own=True),)),
                "the port's own address",
            ),
        ),
        blocked={"the bench was not looked at": UNSEEN},
    ),
    Table(
        stp_state("br-int", on=False),
        (
            Mistake("no bridge", without_link(SOLVED, "br-int"), "A bridge is a link of type bridge"),
            Mistake("on", change_link(SOLVED, "br-int", bridge=BridgeState(True, 300, 15)), "switch it off"),
            Mistake("it says nothing", change_link(SOLVED, "br-int", bridge=None), "shows stp_state"),
        ),
        blocked={"the bench was not looked at": UNSEEN},
    ),
)

TABLES = (*LINKS, *ADDRESSES, *BRIDGES)
EMPTY = replace(untouched(), namespaces=(Netns(""),), images=(), files=(), host=None)
