"""What is measured on a bench really is: small versions of it, in a room."""

from __future__ import annotations

import json

import pytest

from tests.observe.room import inside

HOSTS = """
import json, os
from kvmbench.measure import network
taken = network.ours(12)
theirs, missing = network.peers(12)
print(json.dumps([taken, theirs, missing, sorted(os.listdir("/sys/class/net")), os.listdir("/run/netns")]))
"""


@pytest.mark.bench
def test_hosts_are_built_looked_at_and_gone_by_us_and_by_the_peers_and_nothing_is_left() -> None:
    taken, theirs, missing, links, namespaces = json.loads(inside("mount -t tmpfs none /tmp", HOSTS))
    ours = {"build 12", "look 12", "delete 12", "gone 12", "floor 12", "floor gone 12"}
    assert set(taken) == ours
    assert {"ip -batch 12", "ip -batch gone 12", "ip 12", "ip -j 12"} <= set(theirs)
    assert {"mininet 12", "mininet gone 12"} <= set(theirs) | set(missing)
    assert all(seconds > 0 for seconds in {**taken, **theirs}.values())
    assert taken["build 12"] < theirs["ip 12"]
    assert (links, namespaces) == (["lo"], [])
