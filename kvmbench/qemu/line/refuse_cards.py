"""What cannot work with a line's network cards."""

from __future__ import annotations

from collections.abc import Iterator

from kvmbench.errors import BadInput
from kvmbench.qemu import options
from kvmbench.qemu.line.context import Context
from kvmbench.qemu.line.description import Card, Description, Wire
from kvmbench.qemu.line.reader_disks import properties
from kvmbench.qemu.line.trouble import Trouble
from kvmbench.qemu.line.words import Line, fields, last, meant


def card_troubles(line: Line, guest: Description, around: Context) -> Iterator[Trouble]:
    """Of each card by itself, of two cards, and of a card and the guests that run."""
    macs: dict[str, str] = {}
    taps: set[str] = set()
    for card in guest.cards or ():
        yield from _model(card, around)
        yield from _mac(card, around, macs)
        if card.wire:
            yield from _tap(card.wire, around, taps)
    yield from _devices(line, guest)


def _model(card: Card, around: Context) -> Iterator[Trouble]:
    known = around.installed
    models = (*known.nic_models, *known.devices, "virtio") if known and known.nic_models else ()
    if card.model and models and card.model not in models and card.model != "help":
        near = meant(card.model, (*(known.nic_models if known else ()), "virtio"))
        hint = f"Did you mean {near}?" if near else "See which there are: qemu-kvm -nic model=help"
        yield Trouble(f"this QEMU has no network card {card.model}", hint, card.said, "model")


def _mac(card: Card, around: Context, mine: dict[str, str]) -> Iterator[Trouble]:
    if not card.mac:
        return
    try:
        mac = options.mac_address(card.mac)
    except BadInput as error:
        yield Trouble(error.what.replace("'", ""), error.hint, card.said, "mac")
        return
    other = dict(around.macs).get(mac)
    if other is not None:
        hint = "Two machines with one address miss what is meant for them: change a byte."
        yield Trouble(f"{mac} is the address of guest {other} already", hint, card.said, "mac")
    if mac in mine:
        yield Trouble(
            f"{mac} is the address of two cards of this guest", "Change a byte of one.", card.said, "mac"
        )
    mine[mac] = card.said


def _tap(wire: Wire, around: Context, mine: set[str]) -> Iterator[Trouble]:
    tap = wire.tap
    if not tap or {"fd", "fds", "helper", "vhostfd"} & {key for key, _ in wire.options}:
        return
    if len(tap.encode(errors="surrogateescape")) > 15:
        hint = "Take a shorter one, like tap01."
        yield Trouble(f"the interface name {tap} has more than 15 bytes", hint, wire.said, "ifname")
        return
    seen = around.tap(tap)
    if tap in mine:
        yield Trouble(
            f"{tap} is the tap of two cards of this guest", "Give each a tap of its own.", wire.said, "ifname"
        )
    mine.add(tap)
    if seen and seen.guest and "queues" not in dict(wire.options):
        hint = "Give each guest a tap of its own, like ifname=tap02."
        yield Trouble(f"{tap} is in use by guest {seen.guest}", hint, wire.said, "ifname")
    elif around.taps is not None and seen is None and last(wire.options, "script") == "no":
        yield Trouble(
            f"there is no tap {tap}, and with script=no nobody brings it up or plugs it in",
            f"Make it first: ip tuntap add {tap} mode tap; or leave script= out.",
            wire.said,
            "ifname",
        )


def _devices(line: Line, guest: Description) -> Iterator[Trouble]:
    """A -device whose -netdev is not there; a -netdev without a name; kinds of wire that -net has not."""
    names = {last(properties(each, "type"), "id") for each in line.of("netdev")}
    for each in line.of("netdev"):
        if not last(properties(each, "type"), "id"):
            yield Trouble("a -netdev without id= cannot be plugged in", "Write one: id=net0", str(each), "id")
    for each in (*line.of("device"), *line.of("net")):
        said = properties(each, "driver") if each.option == "device" else fields(each.value or "", "type")
        back = last(said, "netdev")
        if back and back not in names:
            near = meant(back, names)
            hint = f"Did you mean netdev={near}?" if near else f"Write it too: -netdev user,id={back}"
            yield Trouble(f"there is no -netdev {back} on this line", hint, str(each), "netdev")
    kinds = [last(fields(each.value or "", "type"), "type") for each in line.of("net")]
    wired = [kind for kind in kinds if kind not in ("nic", "none")]
    for each in line.of("net"):
        if (
            wired
            and "nic" not in kinds
            and last(fields(each.value or "", "type"), "type") in ("tap", "user", "bridge")
        ):
            hint = "Write the card too: -net nic,model=virtio; or both as one: -nic tap,model=virtio,…"
            yield Trouble("a -net without a card: nothing is plugged into it", hint, str(each), "type")
