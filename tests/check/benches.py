"""Benches made by hand: what a look sees before the course, after it, and with one thing changed."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface

from kvmbench.model import (
    BridgePort,
    BridgeState,
    DhcpServer,
    Drive,
    FdbEntry,
    FileSeen,
    Guest,
    HostFacts,
    Image,
    Inside,
    Lease,
    Link,
    Neighbour,
    Netns,
    Nic,
    Probe,
    ProbeResult,
    Route,
    Rule,
    Snapshot,
)
from kvmbench.mutate.changes import change_netns

GIB = 1 << 30
NOW = 1_800_000_000.0
C1_MAC, C2_MAC = "52:54:00:00:00:01", "52:54:00:00:00:02"

SNAT = Rule(
    *("ip", "nat", "POSTROUTING", "postrouting", "snat"),
    text="-A POSTROUTING -s 10.1.1.0/24 -o ens33 -j SNAT --to-source 172.16.0.67",
    packets=3,
    bytes=252,
    source="10.1.1.0/24",
    out_link="ens33",
    to="172.16.0.67",
)
MASQUERADE = Rule(
    *("ip", "course", "postrouting", "postrouting", "masquerade"),
    text='ip saddr 10.1.1.0/24 oifname "ens33" counter packets 3 bytes 252 masquerade',
    packets=3,
    bytes=252,
    source="10.1.1.0/24",
    out_link="ens33",
)
DNAT = Rule(
    *("ip", "nat", "PREROUTING", "prerouting", "dnat"),
    text="-A PREROUTING -d 172.16.0.67/32 -p tcp -m tcp --dport 22922 -j DNAT --to-destination 10.1.1.1:22",
    packets=1,
    bytes=60,
    destination="172.16.0.67",
    protocol="tcp",
    port=22922,
    to="10.1.1.1:22",
)
NFT_DNAT = replace(
    DNAT,
    table="course",
    chain="prerouting",
    text="ip daddr 172.16.0.67 tcp dport 22922 counter packets 1 bytes 60 dnat to 10.1.1.1:22",
)
"""the same in nft's words"""
FORWARD_DROP = Rule("ip", "filter", "FORWARD", "forward", "drop", "-A FORWARD -j DROP", packets=5)

PING_EACH_OTHER = Probe.ping("guest:c1", "guest:c2")
PING_BENCH = Probe.ping("guest:c1", "10.1.1.254")
PING_GUEST = Probe.ping("bench", "guest:c1")
PING_ROUTER = Probe.ping("bench", "10.2.2.2")
PING_FROM_ROUTER = Probe.ping("netns:router1", "10.2.2.1")
PING_OUTSIDE = Probe.ping("guest:c1", "172.16.0.1")
PAGE = Probe.http("guest:c1", "172.16.0.1")
SHELL = Probe.ssh("outside", "172.16.0.67", 22922)
OFFER = Probe.dhcp("guest:c2")
SCREEN_1, SCREEN_2 = Probe.tcp("bench", "127.0.0.1", 5900), Probe.tcp("bench", "127.0.0.1", 5902)
SSHD = Probe.tcp("bench", "10.1.1.1", 22)
INTRUDER = Probe.ping("outside", "10.1.1.1")

_LO = Link(
    "lo", 1, "loopback", "00:00:00:00:00:00", up=True, carrier=True, inet=(IPv4Interface("127.0.0.1/8"),)
)
_UPLINK = Link(
    *("ens33", 2, "veth", "52:54:00:aa:00:67"), up=True, carrier=True, inet=(IPv4Interface("172.16.0.67/16"),)
)
_SYSCTLS = {"net.ipv4.ip_forward": "0", "net.bridge.bridge-nf-call-iptables": "1"}
_SCRIPT = '#!/bin/bash\nbridge=br-int\nip link set "$1" up\nbrctl addif $bridge "$1"\n'
_HOST = HostFacts(
    *(None, False, False, "tcg", "this CPU has neither vmx nor svm"),
    cpus=2,
    memory_mib=8192,
    ksm={"run": "0", "pages_sharing": "0", "full_scans": "0"},
)


def overlay(path: str) -> Image:
    """A disk over the course image."""
    return Image(path, "qcow2", 64 << 20, 200 << 10, "/vms/base/guest.qcow2", "qcow2", preallocated=False)


