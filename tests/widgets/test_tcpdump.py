"""The capture form as traits, on real wires: picking, listening, refusing, saving."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.observe.room import inside

WIRES = """
ip netns add far
ip link add ens33 type veth peer name eth0 netns far
ip address add 172.16.0.67/16 dev ens33; ip link set ens33 up
ip -n far address add 172.16.0.1/16 dev eth0; ip -n far link set eth0 up
"""
HARNESS = """
import json, subprocess, time
from kvmbench.errors import KvmbenchError
from kvmbench.widgets.tcpdump import Tcpdump
from tests.observe.room import back_at, kept

def until(true, limit_s=20.0):
    ends = time.monotonic() + limit_s
    while not true() and time.monotonic() < ends:
        time.sleep(0.02)
    return true()

def ping():
    subprocess.run(["ping", "-c", "1", "-W", "2", "172.16.0.1"], stdout=subprocess.DEVNULL)
"""


def told(snippet: str) -> Any:
    return json.loads(inside(WIRES, HARNESS + snippet).splitlines()[-1])


@pytest.mark.bench
def test_interfaces_are_picked_on_the_picture_and_packets_come_as_rows() -> None:
    offered, picked, fewer, rows, text, read, clean = told(
        """
from kvmbench.observe.packets import load
Tcpdump().close()
before = kept()
form = Tcpdump(what="icmp")
offered = form.offered.value
form.picture.selected = "link:ens33"
form.picture.selected = "link:eth0@far"
picked = list(form.picked)
form.picture.selected = ""
fewer = list(form.picked)
form.picture.selected = "link:eth0@far"
form.go.click()
ping()
rows = until(lambda: form.table.value.count("echo reply") == 2)
form.go.click()
form.file.value = "/run/seen.pcapng"
form.keep.click()
read = [frame.place for frame in load("/run/seen.pcapng")]
text = repr(form).splitlines()[-1]
form.close()
print(json.dumps([offered, picked, fewer, rows, text, read, back_at(before)]))
"""
    )
    assert offered == "There are: ens33 far/eth0"
    assert picked == ["ens33", "far/eth0"]
    assert fewer == ["ens33"]
    assert rows
    assert text == "4 packets at ens33, far/eth0, icmp"
    assert read == ["ens33", "far/eth0", "far/eth0", "ens33"]
    assert clean


@pytest.mark.bench
def test_what_cannot_be_meant_is_told_in_the_form_and_raised_by_the_function() -> None:
    none, odd, raised = told(
        """
form = Tcpdump()
form.go.click()
none = form.said.value
form.places.value = "ens33"
form.what.value = "icmp and"
form.go.click()
odd = form.said.value
form.close()
try:
    Tcpdump("ens33", what="porrt 80")
except KvmbenchError as error:
    raised = str(error)
print(json.dumps([none, odd, raised]))
"""
    )
    assert "a capture listens at 1 to 32 interfaces, not at 0" in none
    assert "is no filter: can&#x27;t parse filter expression: syntax error" in odd
    assert raised.splitlines()[0] == "'porrt 80' is no filter: can't parse filter expression: syntax error"
