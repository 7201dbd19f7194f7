"""What a guest answers counts as far as the wires bear it out, each of the grader's defences by itself."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface

import pytest

from kvmbench.grade.questions import GuestAnswer, Marked, proved, translated, whose_shell
from kvmbench.grade.wiretap import Frame
from kvmbench.model import Guest, Inside, Nic, Probe, ProbeResult
from kvmbench.observe.wire import Answer

ME, OTHER = "10.1.1.1", "10.1.1.2"
SIZE, PATH = 333, "4be1c0"


def guest(name: str, address: str, tap: str) -> Guest:
    said = Inside(name, {"eth0": (IPv4Interface(f"{address}/24"),)}, None, {"eth0": "virtio_net"})
    nics = (Nic("virtio", "52:54:00:00:00:01", tap),)
    return Guest(name, 1, (), "running", "tcg", 256, 1, nics=nics, inside=said)


C1, C2 = guest("c1", ME, "tap01"), guest("c2", OTHER, "tap02")
ASKED = Frame("tap01", False, ME, OTHER, 1, SIZE, 8, b"")
BACK = Frame("tap01", True, OTHER, ME, 1, SIZE, 0, b"")
AT_OTHER = replace(ASKED, link="tap02", outgoing=True)
PING = Marked(Probe.ping("guest:c1", "guest:c2"), OTHER, "ping", size=SIZE)
PAGE = Marked(Probe.http("guest:c1", "172.16.0.1"), "172.16.0.1", "wget", path=PATH)
REQUEST = Frame("tap01", False, ME, "172.16.0.1", 6, 60, 80, f"GET /{PATH} HTTP/1.1".encode())


def answered(marked: Marked, *frames: Frame, ok: bool = True) -> ProbeResult:
    return proved(GuestAnswer(marked, Answer(ok, "said")), C1, [C1, C2], frames)


def test_a_ping_that_passed_both_taps_counts() -> None:
    assert answered(PING, ASKED, AT_OTHER, BACK).ok


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ((), "no such packet passed the tap of c1"),
        ((ASKED, AT_OTHER), "no such packet passed the tap of c1"),
        ((AT_OTHER, BACK), "no such packet passed the tap of c1"),
        ([replace(each, size=56) for each in (ASKED, AT_OTHER, BACK)], "no such packet passed the tap of c1"),
        ([replace(each, link="veth0") for each in (ASKED, BACK)], "no such packet passed the tap of c1"),
        ((ASKED, BACK), "somebody else answered for c2"),
    ],
)
def test_a_ping_that_is_only_said_to_have_been_answered_does_not(frames: tuple[Frame], why: str) -> None:
    told = answered(PING, *frames)
    assert told.ok is False
    assert told.why == why


def test_a_request_must_have_passed_the_guests_own_tap() -> None:
    assert answered(PAGE, REQUEST).ok
    for frames in ((), (replace(REQUEST, link="tap02"),), (replace(REQUEST, payload=b"GET / HTTP/1.1"),)):
        assert answered(PAGE, *frames).why == "no such request passed the tap of c1"


def test_what_a_guest_says_it_did_not_get_is_believed() -> None:
    assert answered(PING, ASKED, AT_OTHER, BACK, ok=False).ok is False


def test_a_page_is_told_by_the_address_that_asked_the_outside_host() -> None:
    got = ProbeResult(PAGE.probe, True, "what the guest printed")
    assert translated(got, PATH, {PATH: "172.16.0.67"}).said == "172.16.0.67"
    assert translated(got, PATH, {"another": "172.16.0.67"}).ok is False
    failed = replace(got, ok=False)
    assert translated(failed, PATH, {PATH: "172.16.0.67"}) == failed


def test_a_shell_is_known_by_the_secret_that_its_guest_was_told() -> None:
    told = {"c1": "a1-100", "c2": "b2-200"}
    assert whose_shell("b2-200", told) == "c2"
    assert whose_shell("c1", told) == "(not a guest) c1"
    assert whose_shell("", told) == "(not a guest) "