def untouched() -> Snapshot:
    """A fresh bench: an uplink, two overlays, and nothing that the course asks for."""
    return Snapshot(
        bench="default",
        taken_at=NOW,
        namespaces=(Netns("", (_LO, _UPLINK), _uplink_routes(), sysctls=_SYSCTLS),),
        images=(overlay("/vms/cirros/cirros1.img"), overlay("/vms/cirros/cirros2.img")),
        files=(
            FileSeen("/usr/bin/qemu-kvm", "missing", resolves=False),
            FileSeen("/etc/qemu-ifup", "missing", resolves=False),
        ),
        host=_HOST,
    )


def _uplink_routes() -> tuple[Route, ...]:
    return (
        Route(IPv4Network("0.0.0.0/0"), IPv4Address("172.16.0.1"), "ens33"),
        near("172.16.0.67/16", "ens33"),
    )


def near(interface: str, link: str) -> Route:
    """The route that the kernel makes of an address."""
    address = IPv4Interface(interface)
    return Route(address.network, None, link, address.ip)


def veth(name: str, index: int, peer: str, peer_netns: str, address: str) -> Link:
    return Link(
        *(name, index, "veth", f"52:54:00:bb:00:0{index}"),
        up=True,
        carrier=True,
        peer=peer,
        peer_netns=peer_netns,
        inet=(IPv4Interface(address),),
    )


def tap(name: str, index: int) -> Link:
    """A guest's tap, plugged into br-int."""
    return Link(
        *(name, index, "tun", f"fe:54:00:00:00:0{index}"),
        up=True,
        carrier=True,
        master="br-int",
        inet6=(IPv6Interface("fe80::1/64"),),
        port=BridgePort("forwarding", 100),
    )


def bridge(name: str, index: int, *addresses: str) -> Link:
    return Link(
        *(name, index, "bridge", f"52:54:00:cc:00:0{index}"),
        up=True,
        carrier=True,
        inet=tuple(IPv4Interface(address) for address in addresses),
        bridge=BridgeState(stp=False, ageing_s=300.0, forward_delay_s=15.0),
    )


def guest(name: str, mac: str, tap_name: str, file: str, display: int, address: str) -> Guest:
    """A guest of the course, booted, with the bench as its gateway."""
    argv = ("/usr/bin/qemu-system-x86_64", "-name", name, "-m", "256", "-smp", "2")
    place = f"/run/kvmbench/guests/{name}"
    return Guest(
        *(name, 4000 + display, argv, "running", "tcg", 256, 2),
        drives=(Drive(file, "qcow2", "virtio"),),
        nics=(Nic("virtio-net-pci", mac, tap_name),),
        vnc=f"0.0.0.0:{5900 + display}",
        console=f"{place}/console.sock",
        agent=f"{place}/agent.sock",
        qmp=f"{place}/qmp.sock",
        executable="/usr/bin/qemu-system-x86_64",
        inside=Inside(
            name,
            {"lo": (IPv4Interface("127.0.0.1/8"),), "eth0": (IPv4Interface(address),)},
            IPv4Address("10.1.1.254"),
            {"eth0": "virtio_net"},
        ),
    )


