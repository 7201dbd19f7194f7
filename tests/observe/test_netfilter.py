"""Packet filter rules, whichever tool wrote them: on recorded printouts, and on a kernel that has them."""

from __future__ import annotations

import json

import pytest

from kvmbench.model import Rule
from kvmbench.observe import iptables, nft
from kvmbench.observe.netfilter import packet_filter, sysctls
from kvmbench.system import Completed, RecordedMachine
from kvmbench.system.netlink import Dump
from tests.observe.recordings import text
from tests.observe.room import inside

LEGACY = "/proc/thread-self/net/ip_tables_names"


def recorded(name: str, files: dict[str, str] | None = None) -> RecordedMachine:
    return RecordedMachine(
        {
            "nft -j list ruleset": text(f"{name}.nft.json"),
            "nft -a list ruleset": text(f"{name}.nft.txt"),
            "iptables-save -c": text(f"{name}.save.txt"),
            "iptables-legacy-save -c": text("legacy.save.txt"),
        },
        files or {},
    )


def rule(
    place: str, hook: str, action: str, words: str, counted: tuple[int, int] | None, **more: object
) -> Rule:
    family, table, chain = place.split()
    packets, octets = counted or (None, None)
    return Rule(family, table, chain, hook, action, words, packets, octets, **more)  # type: ignore[arg-type]


SNAT = rule(
    "ip nat POSTROUTING",
    "postrouting",
    "snat",
    "-A POSTROUTING -s 10.1.1.0/24 -o ens33 -j SNAT --to-source 172.16.0.67",
    (1, 84),
    source="10.1.1.0/24",
    out_link="ens33",
    to="172.16.0.67",
)


def test_rules_of_iptables_are_told_in_its_words_with_what_nft_leaves_out() -> None:
    seen = packet_filter(recorded("iptables"))
    assert seen.troubles == ()
    assert seen.rules == (
        SNAT,
        rule(
            "ip nat POSTROUTING",
            "postrouting",
            "masquerade",
            "-A POSTROUTING -s 10.2.2.0/24 ! -d 10.2.2.0/24 -j MASQUERADE",
            (0, 0),
            source="10.2.2.0/24",
            destination="!10.2.2.0/24",
        ),
        rule(
            "ip nat PREROUTING",
            "prerouting",
            "dnat",
            "-A PREROUTING -d 172.16.0.67/32 -i ens33 -p tcp -m tcp --dport 22922 "
            "-j DNAT --to-destination 10.1.1.1:22",
            (0, 0),
            destination="172.16.0.67",
            in_link="ens33",
            protocol="tcp",
            port=22922,
            to="10.1.1.1:22",
        ),
        rule(
            "ip nat PREROUTING",
            "prerouting",
            "redirect",
            "-A PREROUTING -p tcp -m multiport --dports 80,81 -j REDIRECT --to-ports 8080",
            (0, 0),
            protocol="tcp",
            to=":8080",
        ),
        rule(
            "ip filter FORWARD",
            "forward",
            "accept",
            "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            (3, 252),
        ),
        rule("ip filter FORWARD", "forward", "jump", "-A FORWARD -j lab", (1, 84)),
        rule(
            "ip filter FORWARD",
            "forward",
            "drop",
            "-A FORWARD -d 10.1.1.9/32 -j DROP",
            (0, 0),
            destination="10.1.1.9",
        ),
        rule(
            "ip filter lab",
            "",
            "accept",
            '-A lab -s 10.1.1.0/24 -m comment --comment "from the \\"lab\\"" -j ACCEPT',
            (1, 84),
            source="10.1.1.0/24",
        ),
        rule(
            "ip filter lab",
            "",
            "reject",
            "-A lab -i ens33 -p tcp -m tcp --dport 22 -j REJECT --reject-with icmp-port-unreachable",
            (0, 0),
            in_link="ens33",
            protocol="tcp",
            port=22,
        ),
        rule("ip filter lab", "", "counter", "-A lab -o br-int", (0, 0), out_link="br-int"),
    )


def test_policies_are_those_of_chains_with_a_hook() -> None:
    assert packet_filter(recorded("iptables")).policies == {
        "ip nat POSTROUTING": "accept",
        "ip nat PREROUTING": "accept",
        "ip filter FORWARD": "drop",
    }
    assert packet_filter(recorded("nft")).policies == {
        "ip nat post": "accept",
        "ip nat pre": "accept",
        "inet lab forward": "drop",
    }


