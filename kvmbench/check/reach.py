"""Who reaches whom, proved by packets."""

from __future__ import annotations

from kvmbench.check.diagnosis import stuck_at
from kvmbench.check.outcomes import blocked, failed, passed
from kvmbench.check.seeing import answer, place_says, place_short
from kvmbench.check.stacks import owner_of, stack
from kvmbench.check.way import target_address
from kvmbench.model import Check, Fact, Outcome, Probe, ProbeResult, Snapshot


def _target_says(target: str, port: int) -> str:
    return place_says(target) + (f" port {port}" if port else "")


def _target_short(target: str, port: int) -> str:
    return place_short(target) + (f"-{port}" if port else "")


def pings(source: str, target: str, *, points: int = 1) -> Check:
    """An ICMP echo from one place is answered by another."""
    probe = Probe.ping(source, target)

    def judge(seen: Snapshot) -> Outcome:
        said = answer(seen, probe)
        if isinstance(said, Outcome):
            return said
        if said.ok:
            return passed(f"{place_says(target)} answers {place_says(source)}")
        return failed(*stuck_at(seen, source, target))

    says = f"{place_says(source)} pings {place_says(target)}"
    return Check(
        f"{place_short(source)}-pings-{place_short(target)}",
        says,
        judge,
        points,
        (probe,),
        facts=(Fact("answer"),),
    )


def tcp_answers(source: str, target: str, port: int, *, points: int = 1) -> Check:
    """A TCP connection from one place to another opens."""
    probe = Probe.tcp(source, target, port)

    def judge(seen: Snapshot) -> Outcome:
        said = answer(seen, probe)
        if isinstance(said, Outcome):
            return said
        where = f"{place_says(target)} port {port}"
        if said.ok:
            first = f", it says {said.said.strip()[:40]!r}" if said.said.strip() else ""
            return passed(f"{place_says(source)} connects to {where}{first}")
        if refused(said):
            return failed(
                f"{place_says(source)} reaches {place_says(target)}, and port {port} is closed there",
                "Packets arrive and nobody listens: `ss -ltn` on the other side lists who does (ss(8)).",
            )
        return failed(*stuck_at(seen, source, target, protocol="tcp", port=port))

    name = f"{place_short(source)}-connects-{_target_short(target, port)}"
    return Check(
        name,
        f"{place_says(source)} connects to {_target_says(target, port)}",
        judge,
        points,
        (probe,),
        facts=(Fact("answer"),),
    )


def refused(result: ProbeResult) -> bool:
    """Whether the other side said no, instead of nothing."""
    return "refused" in result.why.lower()


def must_not_reach(source: str, target: str, *, port: int = 0, points: int = 1) -> Check:
    """One place gets no answer from another: a ping, or with `port` a TCP connection.

    It passes only when the question really was asked, and somebody was there to answer it.
    """
    probe = Probe.tcp(source, target, port) if port else Probe.ping(source, target)

    def judge(seen: Snapshot) -> Outcome:
        result = seen.probe(probe)
        if result is not None and result.ok:
            return failed(
                f"{place_says(source)} reaches {_target_says(target, port)}, and should not",
                "There is a way through: find the route, the forwarding or the rule that opens it.",
            )
        why = _proves_nothing(seen, probe)
        if why:
            return blocked(
                f"this proves nothing yet: {why}", "Silence counts only when both sides are there."
            )
        return passed(f"{place_says(source)} asked {_target_says(target, port)} and got no answer")

    says = f"{place_says(source)} does not reach {_target_says(target, port)}"
    name = f"{place_short(source)}-cannot-reach-{_target_short(target, port)}"
    return Check(name, says, judge, points, (probe,), facts=(Fact("silence"),))


def _proves_nothing(seen: Snapshot, probe: Probe) -> str | None:
    """Why a silence says nothing; None when it counts."""
    said = answer(seen, probe)
    if isinstance(said, Outcome):
        return said.saw
    sender, address = stack(seen, probe.source), target_address(seen, probe.target)
    if sender is not None and not sender.addresses:
        return f"{sender.says} has no address to ask from"
    if address is None:
        return f"{place_says(probe.target)} has no address"
    return None if owner_of(seen, address) else f"nobody has the address {address}"
