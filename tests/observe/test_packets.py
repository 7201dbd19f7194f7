"""Packets on real wires: where each was seen, which are the same one, what NAT did; files; and odd bytes."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvmbench.errors import BadInput
from kvmbench.observe.packets import Capture, Frame, Place, Sightings, decode, load, save
from tests.observe.room import inside

# A guest's side, the host that forwards, and a far side: as the tutorial's c1, bench and outside host.
WIRES = """
ip netns add guest; ip netns add far
ip link add br-int type veth peer name eth0 netns guest
ip link add ens33 type veth peer name eth0 netns far
ip address add 10.1.1.254/24 dev br-int; ip link set br-int up
ip address add 172.16.0.67/16 dev ens33; ip link set ens33 up
ip -n guest address add 10.1.1.1/24 dev eth0; ip -n guest link set eth0 up; ip -n guest link set lo up
ip -n guest route add default via 10.1.1.254
ip -n far address add 172.16.0.1/16 dev eth0; ip -n far link set eth0 up
sysctl -qw net.ipv4.ip_forward=1
iptables -t nat -A POSTROUTING -s 10.1.1.0/24 -o ens33 -j MASQUERADE
iptables -t nat -A PREROUTING -d 172.16.0.67 -p tcp --dport 22922 -j DNAT --to 10.1.1.1:22
"""
HARNESS = """
import json, subprocess, sys, time
from kvmbench.observe.packets import Capture
from tests.observe.room import back_at, kept
def sh(line):
    subprocess.run(["sh", "-c", line], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
def rows(packets):
    return [[p.number, p.sighting, p.frame.place, p.frame.outgoing, p.protocol, p.source, p.target, p.says,
             p.translated] for p in packets]
"""


def told(snippet: str) -> Any:
    return json.loads(inside(WIRES, HARNESS + snippet).splitlines()[-1])


@pytest.mark.bench
def test_a_ping_is_seen_on_both_sides_as_one_packet_whose_source_was_translated() -> None:
    rows = told(
        """
with Capture("br-int", "ens33", what="icmp") as seen:
    sh("ip netns exec guest ping -c 1 -W 2 172.16.0.1")
print(json.dumps(rows(seen.packets)))
"""
    )
    assert [row[:7] for row in rows] == [
        [1, 1, "br-int", False, "ICMP", "10.1.1.1", "172.16.0.1"],
        [1, 2, "ens33", True, "ICMP", "172.16.0.67", "172.16.0.1"],
        [2, 1, "ens33", False, "ICMP", "172.16.0.1", "172.16.0.67"],
        [2, 2, "br-int", True, "ICMP", "172.16.0.1", "10.1.1.1"],
    ]
    assert [row[7] for row in rows] == ["echo request, number 1"] * 2 + ["echo reply, number 1"] * 2
    assert [row[8] for row in rows] == [
        "",
        "SNAT: source 10.1.1.1 → 172.16.0.67",
        "",
        "SNAT undone: target 172.16.0.67 → 10.1.1.1",
    ]


@pytest.mark.bench
def test_a_connection_from_outside_is_seen_before_and_after_its_target_was_translated() -> None:
    rows = told(
        """
server = '''import socket; s = socket.create_server(("10.1.1.1", 22)); print(flush=True); c = s.accept()[0]
c.sendall(b"SSH-2.0-dropbear\\\\r\\\\n"); c.recv(1)'''
client = '''import socket; s = socket.create_connection(("172.16.0.67", 22922)); s.recv(99)'''
enter = ["ip", "netns", "exec", "guest"]
listening = subprocess.Popen([*enter, sys.executable, "-c", server], stdout=subprocess.PIPE)
listening.stdout.readline()
with Capture("ens33", "br-int", "guest/eth0", what="tcp") as seen:
    subprocess.run(["ip", "netns", "exec", "far", sys.executable, "-c", client], check=True)
    listening.wait()
print(json.dumps(rows(seen.packets)))
"""
    )
    first = [row for row in rows if row[0] == 1]
    assert [row[2] for row in first] == ["ens33", "br-int", "guest/eth0"]
    assert first[0][7] == "SYN"
    assert first[0][6] == "172.16.0.67:22922"
    assert first[1][8] == "DNAT: target 172.16.0.67:22922 → 10.1.1.1:22"
    assert first[2][8] == ""
    answer = [row for row in rows if row[0] == 2]
    assert [row[2] for row in answer] == ["guest/eth0", "br-int", "ens33"]
    assert answer[2][8] == "DNAT undone: source 10.1.1.1:22 → 172.16.0.67:22922"
    assert any(row[7].endswith("18 bytes: SSH-2.0-dropbear") for row in rows)


@pytest.mark.bench
def test_each_question_of_arp_and_each_echo_is_a_packet_of_its_own() -> None:
    rows = told(
        """
with Capture("br-int", what="arp or icmp") as seen:
    sh("ip netns exec guest ping -c 3 -i 0.2 -W 2 10.1.1.254")
print(json.dumps(rows(seen.packets)))
"""
    )
    assert sorted({row[0] for row in rows}) == list(range(1, len(rows) + 1))
    assert rows[0][4:8] == ["ARP", "10.1.1.1", "10.1.1.254", "who has 10.1.1.254? tell 10.1.1.1"]
    assert sum("echo request" in row[7] for row in rows) == 3


@pytest.mark.bench
def test_dhcp_and_dns_are_read() -> None:
    rows = told(
        """
sh("ip netns exec guest dnsmasq --user= --group= --interface=eth0 --dhcp-range=10.1.1.11,10.1.1.100 "
   "--dhcp-option=3,10.1.1.254 --dhcp-leasefile=/run/l --pid-file=/run/p --no-ping "
   "--address=/c1.bench/10.1.1.1")
with Capture("br-int", what="udp") as seen:
    sh("busybox udhcpc -i br-int -n -q -t 3 -T 1 -s /bin/true")
    sh("busybox nslookup -type=a c1.bench 10.1.1.1")
    time.sleep(0.1)
sh("kill $(cat /run/p)")
print(json.dumps(rows(seen.packets)))
"""
    )
    said = [row[7] for row in rows]
    dhcp = [row[7].split(",")[0] for row in rows if row[4] == "DHCP"]
    assert dhcp[:4] == ["DISCOVER", "OFFER", "REQUEST", "ACK"]
    assert any(line.startswith("ACK, address 10.1.1.") and "router 10.1.1.254" in line for line in said)
    assert "asks A c1.bench" in said
    assert "answers A c1.bench: 10.1.1.1" in said


@pytest.mark.bench
def test_a_storm_keeps_to_its_limits_and_nothing_is_left_open() -> None:
    kept, gone, last, clean = told(
        """
before = kept()
with Capture("br-int", "ens33", what="icmp", most_packets=100) as seen:
    sh("ip netns exec guest ping -f -c 400 -W 2 172.16.0.1")
for odd in range(5):
    Capture("br-int").start().stop().stop()
    Capture("br-int", count=1, what="icmp").start().wait(0.01)
counted = Capture("br-int", count=2, what="icmp").start()
sh("ip netns exec guest ping -c 4 -i 0.2 -W 2 172.16.0.1")
counted.wait(20)
assert len(counted.packets) == 2 and not counted.running
print(json.dumps([len(seen.packets), seen.let_go, seen.packets[-1].says,
                  back_at(before)]))
"""
    )
    assert (kept, kept + gone) == (100, 1600)
    assert last.startswith("echo reply")
    assert clean


@pytest.mark.bench
def test_an_interface_that_goes_away_does_not_keep_a_processor_busy() -> None:
    assert told(
        """
with Capture("br-int", "ens33") as seen:
    sh("ip link del br-int")
    before = time.process_time()
    time.sleep(0.4)
    print(json.dumps(time.process_time() - before < 0.2))
"""
    )


@pytest.mark.bench
def test_what_cannot_be_listened_to_is_said_in_two_lines() -> None:
    said = told(
        """
from kvmbench.errors import KvmbenchError
found = []
wrong = (["eth9"], ""), (["far/eth9"], ""), (["gone/eth0"], ""), (["br-int"], "icmp and"), ([], "")
for places, what in wrong:
    try:
        Capture(*places, what=what).start()
    except KvmbenchError as error:
        found.append(str(error).splitlines())
print(json.dumps(found))
"""
    )
    assert [first for first, _ in said] == [
        "there is no interface eth9: No such device",
        "there is no interface eth9 in namespace far: No such device",
        "the network namespace gone could not be entered: No such file or directory",
        "'icmp and' is no filter: can't parse filter expression: syntax error",
        "a capture listens at 1 to 32 interfaces, not at 0",
    ]


ARP = bytes.fromhex(
    "ffffffffffff5254000000010806000108000604000152540000000100000a0101010000000000000a010102"
)
FRAMES = (
    Frame(1_700_000_000_123_456_789, "ens33", True, b"\xff" * 60, 60),
    Frame(1_700_000_001_000_000_001, "router1/vethm.2", False, b"\x01" * 61, 1514),
)


def test_a_pcapng_keeps_places_directions_and_nanoseconds(tmp_path: Path) -> None:
    assert load(save(FRAMES, tmp_path / "seen.pcapng")) == FRAMES


def test_a_pcap_keeps_the_frames(tmp_path: Path) -> None:
    read = load(save(FRAMES, tmp_path / "seen.pcap"))
    assert [(frame.time_ns, frame.data, frame.size) for frame in read] == [
        (frame.time_ns, frame.data, frame.size) for frame in FRAMES
    ]


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="no tcpdump to read it with")
@pytest.mark.parametrize("suffix", [".pcap", ".pcapng"])
def test_tcpdump_reads_what_was_saved(tmp_path: Path, suffix: str) -> None:
    ping = bytes.fromhex(
        "525400000002525400000001080045000054abcd40004001000a0a010101ac10000108001234000100010000000000"
    )
    path = save([Frame(FRAMES[0].time_ns, "br-int", False, ping, len(ping))], tmp_path / f"seen{suffix}")
    said = subprocess.run(["tcpdump", "-ttnr", path], capture_output=True, text=True, check=True).stdout
    assert said.startswith("1700000000.123456")
    assert "10.1.1.1 > 172.16.0.1: ICMP echo request, id 1, seq 1" in said


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("seen.txt", b"", "'seen.txt' is no name for a capture"),
        ("none.pcap", None, "none.pcap cannot be read: No such file or directory"),
        ("odd.pcap", b"GIF89a..", "odd.pcap is no capture of Ethernet frames: it begins with other bytes"),
        ("short.pcap", b"\xd4\xc3", "short.pcap is no capture of Ethernet frames"),
        (
            "wifi.pcap",
            struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 105),
            "wifi.pcap is no capture of Ethernet frames: its link type is 105",
        ),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, name: str, data: bytes | None, says: str) -> None:
    path = tmp_path / name
    if data:
        path.write_bytes(data)
    with pytest.raises(BadInput) as raised:
        save(FRAMES, path) if data == b"" else load(path)
    assert says in str(raised.value)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_stop_the_decoder(data: bytes) -> None:
    assert decode(data).says


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(ARP)), st.integers(0, len(ARP) - 1), st.integers(0, 255))
def test_no_changed_and_cut_frame_stops_it_either(cut: int, at: int, value: int) -> None:
    spoilt = bytearray(ARP)
    spoilt[at] = value
    assert decode(bytes(spoilt[:cut])).says


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_stop_the_reader_of_files(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.pcapng"
    for head in (b"", struct.pack("<I", 0x0A0D0D0A), struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 9, 1)):
        path.write_bytes(head + data)
        try:
            assert all(frame.place for frame in load(path))
        except BadInput as error:  # that it is none is an answer too
            assert error.hint  # noqa: PT017


def test_an_answer_long_afterwards_is_another_packet() -> None:
    sightings = Sightings()
    one = sightings.packet(Frame(0, "br-int", False, ARP, len(ARP)))
    same = sightings.packet(Frame(1_000_000, "ens33", True, ARP, len(ARP)))
    late = sightings.packet(Frame(9_000_000_000, "tap02", True, ARP, len(ARP)))
    assert (one.number, same.number, same.sighting, late.number) == (1, 1, 2, 2)


@pytest.mark.parametrize("written", ["", "  ", "/eth0", "router1/"])
def test_a_place_that_names_no_interface_is_refused(written: str) -> None:
    with pytest.raises(BadInput):
        Place.read(written)


def test_a_capture_without_an_interface_is_refused_before_it_starts() -> None:
    with pytest.raises(BadInput, match="listens at 1 to 32"):
        Capture()


@pytest.mark.bench
def test_a_capture_shows_itself_as_rows_and_says_what_it_did() -> None:
    empty, text, page = told(
        """
seen = Capture("br-int", "ens33", what="icmp")
empty = repr(seen)
with seen:
    sh("ip netns exec guest ping -c 1 -W 2 172.16.0.1")
print(json.dumps([empty, repr(seen), seen._repr_mimebundle_()["text/html"]]))
"""
    )
    assert empty == "nothing passed at br-int, ens33, icmp"
    lines = text.splitlines()
    assert lines[0].split()[:3] == ["packet", "ms", "seen"]
    assert lines[2].startswith("1 again")
    assert "ens33 → out" in lines[2]
    assert "echo request, number 1 (SNAT: source 10.1.1.1 → 172.16.0.67)" in lines[2]
    assert lines[-1] == "4 packets at br-int, ens33, icmp"
    assert page.count("<tr>") == 5
    assert "<b>SNAT: source 10.1.1.1 → 172.16.0.67</b>" in page
