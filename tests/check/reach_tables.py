"""Pings and connections, from all sides."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from kvmbench.check import (
    must_not_reach,
    pings,
    tcp_answers,
)
from kvmbench.model import Link, Probe, Route, Snapshot
from kvmbench.mutate.changes import (
    addressed,
    answer,
    booting,
    change_guest,
    change_link,
    change_netns,
    change_nic,
    down,
    rules,
    sysctl,
    unanswered,
    unasked,
    with_link,
    without_link,
    without_routes,
)
from tests.check.benches import (
    DNAT,
    FORWARD_DROP,
    INTRUDER,
    PING_BENCH,
    PING_EACH_OTHER,
    PING_FROM_ROUTER,
    PING_OUTSIDE,
    PING_ROUTER,
    SNAT,
    SSHD,
    bridge,
    near,
)
from tests.check.tables import Mistake, Table
from tests.check.wire import (
    FINISHED,
    INPUT_DROP,
    NO_C1,
    NO_C2,
    NO_FORWARDING,
    NO_ROUTER,
    OUTPUT_DROP,
    SOLVED,
    STARTED,
    UNPLUGGED,
)


def other_cable() -> Snapshot:
    """router1 has the address on the end of another cable, whose near end has none."""
    far = Link(
        "vethx.2", 9, "veth", "52:54:00:bb:00:19", up=True, carrier=True, peer="vethx.1", peer_netns=""
    )
    near_end = Link(
        "vethx.1", 8, "veth", "52:54:00:bb:00:18", up=True, carrier=True, peer="vethx.2", peer_netns="router1"
    )
    seen = with_link(
        with_link(SOLVED, near_end), replace(far, inet=(IPv4Interface("10.2.2.2/24"),)), "router1"
    )
    return change_link(seen, "vethm.2", "router1", inet=())


def circle() -> Snapshot:
    """The bench and router1 each take the other one for the way to 10.9.0.0/24."""
    network, both = IPv4Network("10.9.0.0/24"), sysctl(SOLVED, "net.ipv4.ip_forward", "1", "router1")
    there = Route(network, IPv4Address("10.2.2.2"), "vethm.1")
    back = Route(network, IPv4Address("10.2.2.1"), "vethm.2")
    for name, route in (("", there), ("router1", back)):
        room = both.netns(name)
        both = change_netns(both, name, routes=(*(room.routes if room else ()), route))
    return unanswered(both, Probe.ping("bench", "10.9.0.1"))


def on_a_port() -> Snapshot:
    """The bench's address is on tap02 instead of the bridge."""
    seen = change_link(without_routes(SOLVED, "br-int"), "br-int", inet=())
    seen = change_link(seen, "tap02", inet=(IPv4Interface("10.1.1.254/24"),))
    room = seen.netns("")
    return change_netns(seen, "", routes=(*(room.routes if room else ()), near("10.1.1.254/24", "tap02")))


KNOCK = Probe.tcp("guest:c1", "guest:c2", 22)


def ping_fails(seen: Snapshot, probe: Probe = PING_EACH_OTHER) -> Snapshot:
    return unanswered(seen, probe)


def snat(**changes: object) -> Snapshot:
    return rules(SOLVED, DNAT, replace(SNAT, **changes))  # type: ignore[arg-type]


