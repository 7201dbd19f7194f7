"""Guests created on a real bench: stages come in order, a failure leaves nothing, a snapshot brings back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from kvmbench.bench import lifecycle

pytestmark = [pytest.mark.bench, pytest.mark.guest]

BENCH = "forms-test"
_SCRIPT = """
import json, os, sys, time
from kvmbench import course
from kvmbench.act import ifup
from kvmbench.act.action import apply, apply_all
from kvmbench.errors import KvmbenchError
from kvmbench.forms import FORMS, actions_for, carry_out, create, guest_rows
from kvmbench.lesson import ask_guest
from kvmbench.observe import look
from kvmbench.widgets.guests import GuestTable

told = {}
course.solve(["host", "bridge"])
apply(ifup.write("br-int"))
carry_out(FORMS["image"], {"path": "/vms/mine.img", "size": "", "backing": "/vms/base/guest.qcow2"})
LINE = ("qemu-kvm -name c7 -m 256 -smp 2 -drive file=/vms/mine.img,if=virtio,format=qcow2 "
        "-nic tap,model=virtio,mac=52:54:00:00:00:07,ifname=tap07,script=/etc/qemu-ifup -vnc none -daemonize")

def left():
    links = [link.name for link in look(insides=False).namespaces[0].links]
    return [os.path.exists("/run/kvmbench/guests/c7"), "tap07" in links, len(look(insides=False).guests)]

def refused(line):
    try:
        list(create(line))
    except KvmbenchError as error:
        return [error.what, error.hint, *left()]

told["no image"] = refused(LINE.replace("mine.img", "none.img"))
told["qemu refuses"] = refused(LINE.replace("-smp 2", "-smp 2 -cpu max,no-such-feature=on"))
told["no daemon"] = refused(LINE.replace(" -daemonize", ""))

table = GuestTable()
told["stages"] = [[each.name, each.says] for each in create(LINE)]
deadline = time.monotonic() + 5
while not table.rows and time.monotonic() < deadline:
    time.sleep(0.05)
told["row"] = repr(table.rows[0])

def press(verb):
    table.do("c7", verb)
    assert "done:" in table.said.value, table.said.value
    return look(insides=False).guest("c7").status

told["paused"], told["resumed"] = press("pause"), press("resume")
ask_guest("c7", "touch /root/before", timeout_s=60)
press("save")
ask_guest("c7", "touch /root/after", timeout_s=60)
press("load")
told["files"] = ask_guest("c7", "ls /root", timeout_s=60).out.split()

# What a shell does shows up by itself.
os.system("ip link set tap07 nomaster")
begun = time.monotonic()
while "bridge br-int" in repr(table.rows[0]) and time.monotonic() < begun + 5:
    time.sleep(0.01)
told["shown after"] = time.monotonic() - begun
apply_all(actions_for("reset", table.rows[0]))
apply_all(actions_for("delete", table.rows[0]))
told["deleted"] = [*left(), os.path.exists("/vms/mine.img"), os.path.exists("/vms/base/guest.qcow2")]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told() -> Iterator[dict[str, Any]]:
    """What one process on a bench saw."""
    ours = [sys.executable, "-m", "kvmbench.cli"]
    subprocess.run([*ours, "bench", "create", BENCH], check=True, capture_output=True)
    try:
        line = [*ours, "exec", "--bench", BENCH, "--", sys.executable, "-c", _SCRIPT]
        ended = subprocess.run(line, capture_output=True, text=True, timeout=280, check=False)
        assert ended.returncode == 0, ended.stderr
        yield json.loads(ended.stdout.splitlines()[-1])
    finally:
        lifecycle.destroy(BENCH)


def test_the_stages_come_in_order_as_they_were_seen(told: dict[str, Any]) -> None:
    names = [name for name, _ in told["stages"]]
    assert names == ["line", "tap", "ifup", "QEMU", "firmware", "kernel", "login"]
    says = dict(told["stages"])
    assert says["ifup"] == "tap07 is up, a port of br-int"
    assert says["login"] == "c7 answers: log in"


@pytest.mark.parametrize(
    ("case", "what", "hint"),
    [
        ("no image", "c7 was not started: there is no disk image /vms/none.img", "See which there are"),
        ("qemu refuses", "no-such-feature", "-cpu max,no-such-feature=on"),
        ("no daemon", "without -daemonize", "Add -daemonize"),
    ],
)
def test_a_guest_that_is_not_started_leaves_nothing_and_says_why(
    told: dict[str, Any], case: str, what: str, hint: str
) -> None:
    said, advice, directory, tap, guests = told[case]
    assert what in said
    assert hint in advice
    assert (directory, tap, guests) == (False, False, 0)


def test_the_table_has_its_row_and_its_buttons_work(told: dict[str, Any]) -> None:
    assert "tap tap07  bridge br-int  MAC 52:54:00:00:00:07" in told["row"]
    assert (told["paused"], told["resumed"]) == ("paused", "running")


def test_a_snapshot_brings_back_what_was_and_forgets_what_came_after(told: dict[str, Any]) -> None:
    assert "before" in told["files"]
    assert "after" not in told["files"]


def test_what_is_done_in_a_shell_shows_within_half_a_second(told: dict[str, Any]) -> None:
    assert told["shown after"] < 0.5


def test_what_is_deleted_is_gone_with_its_disk_and_not_what_lies_below(told: dict[str, Any]) -> None:
    assert told["deleted"] == [False, False, 0, False, True]
