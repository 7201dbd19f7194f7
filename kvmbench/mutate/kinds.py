"""A check of each kind that the course's own steps do not use, so that these are tested as well."""

from __future__ import annotations

from dataclasses import replace

from kvmbench.check import (
    fdb_knows,
    filter_verdict,
    guest_disk,
    guest_paused,
    link_exists,
    link_mtu,
    must_not_reach,
    name_resolves,
    neighbour_known,
    pings,
    port_of,
    route_to,
    ssh_banner,
    ssh_host_key,
    stp_state,
    tcp_answers,
)
from kvmbench.course import Step
from kvmbench.course.plan import BRIDGE, C1, C2, NETNS, ROUTER, SSH_OUTSIDE, UPLINK_ADDRESS
from kvmbench.model import Snapshot
from kvmbench.mutate.changes import change_guest

(_TAP1, _TAP2), (_MAC1, _MAC2) = ("tap01", "tap02"), (C1.nics[0].mac, C2.nics[0].mac)
_HELD = "c3"
_C1 = "10.1.1.1"
CLOSED = 9
"""a port where no guest listens, behind the bench's rule"""


def kinds(seen: Snapshot) -> Step:
    """Asked of a bench on which the whole course is solved; c2 has another lease on each."""
    leased = next((one.address for one in seen.leases if one.mac == _MAC2), "10.1.1.11")
    return Step(
        slug="kinds",
        title="Every other kind of check",
        goal="Be a bench on which each kind of check has something to say.",
        solution=(),
        checks=(
            link_exists(_TAP1),
            link_mtu("ens33", 1500),
            port_of(BRIDGE, _TAP1),
            port_of(BRIDGE, _TAP2),
            fdb_knows(BRIDGE, _MAC1, _TAP1),
            stp_state(BRIDGE, on=False),
            route_to("10.1.1.0/24", None),
            route_to("default", "172.16.0.1"),
            neighbour_known(_C1),
            replace(
                guest_disk("c1", C1.drives[0].file, interface="virtio", format="qcow2", cache="writeback"),
                name="c1-disk-format-and-cache",
            ),
            pings("bench", "guest:c1"),
            pings("guest:c1", ROUTER),
            tcp_answers("bench", _C1, 22),
            ssh_banner("bench", "guest:c1"),
            ssh_host_key("c1", address=UPLINK_ADDRESS, port=SSH_OUTSIDE),
            name_resolves("bench", ROUTER, "c2", leased),
            must_not_reach("outside", _C1),
            must_not_reach(f"netns:{NETNS}", "172.16.0.1"),
            filter_verdict("bench", "guest:c1", 22, "accept"),
        ),
    )


def held(seen: Snapshot) -> tuple[Step, Snapshot]:
    """A check that wants what no step leaves behind, a guest that stands still; and such a bench."""
    step = Step(
        slug="held",
        title="A guest that stands still",
        goal=f"Hold {_HELD} in its monitor.",
        solution=(),
        checks=(guest_paused(_HELD),),
    )
    return step, change_guest(seen, _HELD, status="paused", inside=None)
