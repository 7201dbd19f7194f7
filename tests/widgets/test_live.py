"""The live picture as traits, on a real kernel: it follows changes, tells what changed, and ends clean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kvmbench.topology import LIGHT
from kvmbench.topology.details import by_hand, row
from kvmbench.topology.graph import graph
from kvmbench.widgets.live_state import changes, checks, scene
from tests.observe.room import inside
from tests.topology import samples

HARNESS = """
import json, subprocess, threading, time
from kvmbench.observe.feed import Feed
from kvmbench.widgets.live import LivePicture
from tests.observe.room import back_at, kept

def sh(line):
    subprocess.run(["sh", "-ec", line], check=True, stdout=subprocess.DEVNULL)

def until(true, limit_s=20.0):
    ends = time.monotonic() + limit_s
    while not true() and time.monotonic() < ends:
        time.sleep(0.01)
    return true()

def verdicts(widget):
    return {each["check"]: each["verdict"] for each in widget.checks}
"""


def told(setup: str, snippet: str) -> Any:
    return json.loads(inside(setup, HARNESS + snippet).splitlines()[-1])


@pytest.mark.bench
def test_what_a_shell_changes_turns_the_picture_the_checks_and_the_row() -> None:
    before, made, up, row_said, said, broken = told(
        "ip link add ens33 type veth peer name far",
        """
shown = LivePicture("bridge")
before = verdicts(shown)
shown.selected = "link:br-int"
sh("ip link add br-int type bridge")
made = until(lambda: verdicts(shown)["br-int-exists"] == "passed") and shown.changed
sh("ip link set br-int up")
up = until(lambda: verdicts(shown)["br-int-up"] == "passed")
row, said = dict(shown.detail["row"]), shown.said
sh("ip link set br-int down")
broken = until(lambda: verdicts(shown)["br-int-up"] == "failed")
shown.close()
print(json.dumps([before, made, up, row, said, broken]))
""",
    )
    assert before == {"br-int-exists": "failed", "br-int-up": "failed"}
    assert made == ["link:br-int"]
    assert up
    assert row_said["kind"] == "bridge"
    assert said.startswith("br-int: bridge, ")
    assert broken


@pytest.mark.bench
def test_it_leaves_no_thread_and_no_descriptor_and_follows_no_more_once_closed() -> None:
    clean, same = told(
        "",
        """
LivePicture().close()  # the first opens what the process keeps: libraries, fonts
before = kept()
for _ in range(3):
    shown = LivePicture()
    shown.close()
svg = shown.svg
sh("ip link add br-late type bridge")
time.sleep(0.3)
print(json.dumps([back_at(before), shown.svg == svg]))
""",
    )
    assert clean
    assert same


@pytest.mark.bench
def test_two_pictures_share_one_feed_and_one_watcher_that_ends_with_the_last() -> None:
    assert told(
        "",
        """
feed = Feed()
one, two = LivePicture(feed=feed), LivePicture(feed=feed)
watchers = [each.name for each in threading.enumerate()].count("watcher")
sh("ip link add br-int type bridge")
both = until(lambda: "br-int" in one.words and "br-int" in two.words)
one.close()
sh("ip link add br-two type bridge")
left = until(lambda: "br-two" in two.words) and "br-two" not in one.words
two.close()
print(json.dumps([watchers, both, left, "watcher" in [each.name for each in threading.enumerate()]]))
""",
    ) == [1, True, True, False]


@pytest.mark.bench
def test_without_javascript_there_are_words_and_a_picture() -> None:
    kinds, text = told(
        "",
        """
shown = LivePicture()
data, _ = shown._repr_mimebundle_()
shown.close()
print(json.dumps([sorted(data), data["text/plain"]]))
""",
    )
    assert kinds == ["application/vnd.jupyter.widget-view+json", "image/svg+xml", "text/plain"]
    assert text.startswith("outside host: 172.16.0.1/16")


def test_each_box_of_the_picture_has_an_id_a_row_and_commands() -> None:
    seen = samples.tutorial()
    shown = scene(seen, "", LIGHT)
    assert set(shown.nodes.values()) == set(shown.graph)
    assert [key for key in shown.nodes if f'id="{key}"' not in shown.svg] == []
    for node in shown.graph:
        assert row(shown.graph, node)[0] == ("name", shown.graph.nodes[node]["name"])
        assert by_hand(shown.graph, node)


def test_a_step_that_needs_the_wire_says_so_until_it_was_asked() -> None:
    found = checks("forwarding", samples.tutorial(), {})
    unasked = [each for each in found if each["asked"] == "no"]
    assert unasked
    assert {(each["verdict"], each["earned"], each["mark"]) for each in unasked} == {("blocked", 0, "?")}
    assert [each["verdict"] for each in found if each["asked"] == "look"].count("passed") > 0


def test_changes_name_what_came_what_went_and_what_is_other_now() -> None:
    seen = samples.tutorial()
    whole = graph(seen)
    assert changes(None, whole) == ([], "")
    assert changes(whole, whole) == ([], "")
    without = whole.copy()
    without.remove_node("guest:c1")
    nodes, said = changes(whole, without)
    assert "c1 is gone" in said
    assert nodes == ["link:tap01"], "the tap that was plugged into it"
    nodes, said = changes(without, whole)
    assert nodes[0] == "guest:c1"
    assert said.startswith("c1: guest, ")


@pytest.mark.bench
def test_what_is_off_the_screen_is_drawn_when_it_comes_back() -> None:
    stale, fresh = told(
        "",
        """
shown = LivePicture()
shown.hidden = True
sh("ip link add br-int type bridge")
until(lambda: shown.seen.link("br-int"))
stale = "br-int" in shown.words
shown.hidden = False
fresh = "br-int" in shown.words
shown.close()
print(json.dumps([stale, fresh]))
""",
    )
    assert not stale
    assert fresh
