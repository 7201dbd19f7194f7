"""Source NAT and port forwarding, from all sides."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from kvmbench.check import (
    dnat_ssh,
    source_nat,
)
from kvmbench.model import Neighbour, Route, Rule, Snapshot
from kvmbench.mutate.changes import (
    addressed,
    answer,
    booting,
    change_guest,
    change_inside,
    change_netns,
    down,
    rules,
    sysctl,
    unanswered,
    unasked,
)
from tests.check.benches import (
    DNAT,
    FORWARD_DROP,
    MASQUERADE,
    NFT_DNAT,
    PAGE,
    SHELL,
    SNAT,
)
from tests.check.tables import Mistake, Table
from tests.check.wire import (
    ESTABLISHED,
    FORWARDED,
    NO_C1,
    NO_FORWARDING,
    NO_GATEWAY,
    PAUSED,
    SOLVED,
    STARTED,
    UNPLUGGED,
    UNREAD,
    WRONG_GATEWAY,
)


def no_page(seen: Snapshot) -> Snapshot:
    return unanswered(seen, PAGE, "timed out")


def no_shell(seen: Snapshot, why: str = "Connection timed out") -> Snapshot:
    return unanswered(seen, SHELL, why)


def snat(**changes: object) -> Snapshot:
    return rules(SOLVED, DNAT, replace(SNAT, **changes))  # type: ignore[arg-type]


def dnat(**changes: object) -> Snapshot:
    return rules(SOLVED, replace(DNAT, **changes), SNAT)  # type: ignore[arg-type]


def blackhole(address: str) -> Snapshot:
    """A route of the bench that leads nowhere."""
    room = SOLVED.netns("")
    assert room is not None
    return change_netns(SOLVED, "", routes=(*room.routes, Route(IPv4Network(address), None, None)))


STRICT = "net.ipv4.conf.br-int.rp_filter"
ROUND_BY_ROUTER = change_netns(
    SOLVED,
    "",
    routes=(
        *blackhole("10.9.9.9").namespaces[0].routes,
        Route(IPv4Network("10.1.1.1/32"), IPv4Address("10.2.2.2"), "vethm.1"),
    ),
)
"""what is for c1 goes round by router1"""
FIXED_NEIGHBOUR = change_netns(
    SOLVED, "", neighbours=(Neighbour("10.1.1.1", "br-int", "52:54:00:00:00:77", "PERMANENT"),)
)
JUMP_SNAT = (
    Rule("ip", "nat", "POSTROUTING", "postrouting", "jump", "-A POSTROUTING -j MINE"),
    replace(SNAT, chain="MINE", hook=""),
)
JUMP_DROP = (
    Rule("inet", "own", "forward", "forward", "jump", "jump mine"),
    Rule("inet", "own", "mine", "", "return", "ip saddr 10.1.1.99 return", source="10.1.1.99"),
    Rule("inet", "own", "mine", "", "drop", "ip saddr 10.1.1.0/24 drop", source="10.1.1.0/24"),
)
UNKNOWN = change_guest(SOLVED, "c1", inside=None)
SOURCE_NAT = Table(
    source_nat("c1"),
    (
        Mistake("not started", NO_C1, STARTED),
        Mistake("paused", PAUSED, "`cont` lets them run"),
        Mistake("no address", no_page(addressed(SOLVED, "c1")), "Who has no address"),
        Mistake("no gateway", no_page(NO_GATEWAY), "a default route has to name"),
        Mistake("a gateway that nobody is", no_page(WRONG_GATEWAY), "A gateway is somebody"),
        Mistake("the tap is on no bridge", no_page(UNPLUGGED), "tap01 needs a master"),
        Mistake("the bridge is down", no_page(down(SOLVED, "br-int")), "passes nothing on"),
        Mistake("forwarding is off", no_page(NO_FORWARDING), "switch forwarding on"),
        Mistake("a blackhole on the way", no_page(blackhole("172.16.0.1")), "prohibit are routes too"),
        Mistake("a blackhole on the way back", no_page(blackhole("10.1.1.1")), "prohibit are routes too"),
        Mistake(
            "another way back, and a strict filter",
            no_page(sysctl(ROUND_BY_ROUTER, STRICT, "1")),
            "Strict reverse-path filtering drops such packets",
            saw="come in by br-int on the bench, and its way back to them is by vethm.1",
        ),
        Mistake(
            "the same, as all links are strict",
            no_page(sysctl(ROUND_BY_ROUTER, STRICT.replace("br-int", "all"), "1")),
            "Strict reverse-path filtering drops such packets",
            saw="come in by br-int",
        ),
        Mistake(
            "another way back, and a filter that is loose where it counts",
            no_page(sysctl(sysctl(ROUND_BY_ROUTER, STRICT.replace("br-int", "all"), "1"), STRICT, "2")),
            "switch forwarding on",
            saw="namespace router1 got it",
        ),
        Mistake("a wrong neighbour, by hand", no_page(FIXED_NEIGHBOUR), "who has that address is not asked"),
        Mistake("the uplink is down", no_page(down(SOLVED, "ens33")), "Set ens33 up"),
        Mistake(
            "forwarding is filtered",
            no_page(rules(SOLVED, FORWARD_DROP, SNAT)),
            "let this through, both ways",
        ),
        Mistake(
            "the policy is drop", no_page(rules(SOLVED, SNAT, FORWARD="drop")), "let this through, both ways"
        ),
        Mistake(
            "answers are filtered",
            no_page(rules(SOLVED, FORWARDED, SNAT, FORWARD="drop")),
            "accept answers as well",
        ),
        Mistake("no rule", no_page(rules(SOLVED, DNAT)), "POSTROUTING chain can change it"),
        Mistake("in another chain", no_page(snat(chain="INPUT", hook="input")), "changed last of all"),
        Mistake(
            "in a chain that nobody jumps to", no_page(snat(chain="MINE", hook="")), "changed last of all"
        ),
        Mistake("its rules could not be read", no_page(UNREAD), "`nft list ruleset` may tell"),
        Mistake(
            "dropped behind a jump", no_page(rules(SOLVED, *JUMP_DROP, SNAT)), "let this through, both ways"
        ),
        Mistake(
            "behind a jump, and fitting",
            no_page(rules(SOLVED, *JUMP_SNAT)),
            "tcpdump -ni any host 172.16.0.1",
        ),
        Mistake("for another interface", no_page(snat(out_link="br-int")), "-o is the interface"),
        Mistake("for another source", no_page(snat(source="10.2.2.0/24")), "-s is the address before"),
        Mistake("for everybody else", no_page(snat(source="!10.1.1.0/24")), "-s is the address before"),
        Mistake("for another receiver", no_page(snat(destination="172.16.0.2")), "-d narrows"),
        Mistake("for pings only", no_page(snat(protocol="icmp")), "-p narrows"),
        Mistake("into a wrong address", no_page(snat(to="172.16.0.99")), "the address that you put in"),
        Mistake("a rule above it decides", no_page(snat(packets=0)), "Nothing gets as far"),
        Mistake("the guest says nothing of itself", no_page(UNKNOWN), "tcpdump -ni any host 172.16.0.1"),
        Mistake("all seems right", no_page(SOLVED), "tcpdump -ni any host 172.16.0.1"),
        Mistake("seen as another", answer(SOLVED, PAGE, True, "172.16.0.99"), "MASQUERADE takes"),
        Mistake("seen as the guest", answer(SOLVED, PAGE, True, "10.1.1.1"), "The packet got out as it was"),
        Mistake("another server answers", answer(SOLVED, PAGE, True, "<h1>It works</h1>"), "Another server"),
    ),
    good={
        "filtered with care": rules(SOLVED, FORWARDED, ESTABLISHED, SNAT, FORWARD="drop"),
        "by a rule that was not read": rules(SOLVED),
        "the guest did not say its address": change_guest(SOLVED, "c1", inside=None),
    },
    blocked={
        "it is still booting": booting(SOLVED, "c1"),
        "nobody asked": unasked(SOLVED, PAGE),
        "it could not be asked": answer(SOLVED, PAGE, None, why="no wget"),
    },
)

DNAT_SSH = Table(
    dnat_ssh("c1"),
    (
        Mistake("not started", NO_C1, STARTED),
        Mistake("paused", PAUSED, "`cont` lets them run"),
        Mistake("no rule", no_shell(rules(SOLVED, SNAT)), "PREROUTING chain can lead it on"),
        Mistake("its rules could not be read", no_shell(UNREAD), "`nft list ruleset` may tell"),
        Mistake("in another chain", no_shell(dnat(chain="OUTPUT", hook="output")), "changed first of all"),
        Mistake("redirected", no_shell(dnat(action="redirect", to=":22")), "REDIRECT stays"),
        Mistake("wrong protocol", no_shell(dnat(protocol="udp")), "-p names the protocol"),
        Mistake("wrong port", no_shell(dnat(port=2292)), "--dport is the port", saw="for port 2292"),
        Mistake("wrong address called", no_shell(dnat(destination="172.16.0.76")), "-d is the address"),
        Mistake("wrong interface", no_shell(dnat(in_link="br-int")), "-i is the interface"),
        Mistake("for other senders", no_shell(dnat(source="10.0.0.0/8")), "-s narrows the rule"),
        Mistake("to another address", no_shell(dnat(to="10.1.1.3:22")), "not this guest's", saw="10.1.1.3"),
        Mistake("to another port", no_shell(dnat(to="10.1.1.1:2222")), "where does an sshd listen"),
        Mistake("to the same port", no_shell(dnat(to="10.1.1.1")), "where does an sshd listen", saw="22922"),
        Mistake("forwarding is off", no_shell(NO_FORWARDING), "switch forwarding on"),
        Mistake("no way back", no_shell(NO_GATEWAY), "An answer needs a route too"),
        Mistake("a way back to nobody", no_shell(WRONG_GATEWAY), "A gateway is somebody"),
        Mistake("the tap is on no bridge", no_shell(UNPLUGGED), "tap01 needs a master"),
        Mistake("the guest has no address", no_shell(addressed(SOLVED, "c1")), "There is nowhere to lead it"),
        Mistake(
            "forwarding is filtered",
            no_shell(rules(SOLVED, DNAT, FORWARDED, ESTABLISHED, FORWARD_DROP)),
            "both ways",
        ),
        Mistake("another rule decides", no_shell(dnat(packets=0)), "never gets to this rule"),
        Mistake("no sshd", no_shell(SOLVED, "Connection refused"), "has no sshd listening"),
        Mistake(
            "a stranger's key",
            no_shell(SOLVED, "Permission denied (publickey)."),
            "does not take the bench's key",
        ),
        Mistake("the guest says nothing of itself", no_shell(UNKNOWN), "tcpdump -ni any host 172.16.0.67"),
        Mistake("all seems right", no_shell(SOLVED), "tcpdump -ni any host 172.16.0.67"),
        Mistake("the other guest", answer(SOLVED, SHELL, True, "c2"), "led to the wrong guest"),
        Mistake("the bench itself", answer(SOLVED, SHELL, True, "bench"), "does the bench itself listen"),
    ),
    good={
        "any address": rules(SOLVED, replace(NFT_DNAT, destination=None), MASQUERADE),
        "its own host name": change_inside(answer(SOLVED, SHELL, True, "cirros\n"), "c1", hostname="cirros"),
    },
    blocked={
        "the outside is gone": answer(SOLVED, SHELL, None, why="outside.sock: connection refused"),
        "nobody asked": unasked(SOLVED, SHELL),
    },
)

TABLES = (SOURCE_NAT, DNAT_SSH)