def solved() -> Snapshot:
    """The whole tutorial, in the tutorial's own way: iptables, and c2 on a leased address."""
    bench = Netns(
        "",
        links=(
            *(_LO, _UPLINK, bridge("br-int", 3, "10.1.1.254/24")),
            *(veth("vethm.1", 4, "vethm.2", "router1", "10.2.2.1/24"), tap("tap01", 5), tap("tap02", 6)),
        ),
        routes=(*_uplink_routes(), near("10.1.1.254/24", "br-int"), near("10.2.2.1/24", "vethm.1")),
        neighbours=(Neighbour("10.1.1.1", "br-int", C1_MAC, "REACHABLE"),),
        fdb=(
            FdbEntry("br-int", "tap01", C1_MAC, own=False),
            FdbEntry("br-int", "tap02", C2_MAC, own=False),
            FdbEntry("br-int", "tap01", "fe:54:00:00:00:05", own=True),
        ),
        rules=(DNAT, SNAT),
        policies={"ip nat PREROUTING": "accept", "ip nat POSTROUTING": "accept"},
        sysctls={**_SYSCTLS, "net.ipv4.ip_forward": "1"},
    )
    router = Netns(
        "router1",
        links=(
            replace(_LO, up=False, carrier=False, inet=()),
            veth("vethm.2", 2, "vethm.1", "", "10.2.2.2/24"),
        ),
        routes=(near("10.2.2.2/24", "vethm.2"),),
        sysctls=_SYSCTLS,
    )
    plain = replace(
        untouched(),
        namespaces=(bench, router),
        guests=(
            guest("c1", C1_MAC, "tap01", "/vms/cirros/cirros1.img", 0, "10.1.1.1/24"),
            guest("c2", C2_MAC, "tap02", "/vms/cirros/cirros2.img", 2, "10.1.1.11/24"),
        ),
        images=(
            *untouched().images,
            Image("/vms/centos/centos.img", "qcow2", 80 * GIB, 13_000_000, preallocated=True),
        ),
        files=(
            FileSeen("/usr/bin/qemu-kvm", "link", executable=True, target="/usr/libexec/qemu-kvm"),
            FileSeen("/etc/qemu-ifup", "file", executable=True, text=_SCRIPT),
        ),
        dhcp_servers=(server(),),
        leases=(Lease("10.1.1.11", C2_MAC, "c2", int(NOW) + 3600),),
    )
    return _asked(plain)


def server(
    *,
    interfaces: tuple[str, ...] = ("br-int",),
    ranges: tuple[tuple[str, str], ...] = (("10.1.1.11", "10.1.1.100"),),
    router: str | None = "10.1.1.254",
    netns: str = "",
) -> DhcpServer:
    options = {} if router is None else {3: router}
    return DhcpServer(500, ("dnsmasq", "-i", *interfaces), netns, interfaces, ranges, options)


def _asked(seen: Snapshot) -> Snapshot:
    """Every question of the course, answered as it should be."""
    said = {
        PAGE: "you are 172.16.0.67\n",
        SHELL: "c1",
        OFFER: "address=10.1.1.12 router=10.1.1.254 server=10.1.1.254 mask=255.255.255.0",
        SCREEN_1: "RFB 003.008\n",
        SCREEN_2: "RFB 003.008\n",
        SSHD: "SSH-2.0-dropbear_2022.83",
    }
    pings = (PING_EACH_OTHER, PING_BENCH, PING_GUEST, PING_ROUTER, PING_FROM_ROUTER, PING_OUTSIDE)
    answered = tuple(ProbeResult(probe, ok=True, said=text, took_ms=2.0) for probe, text in said.items())
    silent = ProbeResult(INTRUDER, ok=False, why="no answer")
    return replace(seen, probes=(*answered, *(ProbeResult(p, ok=True, took_ms=0.4) for p in pings), silent))


def modern() -> Snapshot:
    """The same by the other road: nft instead of iptables, another order, IPv6, links of somebody else's."""
    seen = change_netns(
        solved(), "", rules=(MASQUERADE, NFT_DNAT), policies={"ip course postrouting": "accept"}
    )
    bench = seen.namespaces[0]
    noise = (
        Link(
            "docker0",
            90,
            "bridge",
            "02:42:00:00:00:01",
            up=False,
            carrier=False,
            inet=(IPv4Interface("172.17.0.1/16"),),
        ),
        Link(
            "eth9",
            91,
            "",
            "02:42:00:00:00:02",
            up=True,
            carrier=True,
            inet6=(IPv6Interface("2001:db8::9/64"),),
        ),
    )
    links = tuple(replace(link, inet6=(IPv6Interface("fe80::67/64"),)) for link in reversed(bench.links))
    seen = change_netns(seen, "", links=(*noise, *links), routes=tuple(reversed(bench.routes)))
    accept6 = Rule("ip6", "filter", "FORWARD", "forward", "drop", "drop", packets=9)
    seen = change_netns(seen, "", rules=(accept6, *seen.namespaces[0].rules))
    extra = Netns("blue", (_LO,), sysctls=_SYSCTLS)
    return replace(
        seen,
        namespaces=(seen.namespaces[0], extra, *seen.namespaces[1:]),
        guests=tuple(reversed(seen.guests)),
        probes=tuple(reversed(seen.probes)),
    )
