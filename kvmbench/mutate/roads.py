"""Correct roads: a solved bench told otherwise, on which every check has to pass as well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface

from kvmbench.model import BridgeState, FdbEntry, Guest, Link, Neighbour, Netns, Nic, Rule, Snapshot
from kvmbench.mutate import changes

Road = Callable[[Snapshot], Snapshot]
_STRANGE = "52:54:00:77:77:77"


def _bench(seen: Snapshot) -> Netns:
    return seen.namespaces[0]


def as_it_is(seen: Snapshot) -> Snapshot:
    return seen


def _rules(seen: Snapshot, retold: Callable[[Rule], Rule]) -> Snapshot:
    return changes.change_netns(seen, "", rules=tuple(retold(rule) for rule in _bench(seen).rules))


def by_iptables(seen: Snapshot) -> Snapshot:
    """Rules in the tables, chains and words of iptables; SNAT with an address."""

    def retold(rule: Rule) -> Rule:
        if rule.action in ("snat", "masquerade"):
            text = "-A POSTROUTING -s 10.1.1.0/24 -o ens33 -j SNAT --to-source 172.16.0.67"
            told = replace(rule, action="snat", text=text, to="172.16.0.67", chain="POSTROUTING", table="nat")
            return replace(told, hook="postrouting")
        if rule.action == "dnat":
            text = f"-A PREROUTING -d {rule.destination}/32 -p tcp --dport {rule.port} -j DNAT --to {rule.to}"
            return replace(rule, text=text, chain="PREROUTING", table="nat")
        return rule

    return _rules(seen, retold)


def by_nft(seen: Snapshot) -> Snapshot:
    """Rules in one inet table of somebody's own, with masquerade."""

    def retold(rule: Rule) -> Rule:
        here = replace(rule, family="inet", table="mine", chain=f"my-{rule.hook}")
        if rule.action in ("snat", "masquerade"):
            return replace(here, action="masquerade", to=None, text='oifname "ens33" masquerade', source=None)
        return replace(here, text=f"tcp dport {rule.port} dnat ip to {rule.to}", in_link="ens33")

    return _rules(seen, retold)


def other_order(seen: Snapshot) -> Snapshot:
    """Everything is listed the other way round."""
    rooms = tuple(
        replace(
            room,
            links=room.links[::-1],
            routes=room.routes[::-1],
            rules=room.rules[::-1],
            fdb=room.fdb[::-1],
            neighbours=room.neighbours[::-1],
        )
        for room in seen.namespaces
    )
    return replace(
        seen,
        namespaces=(rooms[0], *rooms[:0:-1]),
        guests=seen.guests[::-1],
        images=seen.images[::-1],
        files=seen.files[::-1],
        probes=seen.probes[::-1],
        leases=seen.leases[::-1],
    )


def with_ipv6(seen: Snapshot) -> Snapshot:
    """Each interface has IPv6 addresses, and ip6tables drops what it likes."""
    noise = (IPv6Interface("fe80::67/64"), IPv6Interface("2001:db8::67/64"))
    rooms = tuple(
        replace(
            room,
            links=tuple(replace(one, inet6=(*one.inet6, *noise)) for one in room.links),
            neighbours=(*room.neighbours, Neighbour("fe80::1", "br-int", _STRANGE, "STALE")),
        )
        for room in seen.namespaces
    )
    drop = Rule("ip6", "filter", "FORWARD", "forward", "drop", "-A FORWARD -j DROP", packets=9)
    nat = Rule("ip6", "nat", "PREROUTING", "prerouting", "dnat", "-j DNAT --to ::1", packets=0, port=22922)
    first = replace(rooms[0], rules=(drop, nat, *rooms[0].rules))
    return replace(seen, namespaces=(first, *rooms[1:]))


def with_strangers(seen: Snapshot) -> Snapshot:
    """Links, bridges, namespaces, routes and entries of somebody else's."""
    off = Link(
        "dummy7", 70, "dummy", _STRANGE, up=False, carrier=False, inet=(IPv4Interface("192.0.2.1/24"),)
    )
    docker = Link(
        *("docker0", 71, "bridge", "52:54:00:77:77:78"),
        up=True,
        carrier=False,
        inet=(IPv4Interface("172.17.0.1/16"),),
        bridge=BridgeState(stp=True, ageing_s=300, forward_delay_s=15),
    )
    end = Link("veth9", 72, "veth", "52:54:00:77:77:79", up=True, carrier=True, master="docker0", peer="eth0")
    bench = _bench(seen)
    fdb = (FdbEntry("docker0", "veth9", _STRANGE, own=False), *bench.fdb)
    seen = changes.change_netns(seen, "", links=(off, docker, *bench.links, end), fdb=fdb)
    blue = Netns("blue", (replace(off, name="lo", kind="loopback", inet=()),))
    return replace(seen, namespaces=(*seen.namespaces, blue))