TABLES = (
    Table(
        pings("guest:c1", "guest:c2"),
        (
            Mistake("no sender", NO_C1, STARTED),
            Mistake("no receiver", NO_C2, FINISHED),
            Mistake("no receiver, though it was asked", ping_fails(NO_C2), FINISHED),
            Mistake("the sender has no address", ping_fails(addressed(SOLVED, "c1")), "Who has no address"),
            Mistake(
                "the receiver has none", ping_fails(addressed(SOLVED, "c2")), "A packet needs an address"
            ),
            Mistake("the sender's tap", ping_fails(UNPLUGGED), "tap01 needs a master"),
            Mistake("the receiver's tap", ping_fails(down(SOLVED, "tap02")), "Joining does not bring it up"),
            Mistake(
                "on two bridges",
                ping_fails(with_link(change_link(SOLVED, "tap02", master="br-ext"), bridge("br-ext", 9))),
                "not joined",
            ),
            Mistake(
                "another network",
                ping_fails(addressed(SOLVED, "c2", "10.1.2.11/24")),
                "the default route takes it",
            ),
            Mistake(
                "the bridge filters",
                ping_fails(rules(SOLVED, FORWARD_DROP)),
                "Bridged packets go through iptables",
            ),
            Mistake(
                "an empty chain of no known hook",
                ping_fails(change_netns(SOLVED, "", rules=(), policies={"bridge f x": "drop"})),
                "shows which one that is",
                saw="bridge f x",
            ),
            Mistake("all seems right", ping_fails(SOLVED), "tcpdump -ni any host 10.1.1.11"),
        ),
        blocked={
            "the sender is booting": booting(SOLVED, "c1"),
            "the receiver is booting": booting(SOLVED, "c2"),
            "nobody asked": unasked(SOLVED, PING_EACH_OTHER),
        },
    ),
    Table(
        pings("bench", "10.2.2.2"),
        (
            Mistake("vethm.1 is down", ping_fails(down(SOLVED, "vethm.1"), PING_ROUTER), "Set vethm.1 up"),
            Mistake(
                "vethm.2 is down",
                ping_fails(down(SOLVED, "vethm.2", "router1"), PING_ROUTER),
                "its other end, vethm.2",
            ),
            Mistake(
                "nobody has it",
                ping_fails(change_link(SOLVED, "vethm.2", "router1", inet=()), PING_ROUTER),
                "Give 10.2.2.2 to the interface",
            ),
            Mistake("no namespace", ping_fails(NO_ROUTER, PING_ROUTER), "Give 10.2.2.2 to the interface"),
            Mistake(
                "no address on this side",
                ping_fails(
                    change_netns(
                        change_link(SOLVED, "vethm.1", inet=()), "", routes=(near("172.16.0.67/16", "ens33"),)
                    ),
                    PING_ROUTER,
                ),
                "lists the known networks",
            ),
            Mistake(
                "another cable",
                ping_fails(other_cable(), PING_ROUTER),
                "not joined",
                saw="vethx.1 and vethx.2",
            ),
            Mistake(
                "filtered on the way out",
                ping_fails(rules(SOLVED, OUTPUT_DROP), PING_ROUTER),
                "The chain OUTPUT",
            ),
            Mistake(
                "filtered at the door",
                ping_fails(change_netns(SOLVED, "router1", rules=(INPUT_DROP,)), PING_ROUTER),
                "The chain INPUT",
            ),
            Mistake(
                "told to ignore echoes",
                ping_fails(sysctl(SOLVED, "net.ipv4.icmp_echo_ignore_all", "1", "router1"), PING_ROUTER),
                "told to ignore echoes",
            ),
            Mistake(
                "no way back",
                ping_fails(change_netns(SOLVED, "router1", routes=()), PING_ROUTER),
                "An answer needs a route too",
            ),
        ),
        blocked={"nobody asked": unasked(SOLVED, PING_ROUTER)},
    ),
    Table(
        pings("bench", "10.9.0.1"),
        (Mistake("two routers send it to each other", circle(), "read both routing tables"),),
        roads=(answer(SOLVED, Probe.ping("bench", "10.9.0.1"), True),),
    ),
    Table(
        pings("guest:c1", "10.1.1.254"),
        (
            Mistake(
                "no bridge",
                ping_fails(without_link(SOLVED, "br-int"), PING_BENCH),
                "A bridge is a link of type",
            ),
            Mistake(
                "no address",
                ping_fails(change_link(SOLVED, "br-int", inet=()), PING_BENCH),
                "Give 10.1.1.254 to",
            ),
            Mistake(
                "the address is on a port", ping_fails(on_a_port(), PING_BENCH), "belongs on br-int itself"
            ),
            Mistake(
                "its tap is gone",
                ping_fails(change_nic(SOLVED, "c1", tap="tap09"), PING_BENCH),
                "without a cable",
            ),
            Mistake(
                "the guest says nothing of itself",
                ping_fails(change_guest(SOLVED, "c1", inside=None), PING_BENCH),
                "tcpdump -ni any host 10.1.1.254",
            ),
        ),
    ),
    Table(
        pings("netns:router1", "10.2.2.1"),
        (
            Mistake("no namespace", answer(NO_ROUTER, PING_FROM_ROUTER, None), "The namespace comes first"),
            Mistake(
                "no route",
                ping_fails(change_netns(SOLVED, "router1", routes=()), PING_FROM_ROUTER),
                "lists the known networks",
            ),
            Mistake(
                "no address",
                ping_fails(change_link(SOLVED, "vethm.2", "router1", inet=()), PING_FROM_ROUTER),
                "Who has no address",
            ),
        ),
        blocked={"it could not be asked": answer(SOLVED, PING_FROM_ROUTER, None, why="setns: no")},
    ),
    Table(
        pings("guest:c1", "172.16.0.1"),
        (
            Mistake("forwarding is off", ping_fails(NO_FORWARDING, PING_OUTSIDE), "switch forwarding on"),
            Mistake(
                "no source NAT", ping_fails(rules(SOLVED), PING_OUTSIDE), "POSTROUTING chain can change it"
            ),
            Mistake("for tcp only", ping_fails(snat(protocol="tcp"), PING_OUTSIDE), "-p narrows"),
        ),
    ),
    Table(
        pings("guest:c1", "10.2.2.2"),
        (
            Mistake(
                "router1 has no way back",
                ping_fails(SOLVED, Probe.ping("guest:c1", "10.2.2.2")),
                "An answer needs a route too: on namespace router1",
            ),
        ),
        roads=(answer(SOLVED, Probe.ping("guest:c1", "10.2.2.2"), True),),
    ),
    Table(
        tcp_answers("bench", "10.1.1.1", 22),
        (
            Mistake("nobody listens", unanswered(SOLVED, SSHD, "Connection refused"), "nobody listens"),
            Mistake("unplugged", unanswered(UNPLUGGED, SSHD, "timed out"), "tap01 needs a master"),
            Mistake(
                "nobody has it", unanswered(addressed(SOLVED, "c1", "10.1.1.9/24"), SSHD), "Give 10.1.1.1 to"
            ),
        ),
        blocked={"nobody asked": unasked(SOLVED, SSHD)},
    ),
    Table(
        must_not_reach("outside", "10.1.1.1"),
        (Mistake("it does", answer(SOLVED, INTRUDER, True), "There is a way through"),),
        blocked={
            "nobody asked": unasked(SOLVED, INTRUDER),
            "the outside is gone": answer(SOLVED, INTRUDER, None, why="no socket"),
            "there is nobody to reach": addressed(SOLVED, "c1", "10.1.1.9/24"),
        },
        untouched="blocked",
    ),
    Table(
        must_not_reach("guest:c1", "guest:c2", port=22),
        (
            Mistake(
                "it does",
                answer(SOLVED, KNOCK, True),
                "There is a way through",
            ),
        ),
        blocked={
            "a guest that is not there proves nothing": NO_C1,
            "it is still booting": booting(SOLVED, "c1"),
            "the sender has no address": unanswered(addressed(SOLVED, "c1"), KNOCK),
            "the receiver has none": unanswered(addressed(SOLVED, "c2"), KNOCK),
        },
        untouched="blocked",
        roads=(unanswered(SOLVED, KNOCK),),
    ),
)