def test_rules_of_nft_are_told_in_nfts_words() -> None:
    assert packet_filter(recorded("nft")).rules == (
        rule(
            "ip nat post",
            "postrouting",
            "snat",
            'ip saddr 10.1.1.0/24 oifname "ens33" counter packets 1 bytes 84 snat to 172.16.0.67',
            (1, 84),
            source="10.1.1.0/24",
            out_link="ens33",
            to="172.16.0.67",
        ),
        rule(
            "ip nat post",
            "postrouting",
            "masquerade",
            'oif "ens33" counter name "seen" masquerade',
            (0, 0),
            out_link="ens33",
        ),
        rule(
            "ip nat pre",
            "prerouting",
            "dnat",
            'iifname "ens33" tcp dport 22922 counter packets 0 bytes 0 dnat to 10.1.1.1:22',
            (0, 0),
            in_link="ens33",
            protocol="tcp",
            port=22922,
            to="10.1.1.1:22",
        ),
        rule(
            "ip nat pre",
            "prerouting",
            "redirect",
            "ip daddr 172.16.0.67 tcp dport { 80, 81 } redirect to :8080",
            None,
            destination="172.16.0.67",
            protocol="tcp",
            to=":8080",
        ),
        rule(
            "ip nat pre",
            "prerouting",
            "dnat",
            "tcp dport 2000-2010 dnat to 10.1.1.1-10.1.1.9",
            None,
            protocol="tcp",
            to="10.1.1.1-10.1.1.9",
        ),
        rule(
            "ip nat pre",
            "prerouting",
            "dnat",
            "dnat to tcp dport map { 25 : 10.1.1.1, 26 : 10.1.1.2 }",
            None,
        ),
        rule("inet lab forward", "forward", "accept", "ct state established,related accept", None),
        rule(
            "inet lab forward",
            "forward",
            "drop",
            'iifname != "br-int" ip protocol icmp counter packets 0 bytes 0 drop',
            (0, 0),
            in_link="!br-int",
            protocol="icmp",
        ),
        rule(
            "inet lab forward",
            "forward",
            "reject",
            "ip daddr { 10.1.1.1, 10.1.1.2 } meta l4proto tcp reject with icmp port-unreachable "
            'comment "no # handle 7"',
            None,
            destination="10.1.1.1,10.1.1.2",
            protocol="tcp",
        ),
        rule("inet lab forward", "forward", "jump", "jump other", None),
        rule("inet lab other", "", "accept", 'counter packets 1 bytes 84 log prefix "x " accept', (1, 84)),
    )


def test_a_table_that_both_tools_wrote_into_is_told_in_nfts_words() -> None:
    seen = packet_filter(recorded("mixed"))
    assert [(each.action, each.to, each.text) for each in seen.rules] == [
        (
            "snat",
            "172.16.0.67",
            'oifname "ens33" ip saddr 10.1.1.0/24 counter packets 0 bytes 0 snat to 172.16.0.67',
        ),
        ("masquerade", None, "ip saddr 10.3.0.0/16 counter packets 0 bytes 0 masquerade"),
        (
            "dnat",
            "10.1.1.1:22",
            'iifname "ens33" tcp dport 22922 counter packets 0 bytes 0 dnat to 10.1.1.1:22',
        ),
        ("accept", None, "-A FORWARD -s 10.1.1.0/24 -j ACCEPT"),
    ]
    assert seen.rules[2].port == 22922


def test_a_rule_that_came_between_two_looks_makes_no_rule_twice() -> None:
    machine = recorded("iptables")
    one_more = text("iptables.save.txt").replace(
        "[1:84] -A POSTROUTING", "[0:0] -A POSTROUTING -j ACCEPT\n[1:84] -A POSTROUTING"
    )
    machine.answers = {**machine.answers, "iptables-save -c": one_more}
    seen = packet_filter(machine)
    assert len(seen.rules) == 10
    assert [each.text.split()[0] for each in seen.rules[:3]] == ["oifname", "ip", "-A"]
    assert (seen.rules[0].action, seen.rules[0].to, seen.rules[0].packets) == ("snat", "172.16.0.67", 1)


