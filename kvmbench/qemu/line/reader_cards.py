"""Network cards read in every spelling: -net nic -net tap, -nic, and -netdev with its -device."""

from __future__ import annotations

from collections.abc import Sequence

from kvmbench.errors import BadInput
from kvmbench.qemu.line.description import Card, Wire
from kvmbench.qemu.line.reader_disks import named, properties
from kvmbench.qemu.line.words import Fields, Given, fields, last, without

MODELS = {"virtio-net-pci": "virtio", "virtio-net": "virtio"}
"""devices that -nic model= knows by another name"""

_MEANT = {
    "mac": "Did you mean macaddr=?",
    "driver": "Did you mean model=?",
    "netdev": "Write the id of a -netdev, or leave netdev= out.",
}


def read_cards(given: Sequence[Given]) -> tuple[tuple[Card, ...] | None, list[Given]]:
    """The network cards among some options (None when none were spoken of), and the other options."""
    wires = named(
        (last(said, "id"), (_wire(said, each), each))
        for each, said in ((each, properties(each, "type")) for each in given if each.option == "netdev")
    )
    hub, alone = _hub(given)
    used: set[Given] = set()
    placed: dict[Given, Card] = {}
    for each in given:
        if each.option == "nic":
            said = fields(each.value or "", "type")
            if last(said, "type") == "none":
                used.add(each)
            else:
                placed[each] = _from_nic(said, each)
        elif each.option == "net" and each in hub:
            placed[each] = _from_hub(each, hub[each], alone=alone)
            used.update(each for each in [hub[each]] if each)
        elif each.option in ("net", "device"):
            said = fields(each.value or "", "type") if each.option == "net" else properties(each, "driver")
            back = last(said, "netdev")
            if each.option == "net" and last(said, "type") == "none":
                used.add(each)
            elif back in wires and _is_card(each, said):
                if wires[back][1] in used:
                    raise BadInput(f"two cards are plugged into {back}", "Give each a -netdev of its own.")
                placed[each] = _from_pair(said, wires[back][0], each)
                used.add(wires[back][1])
    cards = tuple(placed[each] for each in given if each in placed)
    nothing_said = not any(each.option in ("net", "nic", "netdev") for each in given)
    rest = [each for each in given if each not in placed and each not in used]
    return (None if nothing_said else cards), rest


def _is_card(each: Given, said: Fields) -> bool:
    return last(said, "type") == "nic" if each.option == "net" else bool(last(said, "driver"))


def _hub(given: Sequence[Given]) -> tuple[dict[Given, Given | None], bool]:
    """The -net nic with the -net that each goes with, one after the other; whether they are a single pair.

    All of them are on one hub: with several it does not matter to QEMU which one goes with which.
    """
    nics: list[Given] = []
    others: list[Given] = []
    for each in given:
        said = fields(each.value or "", "type") if each.option == "net" else ()
        if each.option == "net" and last(said, "type") == "nic" and not last(said, "netdev"):
            nics.append(each)
        elif each.option == "net" and last(said, "type") not in ("nic", "none"):
            others.append(each)
    pairs = {nic: others[number] if number < len(others) else None for number, nic in enumerate(nics)}
    return pairs, len(nics) == 1 and len(others) < 2


def _from_hub(each: Given, other: Given | None, *, alone: bool) -> Card:
    said = fields(each.value or "", "type")
    wrong = next((key for key, _ in said if key in ("mac", "driver", "netdev")), None)
    if wrong is not None:
        raise BadInput(
            f"-net has no {wrong}=" + ("" if wrong != "netdev" else " without a name"), _MEANT[wrong]
        )
    return Card(
        model=_model(last(said, "model")),
        mac=last(said, "macaddr"),
        wire=_wire(fields(other.value or "", "type"), other) if other else None,
        options=without(said, "type", "model", "macaddr", "id"),
        joined=not alone,
        id=last(said, "id"),
        said=str(each),
    )


def _from_nic(said: Fields, each: Given) -> Card:
    return Card(
        model=_model(last(said, "model")),
        mac=last(said, "mac"),
        wire=_wire(without(said, "model", "mac"), each),
        said=str(each),
    )


def _from_pair(said: Fields, wire: Wire, each: Given) -> Card:
    return Card(
        model=_model(last(said, "driver", "model")),
        mac=last(said, "mac", "macaddr"),
        wire=wire,
        options=without(said, "type", "driver", "model", "mac", "macaddr", "netdev", "id"),
        id=last(said, "id"),
        said=str(each),
    )


def _wire(said: Fields, each: Given) -> Wire:
    return Wire(last(said, "type"), without(said, "type", "id"), id=last(said, "id"), said=str(each))


def _model(word: str) -> str:
    return MODELS.get(word, word)
