"""Many hosts on a bridge: for each a network namespace, a veth pair and an address.

    apply(hosts.add(100))                    h1 … h100 on br-hosts, 10.77.0.1/16 … 10.77.0.100/16
    apply(hosts.add(20, bridge="br-int", network="10.1.1.0/24", gateway="10.1.1.254"))
    apply(hosts.delete())

The lines that an action shows make the same hosts. Typed for a thousand they take half a minute, so on a real
machine the kernel is asked directly, which takes about one second.
"""

from __future__ import annotations

import re
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from kvmbench.act import addresses
from kvmbench.act.action import Action
from kvmbench.act.netns import NAMED
from kvmbench.errors import BadInput
from kvmbench.qemu.options import link_name
from kvmbench.system import Machine
from kvmbench.system import hosts as machine_hosts

BRIDGE, NETWORK = "br-hosts", "10.77.0.0/16"
MOST = 1000
"""a bridge has 1,023 ports"""


def add(
    count: int, *, bridge: str = BRIDGE, network: str = NETWORK, gateway: str = "", prefix: str = "h"
) -> Action:
    """Make hosts `h1` … `hN` on a bridge, which is made when it is missing; those that are there stay.

    Host n has the n-th address of the network (the gateway's is left out), and with a `gateway` its default
    route leads there. `ip netns` lists them; `ip netns exec h1 …` runs a program on one.

    Raises:
        BadInput: too many or too few of them, or a name or a network that cannot be meant; or, when it is
            applied, a name is taken.
        ChangeRefused: when it is applied: the kernel refused; none of them is left.
    """
    link_name(bridge)
    if not re.fullmatch(r"[a-zA-Z][\w-]{0,10}", prefix, re.ASCII):
        raise BadInput(f"{prefix!r} cannot begin a host's name", "Take at most 11 letters, like h or room.")
    if not 1 <= count <= MOST:
        raise BadInput(f"{count} hosts cannot be made", f"Take 1 to {MOST}: a bridge has 1,023 ports.")
    way = addresses.address(gateway) if gateway else None
    wanted = _wanted(count, addresses.network(network), way, prefix)

    def missing() -> list[machine_hosts.Host]:
        whole = set(machine_hosts.there(bridge))
        return [host for host in wanted if host.name not in whole]

    def names_are_there(machine: Machine) -> bool:
        return {host.name for host in wanted} <= set(machine.listdir(NAMED))

    return Action(
        says=f"make {count} hosts on {bridge}",
        today=_lines(wanted, bridge, way),
        done=names_are_there,
        undo=tuple(f"ip netns delete {host.name}" for host in wanted),
        absent=lambda machine: not {host.name for host in wanted} & set(machine.listdir(NAMED)),
        directly=lambda: machine_hosts.build(bridge, missing(), way),
    )


def delete(*, bridge: str = BRIDGE) -> Action:
    """Let go of the hosts that `add` made on a bridge. It returns at once; the bridge stays.

    Their interfaces go within a second or so. A host in which a program still runs goes when that ends.
    """
    link_name(bridge)
    place = machine_hosts.DIRECTORY / bridge
    return Action(
        says=f"delete the hosts on {bridge}",
        today=(
            f"for host in $(ls {place}); do ip netns delete $host; done; umount -l {place}; rmdir {place}",
        ),
        done=lambda machine: bridge not in machine.listdir(str(machine_hosts.DIRECTORY)),
        directly=partial(machine_hosts.remove, bridge),
    )


def _wanted(
    count: int, network: IPv4Network, gateway: IPv4Address | None, prefix: str
) -> list[machine_hosts.Host]:
    if gateway is not None and gateway not in network:
        raise BadInput(
            f"the gateway {gateway} is not in {network}", "Take an address that the hosts can reach."
        )
    found: list[machine_hosts.Host] = []
    for each in network.hosts():
        if len(found) == count:
            break
        if each != gateway:
            name = f"{prefix}{len(found) + 1}"
            found.append(machine_hosts.Host(name, IPv4Interface((each, network.prefixlen))))
    if len(found) < count:
        raise BadInput(
            f"{network} has addresses for {len(found)} hosts, not for {count}",
            "Take a larger network: a /22 has room for 1,000.",
        )
    return found


def _lines(wanted: list[machine_hosts.Host], bridge: str, gateway: IPv4Address | None) -> tuple[str, ...]:
    made = [f"[ -d /sys/class/net/{bridge} ] || ip link add {bridge} up type bridge"]
    for host in wanted:
        ip, eth0 = f"ip -n {host.name}", machine_hosts.INSIDE
        made += [
            f"ip netns add {host.name}",
            f"ip link add {host.name} up master {bridge} type veth peer {eth0} netns {host.name}",
            f"{ip} link set lo up",
            f"{ip} link set {eth0} addrgenmode none",
            f"{ip} address add {host.address} dev {eth0}",
            f"{ip} link set {eth0} up",
        ]
        if gateway is not None:
            made.append(f"{ip} route add default via {gateway}")
    return tuple(made)
