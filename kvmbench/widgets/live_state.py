"""What the live picture shows of a look, as plain values: decided here, drawn in the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from kvmbench import course
from kvmbench.model import Probe, ProbeResult, Snapshot
from kvmbench.topology import Theme, describe, draw, graph, to_svg
from kvmbench.topology.details import by_hand, row
from kvmbench.topology.draw import xml_id
from kvmbench.topology.words import say_node

if TYPE_CHECKING:
    import networkx as nx

NOT_ASKED = "not asked yet: this one puts questions on the wire"
_MARKS = {"passed": "✓", "failed": "✗", "blocked": "–"}


@dataclass(frozen=True)
class Scene:
    """One picture with what belongs to it."""

    graph: nx.Graph[str]
    svg: str

    @property
    def nodes(self) -> dict[str, str]:
        """The ids of the picture's boxes → the nodes that they are."""
        return {xml_id(node): node for node in self.graph}

    @property
    def words(self) -> str:
        return describe(self.graph)

    def detail(self, node: str) -> dict[str, Any]:
        """The row and the commands of a node; nothing for one that is not there any more."""
        if node not in self.graph:
            return {}
        return {
            "node": node,
            "says": say_node(self.graph, node),
            "row": [list(pair) for pair in row(self.graph, node)],
            "by_hand": list(by_hand(self.graph, node)),
        }


def scene(seen: Snapshot, step: str, theme: Theme) -> Scene:
    """The picture of a look; with a step, what it asks for and is missing is dashed."""
    drawn = graph(seen, course.wanted(step) if step else ())
    return Scene(drawn, to_svg(draw(drawn, theme=theme)))


def changes(before: nx.Graph[str] | None, after: nx.Graph[str]) -> tuple[list[str], str]:
    """The nodes that differ from the picture before, and the difference in words, for who does not see it."""
    if before is None:
        return [], ""
    new = [node for node in after if node not in before]
    gone = [node for node in before if node not in after]
    other = [node for node in after if node in before and say_node(before, node) != say_node(after, node)]
    joined = {end for ends, _ in _edges(after) ^ _edges(before) for end in ends}
    moved = [node for node in after if node in joined]
    told = [say_node(after, node) for node in [*new, *other]]
    told += [f"{before.nodes[node]['name']} is gone" for node in gone]
    return list(dict.fromkeys([*new, *other, *moved])), "; ".join(told)


def _edges(drawn: nx.Graph[str]) -> set[tuple[frozenset[str], bool]]:
    return {(frozenset(ends), bool(facts["missing"])) for *ends, facts in drawn.edges(data=True)}


def checks(step: str, seen: Snapshot, answers: Mapping[Probe, ProbeResult]) -> list[dict[str, Any]]:
    """The step's checks on this look; those that need probes, with the answers that there are."""
    if not step:
        return []
    known = replace(seen, probes=tuple(answers.values()))
    results = course.judge(step, known)
    return [
        asdict(result) | {"mark": _MARKS[result.verdict], "asked": "wire" if one.probes else "look"}
        if all(probe in answers for probe in one.probes)
        else _unasked(asdict(result))
        for one, result in zip(course.step(step).checks, results, strict=True)
    ]


def _unasked(result: dict[str, Any]) -> dict[str, Any]:
    return result | {
        "verdict": "blocked",
        "mark": "?",
        "saw": NOT_ASKED,
        "hint": "",
        "earned": 0,
        "asked": "no",
    }


def fingerprint(seen: Snapshot) -> object:
    """What the answers on the wire depend on: without counters, learnt addresses and times."""
    rooms = [
        (room.name, room.links, room.routes, tuple(replace(rule, packets=None) for rule in room.rules))
        for room in seen.namespaces
    ]
    guests = [(guest.name, guest.pid, guest.status, guest.nics, guest.inside) for guest in seen.guests]
    return rooms, [room.sysctls for room in seen.namespaces], guests, seen.dhcp_servers


def probes(step: str) -> Sequence[Probe]:
    return course.step(step).probes if step else ()