def test_an_older_nft_that_does_not_even_name_a_target_is_read_from_its_words() -> None:
    named = '{"xt": {"type": "target", "name": "SNAT"}}'
    unnamed = text("mixed.nft.json").replace(named, '{"xt": null}')
    assert unnamed != text("mixed.nft.json")
    found = nft.read(unnamed, nft.words_by_handle(text("mixed.nft.txt"))).rules[0]
    assert (found.action, found.to) == ("snat", "172.16.0.67")


def test_without_words_a_target_keeps_its_name_at_least() -> None:
    found = nft.read(text("mixed.nft.json")).rules[0]
    assert (found.action, found.to, found.text) == ("snat", None, "")


def test_the_old_iptables_counts_too() -> None:
    seen = packet_filter(recorded("iptables", {LEGACY: "filter\nnat\n"}))
    assert len(seen.rules) == 11
    assert seen.rules[-1] == rule(
        "ip nat POSTROUTING",
        "postrouting",
        "masquerade",
        "-A POSTROUTING -s 10.1.1.0/24 -o ens33 -j MASQUERADE",
        (0, 0),
        source="10.1.1.0/24",
        out_link="ens33",
    )
    only_legacy = RecordedMachine(
        {"nft -j list ruleset": '{"nftables": []}', "iptables-legacy-save -c": text("legacy.save.txt")},
        {LEGACY: "filter\n"},
    )
    assert packet_filter(only_legacy).policies["ip filter FORWARD"] == "drop"


def test_a_drop_policy_of_the_old_iptables_is_not_hidden_by_the_new_one() -> None:
    seen = packet_filter(recorded("mixed", {LEGACY: "filter\nnat\n"}))
    assert seen.policies["ip filter FORWARD"] == "drop"


@pytest.mark.bench
def test_where_there_is_no_table_no_program_is_started_and_where_there_is_one_it_is_found() -> None:
    said = inside(
        "",
        """
import os
from kvmbench.observe.netfilter import is_empty
from kvmbench.system import RealMachine, RecordedMachine
old = RecordedMachine(files={"/proc/thread-self/net/ip_tables_names": "nat"})
print(is_empty(RealMachine()), is_empty(old))
add = "iptables -t nat -A POSTROUTING -j MASQUERADE"
for line in ("nft add table inet lab", "nft delete table inet lab", add):
    os.system(line)
    print(is_empty(RealMachine()))
""",
    )
    assert said.splitlines() == ["True False", "False", "True", "False"]


def test_without_nft_the_rules_of_iptables_are_seen_and_the_gap_is_told() -> None:
    seen = packet_filter(RecordedMachine({"iptables-save -c": text("iptables.save.txt")}))
    assert SNAT in seen.rules
    assert len(seen.rules) == 10
    assert seen.policies["ip filter FORWARD"] == "drop"
    assert seen.troubles == (
        "packet filter rules: there is no program nft; only what iptables wrote was seen",
    )


def test_without_either_tool_nothing_is_raised() -> None:
    assert packet_filter(RecordedMachine()).troubles == (
        "packet filter rules: there is no program nft",
        "packet filter rules: there is no program iptables-save",
    )


def test_a_refusal_is_told_in_the_tools_own_words() -> None:
    refused = Completed(("nft",), 1, "", "Operation not permitted (you must be root)\n")
    seen = packet_filter(RecordedMachine({"nft -j list ruleset": refused, "iptables-save -c": ""}))
    assert seen.troubles == (
        (
            "packet filter rules: nft failed (1): Operation not permitted (you must be root); "
            "only what iptables wrote was seen"
        ),
    )


@pytest.mark.parametrize("odd", ["", "not JSON", "{}", '{"nftables": [{"rule": {"family": "ip"}}]}'])
def test_what_is_not_understood_is_told(odd: str) -> None:
    seen = packet_filter(RecordedMachine({"nft -j list ruleset": odd}))
    assert seen.rules == ()
    assert len(seen.troubles) == 1
    assert seen.troubles[0].startswith("what nft lists was not understood:")


def test_a_set_or_a_range_of_ports_is_no_single_port() -> None:
    saved = "*nat\n-A PREROUTING -p tcp -m tcp --dport 80:90 -j ACCEPT\n-A PREROUTING -p udp -j RETURN\n"
    first, second = iptables.read(saved).rules
    assert (first.port, first.packets, first.action) == (None, None, "accept")
    assert (second.protocol, second.action) == ("udp", "return")


