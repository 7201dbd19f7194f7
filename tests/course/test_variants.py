"""Variants: valid, each student's own, drawn the same again; and a classmate's values are told."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import combinations
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from kvmbench import course
from kvmbench.course.plan import TUTORIAL, Plan, plan_from_json
from kvmbench.course.variants import Ranges, Variant, foreign_values, steps_for, variant_of
from kvmbench.errors import BadInput
from kvmbench.model import Guest, Link, Netns, Nic, Snapshot
from tests.course.conftest import OnBench

KEY = bytes(range(32))
UPLINK = IPv4Network("172.16.0.0/16")


def _assert_valid(plan: Plan) -> None:
    network, cable = IPv4Network(plan.network), IPv4Network(f"{plan.near}/24", strict=False)
    hosts = [plan.router, plan.c1_address, plan.c2_address, plan.first_lease, plan.last_lease]
    addresses = [IPv4Address(each) for each in (*hosts, plan.near, plan.far)]
    assert len(set(addresses)) == 7
    assert all(each in network for each in addresses[:5])
    assert all(each in cable and each.packed[3] not in (0, 255) for each in addresses[5:])
    assert not any(one.overlaps(other) for one, other in combinations((network, cable, UPLINK), 2))
    first, last = IPv4Address(plan.first_lease), IPv4Address(plan.last_lease)
    assert first < last
    assert not any(first <= each <= last for each in addresses[:3])
    assert 20000 <= plan.ssh_outside <= 29999
    assert len(set(plan.macs)) == 3
    assert all(re.fullmatch("52:54:00(:[0-9a-f]{2}){3}", mac) for mac in plan.macs)
    assert "52:54:00:12:34:56" not in plan.macs
    assert not set(plan.macs) & set(TUTORIAL.macs)


@settings(max_examples=10_000, deadline=None)
@given(some.binary(min_size=16, max_size=64), some.text(min_size=1, max_size=40))
def test_every_key_and_student_have_a_valid_variant_and_always_the_same(key: bytes, student: str) -> None:
    one = variant_of(key, student)
    _assert_valid(one.plan)
    assert one == variant_of(key, student)


def test_two_of_a_class_seldom_share_a_value_and_never_all() -> None:
    plans = [variant_of(KEY, f"student-{number}").plan for number in range(10_000)]
    assert len(set(plans)) == len(plans)
    # 47,104 networks: by the birthday rule some 990 of 10,000 are not the first to have theirs.
    assert 10_000 - len({plan.network for plan in plans}) < 1_150
    assert 10_000 - len({plan.macs for plan in plans}) < 20
    assert len({plan.ssh_outside for plan in plans}) > 6_000


def test_what_is_drawn_today_is_drawn_next_year() -> None:
    assert variant_of(KEY, "anna").plan == Plan(
        network="10.93.60.0/24",
        router="10.93.60.247",
        c1_address="10.93.60.3",
        c2_address="10.93.60.5",
        first_lease="10.93.60.34",
        last_lease="10.93.60.84",
        near="192.168.99.234",
        far="192.168.99.235",
        ssh_outside=27167,
        macs=("52:54:00:20:c1:b8", "52:54:00:20:c1:b9", "52:54:00:20:c1:ba"),
    )


@pytest.mark.parametrize(("key", "student"), [(b"short", "anna"), (KEY, "")])
def test_a_draw_that_could_be_guessed_is_refused(key: bytes, student: str) -> None:
    with pytest.raises(BadInput, match="16 bytes"):
        variant_of(key, student)


def test_an_instructor_narrows_the_ranges_and_a_range_that_does_not_work_is_refused() -> None:
    narrow = Ranges(second_byte=(20, 20), ssh_outside=(2000, 2009))
    plan = variant_of(KEY, "anna", narrow).plan
    assert plan.network.startswith("10.20.")
    assert 2000 <= plan.ssh_outside <= 2009
    for bad in ({"guests": (3, 3)}, {"router": (254, 300)}, {"first_lease": (40, 20)}):
        with pytest.raises(BadInput):
            Ranges(**bad)


def test_the_steps_of_a_variant_ask_for_its_numbers_under_the_course_s_names() -> None:
    anna = variant_of(KEY, "anna")
    steps = steps_for(anna)
    typed = "\n".join(line for step in steps for action in step.solution for line in action.today)
    for value in anna.values().values():
        assert value in typed, value
    for value in Variant("", TUTORIAL).values().values():
        assert not re.search(rf"{re.escape(value)}(?![\d.])", typed), value
    assert [check.name for step in steps for check in step.checks] == [
        check.name for step in course.steps() for check in step.checks
    ]


def test_a_plan_goes_to_json_and_back_and_one_that_was_tampered_with_is_refused() -> None:
    plan = variant_of(KEY, "anna").plan
    text = msgspec.json.encode(plan).decode()
    assert plan_from_json(text) == plan
    for wrong in ("[]", "{", text.replace(plan.router, plan.c1_address), text.replace(plan.far, "10.9.9.9")):
        with pytest.raises(BadInput):
            plan_from_json(wrong)


def test_values_of_a_classmate_are_told_with_the_name_and_own_ones_are_not() -> None:
    anna, ben, cyd = (variant_of(KEY, name) for name in ("anna", "ben", "cyd"))
    nic = Nic("virtio", ben.plan.macs[0].upper(), "tap01")
    guest = Guest("c1", 1, (), "running", "tcg", 256, 2, nics=(nic,))
    link = Link("br-int", 3, "bridge", "", True, True)
    seen = Snapshot("b", 1.0, (Netns("", (link,)),), guests=(guest,))
    (found,) = foreign_values(seen, anna, [anna, ben, cyd])
    assert found == ("ben", "the MAC address of c1", ben.plan.macs[0])
    assert found.says == f"{ben.plan.macs[0]} is the MAC address of c1 in the variant of ben"
    assert foreign_values(seen, ben, [anna, ben, cyd]) == ()


def test_a_host_of_a_classmates_network_is_told_and_one_of_ones_own_or_the_tutorials_is_not() -> None:
    """An own step asks for such hosts, and they stand in no list of a variant's values."""
    anna, ben, cyd = (variant_of(KEY, name) for name in ("anna", "ben", "cyd"))
    hosts = [plan.host(150) for plan in (anna.plan, ben.plan, TUTORIAL)]
    held = tuple(IPv4Interface(f"{host}/24") for host in hosts)
    link = Link("lamp.2", 3, "veth", "", True, True, inet=held)
    seen = Snapshot("b", 1.0, (Netns("lamp", (link,)),))
    (found,) = foreign_values(seen, anna, [anna, ben, cyd])
    assert found == ("ben", "a host of the bridge's network", ben.plan.host(150))


