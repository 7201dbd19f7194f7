"""Snapshots made by hand: an empty bench, a half-built one, the whole tutorial, and forty nodes."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from kvmbench.model import (
    BridgePort,
    BridgeState,
    DhcpServer,
    FdbEntry,
    Guest,
    Inside,
    Link,
    Netns,
    Nic,
    Route,
    Rule,
    Snapshot,
)
from kvmbench.topology import Wanted

LO = Link(
    "lo", 1, "loopback", "00:00:00:00:00:00", up=True, carrier=True, inet=(IPv4Interface("127.0.0.1/8"),)
)
ENS33 = Link(
    "ens33", 2, "veth", "52:54:00:00:33:01", up=True, carrier=True, inet=(IPv4Interface("172.16.0.67/16"),)
)
FORWARD = "net.ipv4.ip_forward"


def bridge(name: str, index: int, *addresses: str, up: bool = True, carrier: bool = True) -> Link:
    return Link(
        name,
        index,
        "bridge",
        f"52:54:00:00:b0:{index:02x}",
        up=up,
        carrier=carrier,
        inet=tuple(map(IPv4Interface, addresses)),
        bridge=BridgeState(stp=False, ageing_s=300, forward_delay_s=15),
    )


def tap(name: str, index: int, master: str | None = None, *, up: bool = True, carrier: bool = True) -> Link:
    port = BridgePort("forwarding" if up and carrier else "disabled") if master else None
    return Link(
        name, index, "tun", f"fe:54:00:00:a0:{index:02x}", up=up, carrier=carrier, master=master, port=port
    )


def veth(
    name: str,
    index: int,
    peer: str | None,
    peer_netns: str | None,
    *addresses: str,
    up: bool = True,
    carrier: bool = True,
    master: str | None = None,
) -> Link:
    return Link(
        name,
        index,
        "veth",
        f"52:54:00:00:e0:{index:02x}",
        up=up,
        carrier=carrier,
        master=master,
        peer=peer,
        peer_netns=peer_netns,
        inet=tuple(map(IPv4Interface, addresses)),
        port=BridgePort("forwarding") if master else None,
    )


def guest(number: int, address: str | None, tap_name: str | None = None, gateway: str | None = None) -> Guest:
    inside = Inside(
        hostname=f"c{number}",
        addresses={
            "lo": (IPv4Interface("127.0.0.1/8"),),
            "eth0": (IPv4Interface(address),) if address else (),
        },
        gateway=IPv4Address(gateway) if gateway else None,
        drivers={"eth0": "virtio_net"},
    )
    return Guest(
        name=f"c{number}",
        pid=100 + number,
        argv=(),
        status="running",
        engine="tcg",
        memory_mib=256,
        vcpus=2,
        nics=(Nic("virtio", f"52:54:00:00:00:{number:02x}", tap_name or f"tap{number:02}"),),
        inside=inside,
    )


def bench(
    *links: Link, forward: bool = False, rules: tuple[Rule, ...] = (), fdb: tuple[FdbEntry, ...] = ()
) -> Netns:
    return Netns("", (LO, ENS33, *links), sysctls={FORWARD: "1" if forward else "0"}, rules=rules, fdb=fdb)


def snapshot(*namespaces: Netns, guests: tuple[Guest, ...] = ()) -> Snapshot:
    return Snapshot(bench="default", taken_at=0.0, namespaces=namespaces, guests=guests)


MASQUERADE = Rule(
    "ip",
    "nat",
    "POSTROUTING",
    "postrouting",
    "masquerade",
    "",
    packets=12,
    source="10.1.1.0/24",
    out_link="ens33",
)
DNAT = Rule(
    "ip",
    "nat",
    "PREROUTING",
    "prerouting",
    "dnat",
    "",
    packets=3,
    destination="172.16.0.67",
    protocol="tcp",
    port=22922,
    to="10.1.1.1:22",
)
DNSMASQ = DhcpServer(
    pid=300,
    argv=("dnsmasq",),
    netns="",
    interfaces=("br-int",),
    ranges=(("10.1.1.11", "10.1.1.100"),),
    options={3: "10.1.1.254"},
)


def empty() -> Snapshot:
    """A fresh bench."""
    return snapshot(bench())


def half_built() -> Snapshot:
    """In the middle of the work, with a few things wrong: a tap that is down, a guest without an address."""
    return snapshot(
        bench(
            bridge("br-int", 3),
            veth("vethm.1", 5, "vethm.2", "", carrier=False, up=False),
            veth("vethm.2", 4, "vethm.1", "", carrier=False),
            tap("tap01", 6, "br-int", up=False),
            tap("tap02", 7, carrier=False),
        ),
        Netns("router1", (LO,)),
        guests=(guest(1, None),),
    )


HALF_WANTED = (
    Wanted("bridge", "br-int", address="10.1.1.254/24"),
    Wanted("tap", "tap01", attached_to="br-int"),
    Wanted("tap", "tap02", attached_to="br-int"),
    Wanted("guest", "c1", attached_to="tap01"),
    Wanted("guest", "c2", attached_to="tap02"),
    Wanted("veth", "vethm.1", attached_to="vethm.2@router1", address="10.2.2.1/24"),
    Wanted("veth", "vethm.2", netns="router1", attached_to="vethm.1", address="10.2.2.2/24"),
    Wanted("dnsmasq", "br-int"),
    Wanted("forwarding"),
    Wanted("masquerade", "10.1.1.0/24", attached_to="172.16.0.67"),
    Wanted("dnat", "172.16.0.67:22922", attached_to="10.1.1.1:22"),
)


def tutorial() -> Snapshot:
    """Everything that the tutorial builds."""
    own = bench(
        bridge("br-int", 3, "10.1.1.254/24"),
        veth("vethm.1", 5, "vethm.2", "router1", "10.2.2.1/24"),
        tap("tap01", 6, "br-int"),
        tap("tap02", 7, "br-int"),
        forward=True,
        rules=(MASQUERADE, DNAT),
        fdb=(
            FdbEntry("br-int", "tap01", "52:54:00:00:00:01", own=False),
            FdbEntry("br-int", "tap01", "fe:54:00:00:a0:06", own=True),
            FdbEntry("br-int", "tap02", "52:54:00:00:00:02", own=False),
        ),
    )
    router = Netns(
        "router1",
        (LO, veth("vethm.2", 4, "vethm.1", "", "10.2.2.2/24")),
        routes=(Route(IPv4Network("0.0.0.0/0"), IPv4Address("10.2.2.1"), "vethm.2"),),
        sysctls={FORWARD: "0"},
    )
    guests = (guest(1, "10.1.1.1/24", gateway="10.1.1.254"), guest(2, "10.1.1.37/24", gateway="10.1.1.254"))
    return replace(snapshot(own, router, guests=guests), dhcp_servers=(DNSMASQ,))


def forty() -> Snapshot:
    """Two bridges with twelve guests, and ten namespaces on veth pairs."""
    taps = [tap(f"tap{n:02}", 20 + n, "br-int" if n <= 6 else "br-ext") for n in range(1, 13)]
    ends = [
        veth(
            f"veth{n}",
            40 + n,
            "eth0",
            f"ns{n}",
            *([f"10.3.{n}.1/24"] if n > 7 else []),
            master="br-int" if n <= 4 else "br-ext" if n <= 7 else None,
        )
        for n in range(1, 11)
    ]
    rooms = [Netns(f"ns{n}", (LO, veth("eth0", 2, f"veth{n}", "", f"10.3.{n}.2/24"))) for n in range(1, 11)]
    own = bench(
        bridge("br-int", 3, "10.1.1.254/24"),
        bridge("br-ext", 4, "10.7.1.254/24"),
        *taps,
        *ends,
        forward=True,
        rules=(MASQUERADE, DNAT),
    )
    guests = tuple(guest(n, f"10.{1 if n <= 6 else 7}.1.{n}/24") for n in range(1, 13))
    return replace(snapshot(own, *rooms, guests=guests), dhcp_servers=(DNSMASQ,))


def crowded() -> Snapshot:
    """Whatever seldom comes together: five bridges, a router with three legs, many rules, odd names."""
    rules = (
        MASQUERADE,
        replace(MASQUERADE, action="snat", source="10.2.2.0/24", to="172.16.0.67", packets=1),
        replace(MASQUERADE, source=None, out_link="br-int", packets=0),
        DNAT,
        *(replace(DNAT, port=8000 + n, to=f"10.1.1.{n}:80", packets=10**n) for n in range(2, 8)),
    )
    own = bench(
        replace(bridge("br-int", 3, "10.1.1.254/24"), port=None),
        bridge("br-ext", 4, carrier=False),
        bridge("third", 5, up=False),
        bridge("fourth", 6),
        bridge("fifth", 7),
        veth("vethm.1", 8, "vethm.2", "router1", "10.2.2.1/24", "10.2.3.1/24", "10.2.4.1/24"),
        veth("to-red", 9, "red0", "red", master="fourth"),
        veth("to-blue", 10, "blue0", "blue", master="br-int", up=False),
        veth("lonely", 11, None, None),
        veth("pair.a", 12, "pair.b", "", "10.9.9.1/30"),
        veth("pair.b", 13, "pair.a", "", "10.9.9.2/30"),
        Link("dummy0", 14, "dummy", "52:54:00:00:00:d0", up=True, carrier=True, mtu=9000),
        tap("tap01", 15, "br-int"),
        tap("tap02", 16, "br-ext", carrier=False),
        tap("tap03", 17, "br-int"),
        tap("a-very-longtap1", 18, "third"),
        tap("tap$x_y<&>'\"", 19, "fifth"),
        tap("tap04", 20, "fourth"),
        rules=rules,
    )
    own = replace(
        own, links=tuple(replace(x, master="br-ext") if x.name == "ens33" else x for x in own.links)
    )
    router = Netns(
        "router1",
        (
            LO,
            veth("vethm.2", 4, "vethm.1", "", "10.2.2.2/24"),
            veth("to-blue", 5, "blue1", "blue", "10.4.4.1/24"),
            veth("to-red", 6, "red1", "red", "10.5.5.1/24", up=False),
        ),
        sysctls={FORWARD: "1"},
        rules=(MASQUERADE,),
    )
    red = Netns(
        "red", (LO, veth("red0", 2, "to-red", ""), veth("red1", 3, "to-red", "router1", "10.5.5.2/24"))
    )
    blue = Netns(
        "blue", (veth("blue0", 2, "to-blue", ""), veth("blue1", 3, "to-blue", "router1", "10.4.4.2/24"))
    )
    empty_room = Netns("a-rather-long-name-for-a-network-namespace")
    two_cards = replace(
        guest(1, "10.1.1.1/24"), nics=(*guest(1, None).nics, Nic("e1000", "52:54:00:00:01:01", "tap03"))
    )
    guests = (
        two_cards,
        replace(guest(2, None), status="paused"),
        replace(guest(3, None, "a-very-longtap1"), name="a guest with a long name", inside=None),
        replace(guest(4, "10.1.1.4/24", "tap$x_y<&>'\""), name="c_4$", engine="kvm"),
        replace(guest(5, None), nics=(), name="no-card"),
        guest(6, "10.1.1.6/24", "tap04", "10.1.1.254"),
    )
    second = replace(DNSMASQ, pid=301, interfaces=("fourth",), options={})
    return replace(
        snapshot(own, router, red, blue, empty_room, guests=guests),
        dhcp_servers=(DNSMASQ, second, replace(DNSMASQ, pid=302, interfaces=(), ranges=())),
    )
