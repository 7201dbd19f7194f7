"""Services, known by what they say: sshd by its banner and key, a name server by its answer."""

from __future__ import annotations

from ipaddress import IPv4Address

from kvmbench.check.diagnosis import stuck_at
from kvmbench.check.filters import DROPS
from kvmbench.check.nat import no_shell
from kvmbench.check.outcomes import failed, passed
from kvmbench.check.reach import refused
from kvmbench.check.seeing import Stuck, answer, need_running, place_says, place_short
from kvmbench.model import Check, Fact, Outcome, Probe, ProbeResult, Snapshot


def _closed(seen: Snapshot, said: ProbeResult, what: str) -> Outcome:
    """Why nothing answers where a service should."""
    probe = said.probe
    if refused(said):
        return failed(
            f"{place_says(probe.target)} is there, and nobody listens at its port {probe.port}",
            f"Packets arrive and {what} does not run there: `ss -ln` there lists who listens (ss(8)).",
        )
    protocol = "udp" if probe.kind == "dns" else "tcp"
    return failed(*stuck_at(seen, probe.source, probe.target, protocol=protocol, port=probe.port))


def ssh_banner(source: str, target: str, port: int = 22, *, points: int = 1) -> Check:
    """What listens at a port says that it speaks ssh (RFC 4253, 4.2)."""
    probe = Probe.tcp(source, target, port)

    def judge(seen: Snapshot) -> Outcome:
        said = answer(seen, probe)
        if isinstance(said, Outcome):
            return said
        if not said.ok:
            return _closed(seen, said, "an sshd")
        if not said.said.startswith("SSH-"):
            return failed(
                f"port {port} of {place_says(target)} says {said.said[:40]!r}",
                "A connection opens, and it is no sshd that answers: who listens at that port?",
            )
        return passed(f"{place_says(target)} says {said.said.strip()[:40]}")

    name = f"{place_short(source)}-ssh-banner-{place_short(target)}"
    says = f"an sshd answers {place_says(source)} at {place_says(target)} port {port}"
    return Check(name, says, judge, points, (probe,), facts=(Fact("banner"),))


def ssh_host_key(guest: str, *, address: str, port: int, points: int = 1) -> Check:
    """A port of the bench leads outsiders to a guest's own sshd: the host key is the same at both.

    A rule may lead a connection to anybody who answers and says the right name; a key tells them apart.
    """
    entry = IPv4Address(address)
    near, far = Probe.host_key("bench", f"guest:{guest}"), Probe.host_key("outside", address, port)

    def judge(seen: Snapshot) -> Outcome:
        process = need_running(seen, guest)
        if isinstance(process, Outcome):
            return process
        own, led = answer(seen, near), answer(seen, far)
        if isinstance(own, Outcome):
            return own
        if isinstance(led, Outcome):
            return led
        if not own.ok:
            return _closed(seen, own, "an sshd")
        if not led.ok:
            return no_shell(seen, process, entry, port, led)
        if own.said.strip() != led.said.strip():
            return failed(
                f"{guest} shows the key {own.said}, and port {port} of {entry} leads to {led.said}",
                f"Each sshd has a key of its own: another host answers there than {guest}.",
            )
        return passed(f"port {port} of {entry} leads to the sshd of {guest}, whose key is {own.said}")

    says = f"outsiders find the host key of {guest} at {entry} port {port}"
    return Check(f"{guest}-host-key", says, judge, points, (near, far), facts=(Fact("host-key", guest),))


def name_resolves(source: str, server: str, name: str, address: str, *, points: int = 1) -> Check:
    """A name server says that a name has this address (RFC 1035)."""
    probe = Probe.dns(source, server, name)

    def judge(seen: Snapshot) -> Outcome:
        said = answer(seen, probe)
        if isinstance(said, Outcome):
            return said
        if not said.ok and "no such name" in said.why:
            return failed(
                f"{server} knows no {name}",
                "dnsmasq takes names from /etc/hosts and from its leases: the name has to be in one of them.",
            )
        if not said.ok:
            return _closed(seen, said, "a name server")
        if said.said.strip() != address:
            return failed(
                f"{server} says that {name} is {said.said.strip()}, not {address}",
                "An old entry or another host has that name: compare /etc/hosts with the leases.",
            )
        return passed(f"{name} is {address}, says {server}")

    says = f"{server} tells {place_says(source)} that {name} is {address}"
    return Check(
        f"{place_short(source)}-resolves-{name}", says, judge, points, (probe,), facts=(Fact("dns"),)
    )


def filter_verdict(source: str, target: str, port: int, verdict: str, *, points: int = 1) -> Check:
    """What the packet filter does to a connection: accept, reject or drop; proved by a connection.

    A refusal counts as the filter's only when a rule of the bench says reject, silence only when a rule or a
    policy says drop: a port where nobody listens and a cable that is not plugged in look the same from afar.
    """
    probe = Probe.tcp(source, target, port)

    def judge(seen: Snapshot) -> Outcome:
        said = answer(seen, probe)
        if isinstance(said, Outcome):
            return said
        now = "accept" if said.ok else "reject" if refused(said) or _forbidden(said) else "drop"
        if now != verdict:
            return failed(*_other_verdict(seen, said, now, verdict))
        if verdict != "accept" and not _decides(seen, verdict):
            return failed(
                f"nothing comes through ({said.why}), and no rule says {verdict}",
                f"Silence is not a filter's work: write the rule that says {verdict}, and see its counter.",
            )
        return passed(f"the filter's verdict over port {port} of {place_says(target)} is {verdict}")

    says = f"the packet filter says {verdict} to {place_says(source)} at port {port} of {place_says(target)}"
    name = f"{place_short(source)}-{verdict}-{place_short(target)}-{port}"
    return Check(name, says, judge, points, (probe,), facts=(Fact("verdict", "", verdict),))


def _forbidden(said: ProbeResult) -> bool:
    words = said.why.lower()
    return "forbidden" in words or "rohibited" in words or "unreachable" in words


def _decides(seen: Snapshot, verdict: str) -> bool:
    """Whether a rule that has counted packets, or a policy, comes to this verdict."""
    for room in seen.namespaces:
        if any(r.action == verdict and r.action in DROPS and r.packets != 0 for r in room.rules):
            return True
        if verdict == "drop" and "drop" in room.policies.values():
            return True
    return False


def _other_verdict(seen: Snapshot, said: ProbeResult, now: str, wanted: str) -> Stuck:
    probe = said.probe
    if now == "accept":
        return Stuck(
            f"{place_says(probe.source)} connects to port {probe.port} of {place_says(probe.target)}",
            f"No rule stops it: which chain does the packet pass, and does a rule there say {wanted}?",
        )
    if wanted == "accept" and now == "reject":
        return Stuck(
            f"the connection is refused: {said.why}",
            f"Either nobody listens at port {probe.port}, or a rule rejects it: `ss -ltn` there tells which.",
        )
    if wanted == "accept":
        return stuck_at(seen, probe.source, probe.target, protocol="tcp", port=probe.port)
    return Stuck(
        f"the connection meets {now}, not {wanted}: {said.why}",
        "REJECT answers that it is closed, DROP answers nothing: look at the target of the rule.",
    )