def with_more_rules(seen: Snapshot) -> Snapshot:
    """Rules that let through what is let through anyway, before and after."""
    accept = Rule("ip", "filter", "FORWARD", "forward", "accept", "-A FORWARD -i br-int -j ACCEPT", packets=7)
    state = "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    back = Rule("ip", "filter", "FORWARD", "forward", "accept", state, packets=7)
    other = Rule(
        *("ip", "nat", "PREROUTING", "prerouting", "dnat"),
        text="-A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.1.1.2:80",
        protocol="tcp",
        port=8080,
        to="10.1.1.2:80",
        packets=0,
    )
    return changes.change_netns(seen, "", rules=(other, accept, *_bench(seen).rules, back))


def with_another_guest(seen: Snapshot) -> Snapshot:
    """One more guest, with a card and a disk of its own."""
    if not seen.guests:
        return seen
    first = seen.guests[0]
    more: Guest = replace(
        first,
        name="spare9",
        pid=99999,
        nics=(Nic("e1000", _STRANGE, None),),
        drives=(replace(first.drives[0], file="/vms/spare.img"),) if first.drives else (),
        vnc="127.0.0.1:5999",
        inside=None,
    )
    return replace(seen, guests=(*seen.guests, more))


def other_tap_names(seen: Snapshot) -> Snapshot:
    """Taps called as QEMU calls them when nobody does: tap0, tap1, …"""
    for number, guest in enumerate(seen.guests):
        for nic in guest.nics:
            new, bench = f"tap{number}", _bench(seen)
            fdb = tuple(replace(f, port=new) if f.port == nic.tap else f for f in bench.fdb)
            seen = changes.change_netns(seen, "", fdb=fdb)
            seen = changes.change_link(seen, nic.tap or "", "", name=new)
            seen = changes.change_nic(seen, guest.name, tap=new)
    return seen


def under_kvm(seen: Snapshot) -> Snapshot:
    """The same on a machine with KVM, whose screens are served at all addresses."""
    guests = tuple(
        replace(one, engine="kvm", vnc=(one.vnc or "").replace("127.0.0.1", "0.0.0.0") or None)
        for one in seen.guests
    )
    host = replace(seen.host, engine="kvm", cpu_flag="vmx", kvm_works=True) if seen.host else None
    return replace(seen, guests=guests, host=host)


def leased_for_ever(seen: Snapshot) -> Snapshot:
    """Leases without an end and without a name, and one of a guest that is gone."""
    leases = tuple(replace(lease, expires=0, hostname=None) for lease in seen.leases)
    old = tuple(replace(lease, address="10.1.1.99", mac=_STRANGE, expires=1) for lease in seen.leases[:1])
    return replace(seen, leases=(*old, *leases))


def links_written_otherwise(seen: Snapshot) -> Snapshot:
    """Symbolic links and backing files by relative paths, MAC addresses in upper case."""
    for file in seen.files:
        if file.kind == "link" and file.target and file.target.startswith("/usr/"):
            seen = changes.change_file(seen, file.path, target="../" + file.target.removeprefix("/usr/"))
    for image in seen.images:
        if image.backing and image.backing.rpartition("/")[0] == image.path.rpartition("/")[0]:
            seen = changes.change_image(seen, image.path, backing=image.backing.rpartition("/")[2])
    guests = tuple(
        replace(one, nics=tuple(replace(nic, mac=nic.mac.upper()) for nic in one.nics)) for one in seen.guests
    )
    return replace(seen, guests=guests)


def second_addresses(seen: Snapshot) -> Snapshot:
    """Each interface that has an address has one more, of a network of its own."""
    count = 0
    rooms: list[Netns] = []
    for room in seen.namespaces:
        links: list[Link] = []
        for one in room.links:
            count += 1
            more = (IPv4Interface(f"192.168.{count}.1/24"),) if one.inet and one.name != "lo" else ()
            links.append(replace(one, inet=(*one.inet, *more)))
        rooms.append(replace(room, links=tuple(links)))
    return replace(seen, namespaces=tuple(rooms))


def small_everywhere(seen: Snapshot) -> Snapshot:
    """All ports of a bridge take small packets only, as its network is meant to."""
    for one in _bench(seen).links:
        if one.master or one.kind == "bridge":
            seen = changes.change_link(seen, one.name, "", mtu=1400)
    return seen


ROADS: dict[str, Road] = {
    "as it was recorded": as_it_is,
    "iptables, SNAT": by_iptables,
    "nft, masquerade": by_nft,
    "in another order": other_order,
    "IPv6 noise": with_ipv6,
    "links and namespaces of others": with_strangers,
    "more rules": with_more_rules,
    "one more guest": with_another_guest,
    "taps of other names": other_tap_names,
    "under KVM": under_kvm,
    "leases without an end": leased_for_ever,
    "paths and MACs written otherwise": links_written_otherwise,
    "second addresses": second_addresses,
    "small packets everywhere": small_everywhere,
}
NEEDS_TAP_NAMES = ("taps of other names",)
"""roads that are none where a check names a tap"""


def everything(seen: Snapshot) -> Snapshot:
    """All roads at once that go together."""
    for road in (by_nft, with_ipv6, with_strangers, with_more_rules, with_another_guest, second_addresses):
        seen = road(seen)
    return other_order(seen)


ROADS["all of it at once"] = everything
