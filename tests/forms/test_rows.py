"""A row of the table of guests: what it says, and what may be done with it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface

import pytest

from kvmbench.errors import BadInput
from kvmbench.forms import actions_for, guest_rows, pages
from kvmbench.forms.rows import COLUMNS, VERBS, tells
from kvmbench.model import Drive, Guest, Image, Inside, Lease, Link, Neighbour, Netns, Nic, Snapshot

MAC = "52:54:00:00:00:01"
C1 = Guest(
    "c1", 7, ("qemu-kvm",), "running", "tcg", 256, 2, cpu="max",
    drives=(Drive("/vms/c1.img", "", "virtio"),), nics=(Nic("virtio", MAC, "tap01"),), agent="/run/agent",
)  # fmt: skip
SEEN = Snapshot(
    "t", 0.0,
    (Netns("", links=(Link("tap01", 4, "tun", "fe:54:00:00:00:01", True, True, master="br-int"),),
           neighbours=(Neighbour("10.1.1.11", "br-int", MAC, "REACHABLE"),)),),
    guests=(C1,), images=(Image("/vms/c1.img", "qcow2", 1, 1),),
    leases=(Lease("10.1.1.12", MAC, "c1", 0),),
)  # fmt: skip


def row(guest: Guest = C1, seen: Snapshot = SEEN) -> dict[str, str]:
    (one,) = guest_rows(replace(seen, guests=(guest,)))
    return {column: ", ".join(cell) for column, cell in zip(COLUMNS, one.cells, strict=True)}


def test_a_row_says_all_of_a_guest() -> None:
    assert row() == {
        "guest": "c1", "state": "running", "engine": "TCG", "CPU": "2 × max", "memory": "256 MiB",
        "disk": "/vms/c1.img (virtio)", "NIC": "virtio", "tap": "tap01", "bridge": "br-int", "MAC": MAC,
        "address": "10.1.1.11", "lease": "10.1.1.12",
    }  # fmt: skip


def test_a_guest_that_answers_says_its_address_itself() -> None:
    inside = Inside("c1", {"eth0": (IPv4Interface("10.1.1.1/24"),)}, None, {})
    assert row(replace(C1, inside=inside))["address"] == "10.1.1.1/24"


def test_what_is_not_known_is_a_dash() -> None:
    alone = Snapshot("t", 0.0, ())
    assert row(replace(C1, nics=(Nic("e1000", "02:00:00:00:00:01"),)), alone)["lease"] == "–"
    assert row(seen=alone)["bridge"] == "–"


CANNOT = [
    (C1, {"resume"}),
    (replace(C1, status="paused"), {"pause", "power off"}),
    (replace(C1, agent=None), {"resume", "power off"}),
    (replace(C1, drives=()), {"resume", "save", "load"}),
    (replace(C1, drives=(Drive("/vms/raw.img", "raw", "ide"),)), {"resume", "save", "load"}),
]


@pytest.mark.parametrize(("guest", "verbs"), CANNOT)
def test_what_cannot_be_done_is_refused_with_its_reason(guest: Guest, verbs: set[str]) -> None:
    (one,) = guest_rows(replace(SEEN, guests=(guest,)))
    assert set(one.cannot) == verbs
    for verb in VERBS:
        if verb in verbs:
            with pytest.raises(BadInput, match="cannot be told to"):
                actions_for(verb, one)
        else:
            assert all(action.today for action in actions_for(verb, one))
        assert tells(verb, one)


def test_deleting_takes_the_disks_that_nobody_else_has() -> None:
    (one,) = guest_rows(SEEN)
    assert one.disks == ("/vms/c1.img",)
    assert actions_for("delete", one)[-1].today == ("rm -f /vms/c1.img",)
    base = replace(SEEN, images=(*SEEN.images, Image("/vms/o.img", "qcow2", 1, 1, backing="/vms/c1.img")))
    assert guest_rows(base)[0].disks == ()
    shared = replace(SEEN, guests=(C1, replace(C1, name="c2", pid=8)))
    assert [each.disks for each in guest_rows(shared)] == [(), ()]


def test_a_verb_that_there_is_not() -> None:
    with pytest.raises(BadInput, match="nothing is called 'fly' here"):
        actions_for("fly", guest_rows(SEEN)[0])


def test_a_name_is_shown_as_text_and_not_as_a_page() -> None:
    shown = pages.guests(guest_rows(replace(SEEN, guests=(replace(C1, name="<b>x"),))))
    assert "<b>x" not in shown
    assert "&lt;b&gt;x" in shown


def test_images_are_drawn_to_one_scale_with_what_lies_below_them() -> None:
    below = Image("/vms/base.img", "qcow2", 1 << 30, 1 << 20)
    over = Image("/vms/o.img", "qcow2", 1 << 29, 1 << 10, backing="/vms/base.img")
    shown = pages.images(replace(SEEN, images=(below, over)))
    assert "<code>/vms/o.img</code> → <code>/vms/base.img</code>" in shown
    assert "width:100.00%" in shown
    assert "width:50.00%" in shown
    assert "512 MiB" in shown


def test_a_chain_that_bites_its_tail_ends() -> None:
    one = Image("/a", "qcow2", 1, 1, backing="/b")
    seen = replace(SEEN, images=(one, Image("/b", "qcow2", 1, 1, backing="/a")))
    assert pages.backing_chain(one, seen) == ("/a", "/b")