@pytest.mark.bench
@pytest.mark.guest
def test_a_bench_of_a_variant_is_solved_and_checked_and_a_classmates_is_recognised(
    bench: OnBench, tmp_path: Path
) -> None:
    key, names = tmp_path / "key", tmp_path / "class"
    key.write_bytes(KEY)
    names.write_text("anna\nben\ncyd\n")
    words = ["variant", "--student", "ben", "--key", str(key), "-b", bench.name]
    bench.kvmbench(*words).checked()
    bench.kvmbench("solve", "dnat", "dnsmasq", "netns", "-b", bench.name).checked()
    steps = ["netns", "bridge", "guests", "forwarding", "dnat", "dnsmasq"]
    checked = bench.kvmbench("check", *steps, "-b", bench.name, "--json")
    assert [each for each in json.loads(checked.out) if each["verdict"] != "passed"] == []
    look = ["variant", "--key", str(key), "-b", bench.name, "--class", str(names), "--json", "--student"]
    assert json.loads(bench.kvmbench(*look, "ben").checked().out) == []
    told = json.loads(bench.kvmbench(*look, "anna").checked().out)
    assert {each["student"] for each in told} == {"ben"}
    assert {"the MAC address of c1", "the gateway", "the outer ssh port"} <= {each["what"] for each in told}
    bench.kvmbench("variant", "--student", "anna", "--key", str(key), "-b", bench.name).checked()
    again = json.loads(bench.kvmbench("check", *steps, "-b", bench.name, "--json").out)
    failing = {each["check"] for each in again if each["verdict"] == "failed"}
    assert {"c1-mac", "c2-mac", "br-int-address", "c1-address", "c1-ssh-from-outside"} <= failing
