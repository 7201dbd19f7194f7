"""What a guest says of itself, and guests that say nothing."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from kvmbench.errors import GuestError, GuestSilent
from kvmbench.model import Inside
from kvmbench.observe.inside import QUESTION, inside, read
from kvmbench.system import Completed

ANSWER = """host c1
links /sys/class/net/eth0 /sys/class/net/eth1 /sys/class/net/lo
lrwxrwxrwx    1 root     root             0 Nov 23 09:22 /sys/class/net/eth0/device/driver -> ../../../../bus/virtio/drivers/virtio_net
lrwxrwxrwx    1 root     root             0 Nov 23 09:22 /sys/class/net/eth1/device/driver -> ../../../bus/pci/drivers/e1000
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
1: lo    inet6 ::1/128 scope host \\       valid_lft forever preferred_lft forever
2: eth0    inet 10.1.1.1/24 brd 10.1.1.255 scope global eth0\\       valid_lft forever preferred_lft forever
2: eth0    inet 10.1.1.5 peer 10.1.1.6/32 scope global eth0\\       valid_lft forever preferred_lft forever
default via 10.1.1.254 dev eth0 
10.1.1.0/24 dev eth0 scope link  src 10.1.1.1 
"""  # noqa: E501, W291 (as busybox printed it)


def test_an_answer_is_read() -> None:
    assert read(ANSWER) == Inside(
        hostname="c1",
        addresses={
            "eth0": (IPv4Interface("10.1.1.1/24"), IPv4Interface("10.1.1.5/32")),
            "eth1": (),
            "lo": (IPv4Interface("127.0.0.1/8"),),
        },
        gateway=IPv4Address("10.1.1.254"),
        drivers={"eth0": "virtio_net", "eth1": "e1000"},
    )


def test_a_guest_without_a_name_an_address_and_a_gateway_is_still_one_that_answered() -> None:
    found = read(
        "host \nlinks /sys/class/net/lo\nls: /sys/class/net/*/device/driver: No such file or directory\n"
    )
    assert found == Inside(hostname="", addresses={"lo": ()}, gateway=None, drivers={})


@pytest.mark.parametrize("text", ["", "sh: not found\n"])
def test_what_is_no_answer_is_none(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    "error", [GuestSilent("it boots", "Wait."), GuestError("gone", "Start it."), OSError()]
)
def test_a_guest_that_does_not_answer_is_no_error(error: Exception) -> None:
    def silent(socket_path: Path, command: str, *, timeout_s: float = 0) -> Completed:
        raise error

    assert inside("/run/kvmbench/guests/c1/agent.sock", silent) is None


def test_a_guest_is_asked_once_and_not_for_long() -> None:
    asked: list[tuple[str, str, float]] = []

    def ask(socket_path: Path, command: str, *, timeout_s: float = 0) -> Completed:
        asked.append((str(socket_path), command, timeout_s))
        return Completed((), 0, ANSWER, "")

    found = inside("/run/kvmbench/guests/c1/agent.sock", ask)
    assert found is not None
    assert found.hostname == "c1"
    assert asked == [("/run/kvmbench/guests/c1/agent.sock", QUESTION, 2.0)]
    assert inside(None, ask) is None
