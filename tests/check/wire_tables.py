"""What is proved by packets: pings, source NAT, port forwarding, DHCP; from all sides."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

from kvmbench.check import (
    dhcp_serves,
    dnat_ssh,
    leased_by,
    must_not_reach,
    pings,
    source_nat,
    tcp_answers,
)
from kvmbench.model import Lease, Probe, Rule, Snapshot
from tests.check.benches import (
    C2_MAC,
    DNAT,
    FORWARD_DROP,
    INTRUDER,
    MASQUERADE,
    NFT_DNAT,
    NOW,
    OFFER,
    PAGE,
    PING_EACH_OTHER,
    PING_FROM_ROUTER,
    PING_OUTSIDE,
    PING_ROUTER,
    SHELL,
    SNAT,
    SSHD,
    bridge,
    near,
    server,
    solved,
)
from tests.check.changes import (
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
    sysctl,
    unanswered,
    unasked,
    with_link,
    without_guest,
    without_link,
    without_netns,
)
from tests.check.tables import Mistake, Table

SOLVED = solved()
NO_C1, NO_C2 = without_guest(SOLVED, "c1"), without_guest(SOLVED, "c2")
NO_FORWARDING = sysctl(SOLVED, "net.ipv4.ip_forward", "0")
NO_GATEWAY = change_inside(SOLVED, "c1", gateway=None)
WRONG_GATEWAY = change_inside(SOLVED, "c1", gateway=IPv4Address("10.1.1.253"))
NO_ROUTER = without_netns(SOLVED, "router1")
PAUSED = change_guest(booting(SOLVED, "c1"), "c1", status="paused")
UNPLUGGED = change_link(SOLVED, "tap01", master=None, port=None)
FORWARDED = Rule(
    "ip", "filter", "FORWARD", "forward", "accept", "-A FORWARD -i br-int -j ACCEPT", in_link="br-int"
)
ESTABLISHED = Rule(
    *("ip", "filter", "FORWARD", "forward", "accept"),
    text="-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
)
INPUT_DROP = Rule("ip", "filter", "INPUT", "input", "drop", "-A INPUT -p icmp -j DROP", protocol="icmp")
OUTPUT_DROP = Rule("inet", "own", "out", "output", "reject", "icmp type echo-request reject", protocol="icmp")
UNREAD = replace(rules(SOLVED), troubles=("packet filter rules: nft failed (1): Operation not permitted",))
STARTED, FINISHED = "Start c1 with qemu-kvm", "Start c2 with qemu-kvm"


def no_page(seen: Snapshot) -> Snapshot:
    return unanswered(seen, PAGE, "timed out")


def no_shell(seen: Snapshot, why: str = "Connection timed out") -> Snapshot:
    return unanswered(seen, SHELL, why)


def ping_fails(seen: Snapshot, probe: Probe = PING_EACH_OTHER) -> Snapshot:
    return unanswered(seen, probe)


def mistake(says: str, seen: Snapshot, hint: str, saw: str = "") -> Mistake:
    return Mistake(says, seen, hint, saw)


def snat(**changes: object) -> Snapshot:
    return rules(SOLVED, DNAT, replace(SNAT, **changes))  # type: ignore[arg-type]


def dnat(**changes: object) -> Snapshot:
    return rules(SOLVED, replace(DNAT, **changes), SNAT)  # type: ignore[arg-type]


SOURCE_NAT = Table(
    source_nat("c1"),
    (
        mistake("not started", NO_C1, STARTED),
        mistake("paused", PAUSED, "`cont` lets them run"),
        mistake("no address", no_page(addressed(SOLVED, "c1")), "Who has no address"),
        mistake("no gateway", no_page(NO_GATEWAY), "a default route has to name"),
        mistake("a gateway that nobody is", no_page(WRONG_GATEWAY), "A gateway is somebody"),
        mistake("the tap is on no bridge", no_page(UNPLUGGED), "tap01 needs a master"),
        mistake("the bridge is down", no_page(down(SOLVED, "br-int")), "passes nothing on"),
        mistake("forwarding is off", no_page(NO_FORWARDING), "switch forwarding on"),
        mistake("the uplink is down", no_page(down(SOLVED, "ens33")), "Set ens33 up"),
        mistake(
            "forwarding is filtered",
            no_page(rules(SOLVED, FORWARD_DROP, SNAT)),
            "let this through, both ways",
        ),
        mistake(
            "the policy is drop", no_page(rules(SOLVED, SNAT, FORWARD="drop")), "let this through, both ways"
        ),
        mistake(
            "answers are filtered",
            no_page(rules(SOLVED, FORWARDED, SNAT, FORWARD="drop")),
            "accept answers as well",
        ),
        mistake("no rule", no_page(rules(SOLVED, DNAT)), "POSTROUTING chain can change it"),
        mistake("in another chain", no_page(snat(chain="INPUT", hook="input")), "changed last of all"),
        mistake(
            "in a chain that nobody jumps to", no_page(snat(chain="MINE", hook="")), "changed last of all"
        ),
        mistake("for another interface", no_page(snat(out_link="br-int")), "-o is the interface"),
        mistake("for another source", no_page(snat(source="10.2.2.0/24")), "-s is the address before"),
        mistake("for everybody else", no_page(snat(source="!10.1.1.0/24")), "-s is the address before"),
        mistake("for another receiver", no_page(snat(destination="172.16.0.2")), "-d narrows"),
        mistake("for pings only", no_page(snat(protocol="icmp")), "-p narrows"),
        mistake("into a wrong address", no_page(snat(to="172.16.0.99")), "the address that you put in"),
        mistake("a rule above it decides", no_page(snat(packets=0)), "Nothing gets as far"),
        mistake("all seems right", no_page(SOLVED), "tcpdump -ni any host 172.16.0.1"),
        mistake("seen as another", answer(SOLVED, PAGE, True, "172.16.0.99"), "MASQUERADE takes"),
        mistake("seen as the guest", answer(SOLVED, PAGE, True, "10.1.1.1"), "The packet got out as it was"),
        mistake("another server answers", answer(SOLVED, PAGE, True, "<h1>It works</h1>"), "Another server"),
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
        mistake("not started", NO_C1, STARTED),
        mistake("paused", PAUSED, "`cont` lets them run"),
        mistake("no rule", no_shell(rules(SOLVED, SNAT)), "PREROUTING chain can lead it on"),
        mistake("in another chain", no_shell(dnat(chain="OUTPUT", hook="output")), "changed first of all"),
        mistake("redirected", no_shell(dnat(action="redirect", to=":22")), "REDIRECT stays"),
        mistake("wrong protocol", no_shell(dnat(protocol="udp")), "-p names the protocol"),
        mistake("wrong port", no_shell(dnat(port=2292)), "--dport is the port", saw="for port 2292"),
        mistake("wrong address called", no_shell(dnat(destination="172.16.0.76")), "-d is the address"),
        mistake("wrong interface", no_shell(dnat(in_link="br-int")), "-i is the interface"),
        mistake("for other senders", no_shell(dnat(source="10.0.0.0/8")), "-s narrows the rule"),
        mistake("to another address", no_shell(dnat(to="10.1.1.3:22")), "not this guest's", saw="10.1.1.3"),
        mistake("to another port", no_shell(dnat(to="10.1.1.1:2222")), "where does an sshd listen"),
        mistake("to the same port", no_shell(dnat(to="10.1.1.1")), "where does an sshd listen", saw="22922"),
        mistake("forwarding is off", no_shell(NO_FORWARDING), "switch forwarding on"),
        mistake("no way back", no_shell(NO_GATEWAY), "An answer needs a route too"),
        mistake("a way back to nobody", no_shell(WRONG_GATEWAY), "A gateway is somebody"),
        mistake("the tap is on no bridge", no_shell(UNPLUGGED), "tap01 needs a master"),
        mistake("the guest has no address", no_shell(addressed(SOLVED, "c1")), "There is nowhere to lead it"),
        mistake(
            "forwarding is filtered",
            no_shell(rules(SOLVED, DNAT, FORWARDED, ESTABLISHED, FORWARD_DROP)),
            "both ways",
        ),
        mistake("another rule decides", no_shell(dnat(packets=0)), "never gets to this rule"),
        mistake("no sshd", no_shell(SOLVED, "Connection refused"), "has no sshd listening"),
        mistake(
            "a stranger's key",
            no_shell(SOLVED, "Permission denied (publickey)."),
            "does not take the bench's key",
        ),
        mistake("all seems right", no_shell(SOLVED), "tcpdump -ni any host 172.16.0.67"),
        mistake("the other guest", answer(SOLVED, SHELL, True, "c2"), "led to the wrong guest"),
        mistake("the bench itself", answer(SOLVED, SHELL, True, "bench"), "does the bench itself listen"),
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

PINGS = (
    Table(
        pings("guest:c1", "guest:c2"),
        (
            mistake("no sender", NO_C1, STARTED),
            mistake("no receiver", NO_C2, FINISHED),
            mistake("no receiver, though it was asked", ping_fails(NO_C2), FINISHED),
            mistake("the sender has no address", ping_fails(addressed(SOLVED, "c1")), "Who has no address"),
            mistake(
                "the receiver has none", ping_fails(addressed(SOLVED, "c2")), "A packet needs an address"
            ),
            mistake("the sender's tap", ping_fails(UNPLUGGED), "tap01 needs a master"),
            mistake("the receiver's tap", ping_fails(down(SOLVED, "tap02")), "Joining does not bring it up"),
            mistake(
                "on two bridges",
                ping_fails(with_link(change_link(SOLVED, "tap02", master="br-ext"), bridge("br-ext", 9))),
                "not joined",
            ),
            mistake(
                "another network",
                ping_fails(addressed(SOLVED, "c2", "10.1.2.11/24")),
                "the default route takes it",
            ),
            mistake(
                "the bridge filters",
                ping_fails(rules(SOLVED, FORWARD_DROP)),
                "Bridged packets go through iptables",
            ),
            mistake("all seems right", ping_fails(SOLVED), "tcpdump -ni any host 10.1.1.11"),
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
            mistake("vethm.1 is down", ping_fails(down(SOLVED, "vethm.1"), PING_ROUTER), "Set vethm.1 up"),
            mistake(
                "vethm.2 is down",
                ping_fails(down(SOLVED, "vethm.2", "router1"), PING_ROUTER),
                "its other end, vethm.2",
            ),
            mistake(
                "nobody has it",
                ping_fails(change_link(SOLVED, "vethm.2", "router1", inet=()), PING_ROUTER),
                "Give 10.2.2.2 to the interface",
            ),
            mistake("no namespace", ping_fails(NO_ROUTER, PING_ROUTER), "Give 10.2.2.2 to the interface"),
            mistake(
                "no address on this side",
                ping_fails(
                    change_netns(
                        change_link(SOLVED, "vethm.1", inet=()), "", routes=(near("172.16.0.67/16", "ens33"),)
                    ),
                    PING_ROUTER,
                ),
                "lists the known networks",
            ),
            mistake(
                "filtered on the way out",
                ping_fails(rules(SOLVED, OUTPUT_DROP), PING_ROUTER),
                "The chain OUTPUT",
            ),
            mistake(
                "filtered at the door",
                ping_fails(change_netns(SOLVED, "router1", rules=(INPUT_DROP,)), PING_ROUTER),
                "The chain INPUT",
            ),
            mistake(
                "told to ignore echoes",
                ping_fails(sysctl(SOLVED, "net.ipv4.icmp_echo_ignore_all", "1", "router1"), PING_ROUTER),
                "told to ignore echoes",
            ),
            mistake(
                "no way back",
                ping_fails(change_netns(SOLVED, "router1", routes=()), PING_ROUTER),
                "An answer needs a route too",
            ),
        ),
        blocked={"nobody asked": unasked(SOLVED, PING_ROUTER)},
    ),
    Table(
        pings("netns:router1", "10.2.2.1"),
        (
            mistake("no namespace", answer(NO_ROUTER, PING_FROM_ROUTER, None), "The namespace comes first"),
            mistake(
                "no route",
                ping_fails(change_netns(SOLVED, "router1", routes=()), PING_FROM_ROUTER),
                "lists the known networks",
            ),
            mistake(
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
            mistake("forwarding is off", ping_fails(NO_FORWARDING, PING_OUTSIDE), "switch forwarding on"),
            mistake(
                "no source NAT", ping_fails(rules(SOLVED), PING_OUTSIDE), "POSTROUTING chain can change it"
            ),
            mistake("for tcp only", ping_fails(snat(protocol="tcp"), PING_OUTSIDE), "-p narrows"),
        ),
    ),
    Table(
        pings("guest:c1", "10.2.2.2"),
        (
            mistake(
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
            mistake("nobody listens", unanswered(SOLVED, SSHD, "Connection refused"), "nobody listens"),
            mistake("unplugged", unanswered(UNPLUGGED, SSHD, "timed out"), "tap01 needs a master"),
            mistake(
                "nobody has it", unanswered(addressed(SOLVED, "c1", "10.1.1.9/24"), SSHD), "Give 10.1.1.1 to"
            ),
        ),
        blocked={"nobody asked": unasked(SOLVED, SSHD)},
    ),
    Table(
        must_not_reach("outside", "10.1.1.1"),
        (mistake("it does", answer(SOLVED, INTRUDER, True), "There is a way through"),),
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
            mistake(
                "it does",
                answer(SOLVED, Probe.tcp("guest:c1", "guest:c2", 22), True),
                "There is a way through",
            ),
        ),
        blocked={
            "a guest that is not there proves nothing": NO_C1,
            "it is still booting": booting(SOLVED, "c1"),
        },
        untouched="blocked",
        roads=(unanswered(SOLVED, Probe.tcp("guest:c1", "guest:c2", 22)),),
    ),
)


def offered(said: str) -> Snapshot:
    return answer(SOLVED, OFFER, True, said)


def no_offer(seen: Snapshot) -> Snapshot:
    return unanswered(seen, OFFER)


UDP_DROP = Rule(
    "ip", "filter", "INPUT", "input", "drop", "-p udp --dport 67 -j DROP", protocol="udp", port=67
)

DHCP = Table(
    dhcp_serves("br-int", first="10.1.1.11", last="10.1.1.100", router="10.1.1.254", probe_guest="c2"),
    (
        mistake("no bridge", without_link(SOLVED, "br-int"), "A bridge is a link of type bridge"),
        mistake("the bridge is down", down(SOLVED, "br-int"), "passes nothing on"),
        mistake("not started", serving(SOLVED), "started with -d"),
        mistake("in a namespace", serving(SOLVED, server(netns="router1")), "hears its own namespace only"),
        mistake("elsewhere", serving(SOLVED, server(interfaces=("vethm.1",))), "-i names the interface"),
        mistake("twice", serving(SOLVED, server(), server()), "answer in turns"),
        mistake(
            "another range", serving(SOLVED, server(ranges=(("10.1.1.1", "10.1.1.10"),))), "compare both ends"
        ),
        mistake(
            "backwards",
            serving(SOLVED, server(ranges=(("10.1.1.100", "10.1.1.11"),))),
            "lowest address first",
        ),
        mistake("another router", serving(SOLVED, server(router="10.1.1.1")), "Option 3 is the gateway"),
        mistake("nobody to ask", NO_C2, FINISHED),
        mistake(
            "the guest is unplugged",
            no_offer(change_link(SOLVED, "tap02", master=None, port=None)),
            "gives the tap its master",
        ),
        mistake("the guest has no tap", no_offer(change_nic(SOLVED, "c2", tap=None)), "without a cable"),
        mistake(
            "the bridge has no address", no_offer(change_link(SOLVED, "br-int", inet=())), "an address in it"
        ),
        mistake(
            "two networks",
            no_offer(change_link(SOLVED, "br-int", inet=(IPv4Interface("10.9.9.254/24"),))),
            "have to be in one network",
        ),
        mistake("no range", no_offer(serving(SOLVED, server(ranges=()))), "Without -F"),
        mistake("filtered", no_offer(rules(SOLVED, UDP_DROP)), "DHCP asks at UDP port 67"),
        mistake("all seems right", no_offer(SOLVED), "port 67 or port 68"),
        mistake("an empty offer", offered("server=10.1.1.254"), "read what it logs"),
        mistake("from outside the range", offered("address=10.1.1.200 router=10.1.1.254"), "a second server"),
        mistake(
            "with another router",
            offered("address=10.1.1.12 router=10.1.1.1"),
            "names another gateway, or none",
        ),
        mistake(
            "with no router", offered("address=10.1.1.12"), "names another gateway, or none", saw="(none)"
        ),
        mistake(
            "with another mask",
            offered("address=10.1.1.12 router=10.1.1.254 mask=255.0.0.0"),
            "how wide their network",
        ),
    ),
    good={
        "its range stands in a file": serving(SOLVED, server(interfaces=(), ranges=(), router=None)),
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
        mistake("not started", NO_C2, FINISHED),
        mistake("paused", change_guest(SOLVED, "c2", status="paused"), "`cont` lets them run"),
        mistake("no server", replace(serving(SOLVED), leases=()), "Somebody has to hand addresses out"),
        mistake("did not ask", leased(mac="52:54:00:00:00:09"), "A guest has to ask"),
        mistake("run out", leased(expires=NOW - 1), "was not renewed"),
        mistake("another range", leased("10.1.1.200"), "from another range"),
        mistake("not used", addressed(SOLVED, "c2", "10.1.1.2/24"), "A lease is a promise"),
        mistake("no gateway", change_inside(SOLVED, "c2", gateway=None), "The offer brings a gateway along"),
        mistake(
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

TABLES = (SOURCE_NAT, DNAT_SSH, *PINGS, DHCP, LEASED)
