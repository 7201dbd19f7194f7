"""The course as a whole: its steps fit together, and say what they must."""

from __future__ import annotations

import subprocess

import pytest

from kvmbench import course
from kvmbench.course import Result, Step
from kvmbench.course.catalogue import with_needs
from kvmbench.errors import NoSuchStep
from kvmbench.model import HostFacts, Link, Netns, Snapshot

SLUGS = (
    *("host", "command-line", "image", "veth", "netns", "bridge", "guests"),
    *("consoles", "forwarding", "dnat", "dnsmasq", "virtio", "ksm"),
)
STEPS = pytest.mark.parametrize("step", course.steps(), ids=lambda step: step.slug)

LINKS = (Link("lo", 1, "loopback", "", True, True), Link("ens33", 2, "veth", "", True, True))
FRESH = Snapshot(
    bench="fresh",
    taken_at=1.0,
    namespaces=(Netns("", LINKS, sysctls={"net.ipv4.ip_forward": "0"}),),
    host=HostFacts(None, False, False, "tcg", "no vmx or svm", ksm={"run": "0"}),
)


def test_the_steps_come_in_the_tutorials_order() -> None:
    assert tuple(step.slug for step in course.steps()) == SLUGS


def test_a_check_has_one_name_in_the_whole_course() -> None:
    names = [check.name for step in course.steps() for check in step.checks]
    assert len(names) == len(set(names))


@STEPS
def test_a_step_builds_upon_earlier_ones_only(step: Step) -> None:
    assert set(step.needs) <= set(SLUGS[: SLUGS.index(step.slug)])


@STEPS
def test_a_step_says_its_goal_in_one_sentence_and_is_worth_points(step: Step) -> None:
    assert step.goal.endswith(".")
    assert step.goal.count(". ") == 0
    assert step.points == sum(check.points for check in step.checks) > 0
    assert step.solution
    assert step.rotted


@STEPS
def test_every_check_has_a_mistake_of_its_own(step: Step) -> None:
    names = {check.name for check in step.checks}
    for mistake in step.mistakes:
        assert {mistake.check, *mistake.also} <= names, mistake.name
        assert mistake.check not in mistake.also
    without = names - {mistake.check for mistake in step.mistakes}
    assert without == ({"ksm-running"} if step.slug == "ksm" else set())


@STEPS
def test_the_mistakes_of_a_check_earn_hints_that_differ(step: Step) -> None:
    # The tutorial's shared image ends as a guest that was not started, and earns the same hint to its end.
    hints = [(mistake.check, mistake.hint) for mistake in step.mistakes]
    names = [mistake.name for mistake in step.mistakes]
    assert len(set(hints)) == len(hints)
    assert len(set(names)) == len(names)


@STEPS
def test_on_an_untouched_bench_no_check_passes(step: Step) -> None:
    for result in course.judge(step.slug, FRESH):
        assert result.verdict == ("blocked" if step.slug == "ksm" else "failed"), result
        assert result.earned == 0
        assert result.hint


def test_a_result_goes_to_json_with_the_keys_of_the_contract() -> None:
    (result,) = course.judge("ksm", FRESH)
    assert list(result.to_json()) == ["step", "check", "verdict", "saw", "hint", "points", "earned"]


def test_points_are_earned_by_a_check_that_passes() -> None:
    up = Link("br-int", 3, "bridge", "", True, False)
    seen = Snapshot("b", 1.0, (Netns("", links=(up,)),))
    assert [(result.points, result.earned) for result in course.judge("bridge", seen)] == [(1, 1), (1, 1)]
    assert isinstance(course.judge(["bridge"], seen)[0], Result)


@pytest.mark.parametrize("slugs", ["all", (), ["all"], ["host", "all"]])
def test_all_is_every_step(slugs: str | list[str]) -> None:
    assert {result.step for result in course.judge(slugs, FRESH)} == set(SLUGS)


def test_a_step_that_is_not_there_is_named_with_those_that_are_near() -> None:
    with pytest.raises(NoSuchStep) as caught:
        course.step("brigde")
    assert str(caught.value) == "the course has no step 'brigde'\nDid you mean bridge?"
    with pytest.raises(NoSuchStep, match="The steps are host, command-line"):
        course.step("xyz")


def test_what_a_step_builds_upon_comes_first_and_nothing_else_comes() -> None:
    assert [each.slug for each in with_needs([course.step("dnat")])] == [
        *("host", "bridge", "guests", "forwarding", "dnat")
    ]


@pytest.mark.parametrize("old", [False, True], ids=["today", "old"])
@STEPS
def test_a_script_can_be_read_by_a_shell(step: Step, old: bool) -> None:
    text = course.script(step.slug, old=old)
    assert text.startswith("#!/bin/sh\n")
    assert "\nset -eu\n" in text
    for each in with_needs([step]):
        assert f"# {each.goal}\n" in text
    ended = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")


C1 = (
    "qemu-kvm -name c1 -m 256 -smp 2 -drive file=/vms/cirros/cirros1.img,media=disk,if=virtio,format=qcow2 "
    "-net nic,model=virtio,macaddr=52:54:00:00:00:01 -net tap,ifname=tap01,script=/etc/qemu-ifup "
    "-vnc :0 -daemonize"
)


def test_the_old_script_is_spelt_as_the_tutorial_is() -> None:
    text = course.script("all", old=True)
    for line in (
        "ln -sv /usr/libexec/qemu-kvm /usr/bin",
        "ip link add vethm.1 type veth peer name vethm.2",
        "ip netns exec router1 ifconfig -a",
        "brctl addbr br-int",
        "ifconfig br-int up",
        C1,
        "sysctl -w net.ipv4.ip_forward=1",
        "kvmbench exec --guest c1 -- route add default gw 10.1.1.254",
        "dnsmasq -i br-int -F 10.1.1.11,10.1.1.100 -O 3,10.1.1.254",
    ):
        assert f"\n{line}\n" in text


def test_todays_script_needs_none_of_the_old_tools() -> None:
    words = set(course.script("all").split())
    assert not words & {"brctl", "ifconfig", "iptables", "-net", "-hda"}


def test_the_picture_of_a_step_shows_what_it_builds_upon_too() -> None:
    kinds = [(part.kind, part.name) for part in course.wanted("guests")]
    assert kinds[0] == ("bridge", "br-int")
    assert ("guest", "c2") in kinds


def test_a_look_for_the_whole_course_sees_its_files_and_images() -> None:
    assert course.files() == ("/usr/bin/qemu-kvm", "/etc/qemu-ifup")
    assert course.images()[0] == "/vms/centos/centos.img"
