"""Snapshots that nobody would expect, for hypothesis: the right words in the wrong places, and gaps."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface

from hypothesis import strategies as st

from kvmbench.model import (
    BridgePort,
    BridgeState,
    DhcpServer,
    Drive,
    FdbEntry,
    FileSeen,
    Flow,
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
from tests.check.benches import C1_MAC, C2_MAC, NOW

maybe = st.booleans()
junk = st.one_of(st.just(""), st.text(max_size=8), st.just("line one\nline two\n"))
links = st.sampled_from(["lo", "ens33", "br-int", "tap01", "tap02", "vethm.1", "vethm.2", "br-ext"])
rooms = st.sampled_from(["", "router1", "blue"])
guests = st.sampled_from(["c1", "c2", "C1", "guest1", ""])
macs = st.one_of(st.sampled_from([C1_MAC, C2_MAC.upper(), "52:54:00:12:34:56"]), junk)
texts = [
    *("10.1.1.1", "10.1.1.2", "10.1.1.11", "10.1.1.254", "10.2.2.1", "10.2.2.2"),
    *("172.16.0.1", "172.16.0.67", "172.16.0.99", "127.0.0.1", "0.0.0.0", "255.255.255.255"),
]
ips = st.sampled_from([IPv4Address(text) for text in texts])
interfaces = st.builds(
    lambda ip, length: IPv4Interface((ip, length)), ips, st.sampled_from([0, 8, 16, 24, 31, 32])
)
networks = st.builds(lambda held: held.network, interfaces)
several = st.lists(interfaces, max_size=2).map(tuple)
matched = st.one_of(
    st.none(),
    st.sampled_from(
        [*texts, "10.1.1.0/24", "!10.1.1.0/24", "10.1.1.9-10.1.1.1", "10.1.1.1,10.1.1.2", "@set", "!"]
    ),
    junk,
)
numbers = st.sampled_from(["0", "1", "2", "", "-1", "9" * 30, "²", "many", "1\n"])

link = st.builds(
    *(
        Link,
        links,
        st.integers(0, 9),
        st.sampled_from(["veth", "bridge", "tun", "", "dummy"]),
        macs,
        maybe,
        maybe,
    ),
    mtu=st.sampled_from([1500, 1400, 0]),
    master=st.one_of(st.none(), links),
    peer=st.one_of(st.none(), links),
    peer_netns=st.one_of(st.none(), rooms),
    inet=several,
    port=st.one_of(
        st.none(), st.builds(BridgePort, st.sampled_from(["forwarding", "listening", "blocking", "odd"]))
    ),
    bridge=st.one_of(st.none(), st.builds(BridgeState, maybe, st.just(300.0), st.just(15.0))),
)
rule = st.builds(
    *(Rule, st.sampled_from(["ip", "inet", "ip6", "bridge", ""]), st.sampled_from(["nat", "filter"])),
    st.sampled_from(["FORWARD", "POSTROUTING", "mine"]),
    hook=st.sampled_from(["prerouting", "input", "forward", "output", "postrouting", ""]),
    action=st.sampled_from(
        ["snat", "masquerade", "dnat", "accept", "drop", "reject", "redirect", "jump", ""]
    ),
    text=st.one_of(
        junk, st.sampled_from(["ct state established accept", "-m conntrack --ctstate NEW -j DROP"])
    ),
    packets=st.one_of(st.none(), st.integers(0, 2)),
    source=matched,
    destination=matched,
    in_link=st.one_of(st.none(), links, st.just("br+"), junk),
    out_link=st.one_of(st.none(), links, st.just("!ens33"), junk),
    protocol=st.sampled_from([None, "tcp", "udp", "icmp", "all", ""]),
    port=st.sampled_from([None, 22, 22922, 0, 99999]),
    to=st.one_of(
        st.none(), st.sampled_from(["10.1.1.1:22", "10.1.1.1:", ":22", "10.1.1.1-10.1.1.9:1-2"]), junk
    ),
)
netns = st.builds(
    *(Netns, rooms, st.lists(link, max_size=6).map(tuple)),
    st.lists(
        st.builds(Route, networks, st.one_of(st.none(), ips), st.one_of(st.none(), links)), max_size=4
    ).map(tuple),
    st.lists(
        st.builds(
            Neighbour,
            st.sampled_from(texts),
            links,
            st.one_of(st.none(), macs),
            st.sampled_from(["STALE", ""]),
        ),
        max_size=2,
    ).map(tuple),
    st.lists(st.builds(FdbEntry, links, links, macs, maybe), max_size=2).map(tuple),
    st.lists(rule, max_size=4).map(tuple),
    st.dictionaries(
        st.sampled_from(["ip filter FORWARD", "inet f out", "", "one"]), st.sampled_from(["drop", "accept"])
    ),
    st.dictionaries(
        st.sampled_from(
            [
                "net.ipv4.ip_forward",
                "net.bridge.bridge-nf-call-iptables",
                "net.ipv4.conf.all.rp_filter",
                "net.ipv4.conf.br-int.rp_filter",
            ]
        ),
        numbers,
    ),
    flows=st.lists(st.builds(Flow, junk, ips, ips, st.just(67), junk, st.integers(0, 9)), max_size=2).map(
        tuple
    ),
)
inside = st.builds(
    *(Inside, guests, st.dictionaries(st.sampled_from(["lo", "eth0"]), several), st.one_of(st.none(), ips)),
    st.dictionaries(st.sampled_from(["eth0"]), st.sampled_from(["virtio_net", "e1000", ""])),
)
guest = st.builds(
    *(Guest, guests, st.integers(0, 99), st.just(("qemu",))),
    st.sampled_from(["running", "running", "paused", "unknown", "io-error", "shutdown", "", "odd"]),
    st.sampled_from(["kvm", "tcg", ""]),
    st.sampled_from([0, 128, 256]),
    st.sampled_from([0, 1, 2]),
    drives=st.lists(
        st.builds(Drive, st.sampled_from(["/vms/cirros/cirros1.img", "cirros1.img", "", "/"]), junk, junk),
        max_size=2,
    ).map(tuple),
    nics=st.lists(st.builds(Nic, junk, macs, st.one_of(st.none(), links)), max_size=2).map(tuple),
    vnc=st.sampled_from([None, "", "0.0.0.0:5900", ":0", "/run/x:1", "x:99999999", "none"]),
    console=st.one_of(st.none(), junk),
    inside=st.one_of(st.none(), inside),
)
paths = st.sampled_from(
    ["/usr/bin/qemu-kvm", "/etc/qemu-ifup", "/vms/centos/centos.img", "/vms/cirros/cirros1.img"]
)
image = st.builds(
    *(
        Image,
        paths,
        st.sampled_from(["qcow2", "raw", ""]),
        st.sampled_from([0, 1, 80 << 30, 64 << 20]),
        st.just(0),
    ),
    st.one_of(st.none(), paths),
    preallocated=st.sampled_from([None, True, False]),
    trouble=st.one_of(st.none(), junk),
)
file = st.builds(
    *(FileSeen, paths, st.sampled_from(["file", "link", "missing", ""]), maybe),
    st.one_of(st.none(), paths),
    maybe,
    st.sampled_from(["", "\n", "#!", "#!/bin/sh\n", "#!/bin/sh\r\n", "\x00", "#! /bin/bash"]),
)
servers = st.builds(
    *(DhcpServer, st.integers(0, 9), st.just(("dnsmasq",)), rooms, st.lists(links, max_size=2).map(tuple)),
    st.lists(st.tuples(st.sampled_from(texts), junk), max_size=2).map(tuple),
    st.dictionaries(st.sampled_from([3, 6]), st.one_of(junk, st.sampled_from(texts))),
)
leases = st.builds(
    Lease, st.one_of(st.sampled_from(texts), junk), macs, st.none(), st.sampled_from([0, -1, 1 << 40])
)
host = st.builds(
    *(HostFacts, st.sampled_from([None, "vmx"]), maybe, maybe, st.sampled_from(["kvm", "tcg", ""]), junk),
    ksm=st.dictionaries(st.sampled_from(["run", "pages_sharing", "full_scans"]), numbers),
)


def results(probe: Probe) -> st.SearchStrategy[ProbeResult]:
    said = st.one_of(
        junk,
        st.sampled_from(
            ["172.16.0.67", "999.1.1.1", "c1", "RFB 003", "address=10.1.1.11 router=10.1.1.254 mask=x", "="]
        ),
    )
    why = st.one_of(junk, st.sampled_from(["Connection refused", "Permission denied"]))
    return st.builds(ProbeResult, st.just(probe), st.sampled_from([True, False, False, None]), said, why)


def snapshots(probes: list[Probe]) -> st.SearchStrategy[Snapshot]:
    """Snapshots in which some of these questions were asked."""
    return st.builds(
        *(Snapshot, st.just("default"), st.just(NOW), st.lists(netns, max_size=3).map(tuple)),
        st.lists(guest, max_size=3).map(tuple),
        st.lists(image, max_size=2).map(tuple),
        st.lists(file, max_size=2).map(tuple),
        st.lists(servers, max_size=2).map(tuple),
        st.lists(leases, max_size=2).map(tuple),
        st.one_of(st.none(), host),
        st.lists(st.sampled_from(probes).flatmap(results), max_size=6).map(tuple),
        st.lists(junk, max_size=1).map(tuple),
    )