def test_switches_that_the_kernel_has_not_are_left_out() -> None:
    told = (
        {"NETCONFA_IFINDEX": -1, "NETCONFA_FORWARDING": 1, "NETCONFA_RP_FILTER": 2},
        {"NETCONFA_IFINDEX": 1, "NETCONFA_FORWARDING": 0, "NETCONFA_RP_FILTER": 0},
    )
    lo = {"index": 1, "IFLA_IFNAME": "lo"}
    bridged = RecordedMachine(files={"/proc/sys/net/bridge/bridge-nf-call-iptables": "1\n"})
    common = {"net.ipv4.ip_forward": "1", "net.ipv4.conf.all.rp_filter": "2"}
    seen = Dump(links=(lo,), switches=told)
    assert sysctls(seen, RecordedMachine(), of_bridges=True) == common
    assert sysctls(seen, bridged, of_bridges=False) == common
    assert sysctls(seen, bridged, of_bridges=True)["net.bridge.bridge-nf-call-iptables"] == "1"


SWITCHES = """
from kvmbench.observe import look
from kvmbench.system import run
for room in look().namespaces:
    for name, value in room.sysctls.items():
        there = ["ip", "netns", "exec", room.name] if room.name else []
        assert run([*there, "sysctl", "-n", name]).out.strip() == value, (room.name, name, value)
    print(room.name, sorted(room.sysctls.values()), len(room.sysctls))
"""


@pytest.mark.bench
def test_switches_are_those_that_sysctl_prints_in_each_namespace() -> None:
    setup = """
ip link add ens33 type veth peer name other
ip netns add router1
ip netns exec router1 sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=2
sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.ens33.rp_filter=1
sysctl -qw net.bridge.bridge-nf-call-iptables=0 || true
"""
    own, router = inside(setup, SWITCHES).splitlines()
    assert own in (" ['0', '0', '0', '1'] 4", " ['0', '0', '1'] 3")  # without br_netfilter there are three
    assert router == "router1 ['1', '2'] 2"


@pytest.mark.bench
def test_a_link_that_filters_strictly_is_told_and_one_that_does_not_is_left_out() -> None:
    setup = """
ip link add br-int type bridge
ip link add br-ext type bridge
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.br-int.rp_filter=1 net.ipv4.conf.br-ext.rp_filter=0
"""
    show = "from kvmbench.observe import look\nprint(*sorted(look().namespaces[0].sysctls))"
    named = [name for name in inside(setup, show).split() if "rp_filter" in name]
    assert named == ["net.ipv4.conf.all.rp_filter", "net.ipv4.conf.br-int.rp_filter"]


@pytest.mark.bench
def test_what_conntrack_leads_elsewhere_is_told_and_nothing_else_of_it() -> None:
    """One entry whose receiver was changed, one whose sender was, and one that stayed as it was."""
    setup = """
asked() { conntrack -I -p udp --sport 68 --timeout 100 "$@"; }
asked -s 0.0.0.0 -d 255.255.255.255 --dport 67 --dst-nat 255.255.255.255:6767
asked -s 10.1.1.1 -d 172.16.0.1 --dport 53 --src-nat 172.16.0.67
asked -s 10.1.1.1 -d 10.1.1.254 --dport 67
"""
    show = """
from kvmbench.model import Snapshot
from kvmbench.observe import look
for flow in Snapshot.from_json(look().to_json()).namespaces[0].flows:
    print(flow.protocol, flow.source, flow.destination, flow.port, flow.to, 90 <= flow.remembered_s <= 100)
"""
    assert inside(setup, show).splitlines()[-1:] == [
        "udp 0.0.0.0 255.255.255.255 67 255.255.255.255:6767 True"
    ]


SETUP = """
ip link add ens33 type veth peer name other
ip netns add router1
sysctl -qw net.ipv4.ip_forward=1
iptables -t nat -A POSTROUTING -s 10.1.1.0/24 -o ens33 -j SNAT --to-source 172.16.0.67
iptables -P FORWARD DROP
nft add table inet lab
nft 'add chain inet lab forward { type filter hook forward priority 0; policy accept; }'
nft add rule inet lab forward ip saddr 10.1.1.2 counter drop
ip netns exec router1 iptables -A FORWARD -j DROP
"""

