"""Any network interface: up, down, an address, a bridge to belong to, an end (ip-link(8), ip-address(8))."""

from __future__ import annotations

from kvmbench.act import addresses, seen
from kvmbench.act.action import Action
from kvmbench.errors import BadInput
from kvmbench.qemu.options import link_name
from kvmbench.system import Machine


def up(name: str, netns: str = "") -> Action:
    """Set an interface up."""
    link_name(name)
    return Action(
        says=f"set {name} up{_in(netns)}",
        today=(f"{seen.ip(netns)} link set {name} up",),
        old=(f"{_ifconfig(netns)} {name} up",),
        done=lambda machine: seen.is_up(seen.link(machine, name, netns)),
    )


def down(name: str, netns: str = "") -> Action:
    """Set an interface down."""
    link_name(name)
    return Action(
        says=f"set {name} down{_in(netns)}",
        today=(f"{seen.ip(netns)} link set {name} down",),
        old=(f"{_ifconfig(netns)} {name} down",),
        done=lambda machine: bool(it := seen.link(machine, name, netns)) and not seen.is_up(it),
    )


def address(name: str, interface: str, netns: str = "") -> Action:
    """Give an interface an address, and set it up.

    Raises:
        BadInput: that is no address with a prefix length; or, when it is applied, the address is in use.
    """
    link_name(name)
    wanted = addresses.interface(interface)
    ip, ifconfig = seen.ip(netns), _ifconfig(netns)

    def done(machine: Machine) -> bool:
        found = seen.link(machine, name, netns)
        return wanted in seen.interfaces(found) and seen.is_up(found)

    def hindered(machine: Machine) -> BadInput | None:
        taken = seen.holder(machine, wanted.ip, netns)
        if taken is None or taken == name:
            return None
        return BadInput(
            f"{wanted.ip} is in use: {taken} has it",
            f"Take it off there first: {ip} address flush dev {taken}",
        )

    return Action(
        says=f"give {name} the address {wanted}{_in(netns)}, and set it up",
        # `replace` is `add` that does not mind when the address is there already
        today=(f"{ip} address replace {wanted} dev {name}", f"{ip} link set {name} up"),
        old=(f"{ifconfig} {name} {wanted.ip} netmask {wanted.netmask} up",),
        done=done,
        hindered=hindered,
        undo=(f"{ip} address del {wanted} dev {name}",),
        absent=lambda machine: seen.holder(machine, wanted.ip, netns) is None,
    )


def no_address(name: str, netns: str = "") -> Action:
    """Take all IPv4 addresses off an interface."""
    link_name(name)
    return Action(
        says=f"take the addresses off {name}{_in(netns)}",
        today=(f"{seen.ip(netns)} -4 address flush dev {name}",),
        old=(f"{_ifconfig(netns)} {name} 0.0.0.0",),
    )


def master(port: str, bridge: str) -> Action:
    """Plug an interface into a bridge."""
    link_name(port)
    link_name(bridge)
    return Action(
        says=f"make {port} a port of {bridge}",
        today=(f"ip link set {port} master {bridge}",),
        old=(f"brctl addif {bridge} {port}",),
        done=lambda machine: seen.link(machine, port).get("master") == bridge,
    )


def no_master(port: str, bridge: str) -> Action:
    """Unplug an interface from its bridge."""
    link_name(port)
    link_name(bridge)
    return Action(
        says=f"take {port} off {bridge}",
        today=(f"ip link set {port} nomaster",),
        old=(f"brctl delif {bridge} {port}",),
        done=lambda machine: bool(it := seen.link(machine, port)) and "master" not in it,
    )


def delete(name: str, netns: str = "") -> Action:
    """Delete an interface; of a veth pair, both ends go."""
    link_name(name)
    return Action(
        says=f"delete {name}{_in(netns)}",
        today=(f"{seen.ip(netns)} link delete {name}",),
        done=lambda machine: not seen.link(machine, name, netns),
    )


def _ifconfig(netns: str) -> str:
    return f"ip netns exec {netns} ifconfig" if netns else "ifconfig"


def _in(netns: str) -> str:
    return f" in {netns}" if netns else ""
