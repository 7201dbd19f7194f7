"""What guests say of themselves: addresses, gateway, drivers."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface

from kvmbench.check.outcomes import failed, passed
from kvmbench.check.seeing import addresses_of, listed, need_inside
from kvmbench.model import Check, Fact, Outcome, Snapshot


def guest_address(name: str, interface: str | IPv4Interface, *, points: int = 1) -> Check:
    """A guest says that it has this address with this prefix length."""
    wanted = IPv4Interface(interface)

    def judge(seen: Snapshot) -> Outcome:
        inside = need_inside(seen, name)
        if isinstance(inside, Outcome):
            return inside
        held = addresses_of(inside)
        twins = [
            other.name
            for other in seen.guests
            if other.name != name
            and other.inside
            and wanted.ip in (a.ip for _, a in addresses_of(other.inside))
        ]
        for link, address in held:
            if address == wanted and not twins:
                return passed(f"{name} has {wanted} on {link}")
            if address == wanted:
                return failed(
                    f"{name} and {listed(twins)} both have {wanted.ip}",
                    f"An address belongs to one host: give {twins[0]} another one.",
                )
            if address.ip == wanted.ip:
                return failed(
                    f"{name} has {address}, not {wanted}",
                    f"The address is right, the netmask is not: /{wanted.network.prefixlen} is "
                    f"{wanted.netmask}.",
                )
        if not held:
            return failed(
                f"{name} has no address", f"Inside {name}, `ip address add` (or ifconfig) gives its card one."
            )
        return failed(
            f"{name} has {listed(str(a) for _, a in held)}, not {wanted}",
            f"That is not the address asked for: change it inside {name}; its console is the way in.",
        )

    return Check(
        f"{name}-address",
        f"guest {name} has the address {wanted}",
        judge,
        points,
        facts=(Fact("guest-address", name, str(wanted)),),
    )


def guest_gateway(name: str, gateway: str | IPv4Address, *, points: int = 1) -> Check:
    """A guest sends what is not for its own network to this gateway."""
    wanted = IPv4Address(gateway)

    def judge(seen: Snapshot) -> Outcome:
        inside = need_inside(seen, name)
        if isinstance(inside, Outcome):
            return inside
        held = addresses_of(inside)
        if inside.gateway is None and not held:
            return failed(
                f"{name} has no address and no gateway",
                "A gateway needs a network to be in: the address comes first.",
            )
        if inside.gateway is None:
            return failed(
                f"{name} has no gateway",
                f"Inside {name}, not on the bench: a default route says who passes packets on (route(8)).",
            )
        if inside.gateway in (address.ip for _, address in held):
            return failed(
                f"{name} has itself, {inside.gateway}, as its gateway",
                "The gateway is the bench's address on the bridge, not the guest's own.",
            )
        if inside.gateway != wanted:
            return failed(
                f"{name} has the gateway {inside.gateway}, not {wanted}",
                "A default route leads to another host: delete it inside the guest, then add the right one.",
            )
        return passed(f"{name} has the gateway {wanted}")

    return Check(
        f"{name}-gateway",
        f"guest {name} has the gateway {wanted}",
        judge,
        points,
        facts=(Fact("guest-gateway", name, str(wanted)),),
    )


def nic_driver(guest: str, driver: str, *, points: int = 1) -> Check:
    """The guest's own kernel drives its network card with this driver."""
    wanted = driver.replace("-", "_")

    def judge(seen: Snapshot) -> Outcome:
        inside = need_inside(seen, guest)
        if isinstance(inside, Outcome):
            return inside
        drivers = {link: name.replace("-", "_") for link, name in inside.drivers.items() if name}
        for link, name in drivers.items():
            if name == wanted:
                return passed(f"{guest} drives {link} with {wanted}")
        if not drivers:
            return failed(
                f"{guest} sees no network card",
                f"No card, or one that its kernel has no driver for: look at -net nic of {guest}.",
            )
        return failed(
            f"{guest} uses {listed(drivers.values())}, not {wanted}",
            f"The guest picks its driver by the card that QEMU plays: which model= wants {wanted}?",
        )

    return Check(
        f"{guest}-driver-{wanted}",
        f"guest {guest} drives its card with {wanted}",
        judge,
        points,
        facts=(Fact("driver", guest, wanted),),
    )