RULES = """
import json, subprocess
from kvmbench.observe import look
def printed():
    words = ("nft list ruleset", "iptables -S")
    return [subprocess.run(each.split(), capture_output=True).stdout for each in words]
before = printed()
seen = look()
assert printed() == before
rooms = [
    [room.name, [[r.family, r.table, r.chain, r.hook, r.action, r.source, r.to] for r in room.rules]]
    for room in seen.namespaces
]
print(json.dumps([rooms, seen.namespaces[0].policies, seen.namespaces[0].sysctls, seen.troubles]))
"""


@pytest.mark.bench
def test_a_look_finds_the_rules_of_both_tools_in_each_namespace_and_changes_none() -> None:
    rooms, policies, switches, troubles = json.loads(inside(SETUP, RULES))
    assert rooms == [
        [
            "",
            [
                ["ip", "nat", "POSTROUTING", "postrouting", "snat", "10.1.1.0/24", "172.16.0.67"],
                ["inet", "lab", "forward", "forward", "drop", "10.1.1.2", None],
            ],
        ],
        ["router1", [["ip", "filter", "FORWARD", "forward", "drop", None, None]]],
    ]
    assert policies == {
        "ip nat POSTROUTING": "accept",
        "ip filter FORWARD": "drop",
        "inet lab forward": "accept",
    }
    assert switches["net.ipv4.ip_forward"] == "1"
    assert "net.ipv4.conf.ens33.rp_filter" in switches
    assert troubles == []


AGAIN = """
import os
from kvmbench.observe.netfilter import packet_filter, packet_filter_again
from kvmbench.system import RealMachine
from kvmbench.system.netlink import in_namespace

class Counting(RealMachine):
    started = 0
    def run(self, argv, **more):
        Counting.started += 1
        return super().run(argv, **more)

def agree(netns=""):
    before = Counting.started
    again = in_namespace(netns, lambda: packet_filter_again(Counting()))
    assert again == in_namespace(netns, lambda: packet_filter(RealMachine())), again
    return Counting.started - before, [rule.packets for rule in again.rules], len(again.rules)

print(agree(), agree())
os.system("ping -c2 -i0.2 -q 127.0.0.1 >/dev/null")
print(agree())
for line in (
    "iptables -I OUTPUT -p udp -j ACCEPT",
    "nft add rule inet lab out ip daddr 127.0.0.9 counter drop",
    "iptables -P FORWARD DROP",
    "iptables -Z",
    "nft add counter inet lab named",
    "iptables -F",
):
    assert os.system(line) == 0
    print(line.split()[0:2], agree()[0], agree()[0])
print(agree("router1"), agree("router1"))
os.system("nft add rule inet lab out counter name named")
os.system("ping -c1 -q 127.0.0.1 >/dev/null")
print(agree()[:2], agree()[0])
"""


@pytest.mark.bench
def test_rules_that_did_not_change_are_counted_anew_without_a_program() -> None:
    setup = """
ip netns add router1
ip netns exec router1 iptables -A FORWARD -j DROP
iptables -A OUTPUT -p icmp -j ACCEPT
iptables -t nat -A POSTROUTING -s 10.1.1.0/24 -j MASQUERADE
nft add table inet lab
nft 'add chain inet lab out { type filter hook output priority 0; policy accept; }'
nft add rule inet lab out meta l4proto icmp counter accept
nft add rule inet lab out ip daddr 10.9.9.9 drop
"""
    lines = inside(setup, AGAIN).splitlines()
    assert lines[0] == "(3, [0, 0, 0, None], 4) (0, [0, 0, 0, None], 4)"
    assert lines[1] == "(0, [4, 0, 4, None], 4)"  # each echo and its answer leave by lo
    assert lines[2:8] == [
        "['iptables', '-I'] 3 0",
        "['nft', 'add'] 3 0",
        "['iptables', '-P'] 3 0",
        "['iptables', '-Z'] 3 0",
        "['nft', 'add'] 3 0",
        "['iptables', '-F'] 3 0",
    ]
    assert lines[8] == "(3, [0], 1) (0, [0], 1)"
    assert lines[9].endswith(" 3")  # a counter with a name counts for itself: asked in full each time
