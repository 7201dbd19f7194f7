"""Kinds of check that the course does not use itself: hardware, services by their words, filter verdicts."""

from __future__ import annotations

from dataclasses import replace

from kvmbench.check import (
    filter_verdict,
    guest_cpu,
    guest_machine,
    guest_paused,
    link_mtu,
    name_resolves,
    ssh_banner,
    ssh_host_key,
)
from kvmbench.model import Probe, Rule, Snapshot
from kvmbench.mutate.changes import answer, change_guest, change_link, rules, unanswered, without_guest
from tests.check.benches import DNAT, SNAT, modern, solved
from tests.check.tables import Mistake, Table
from tests.check.wire import SOLVED, STARTED

BANNER = Probe.tcp("bench", "guest:c1", 22)
NEAR, FAR = Probe.host_key("bench", "guest:c1"), Probe.host_key("outside", "172.16.0.67", 22922)
NAME = Probe.dns("bench", "10.1.1.254", "c2")
TELNET = Probe.tcp("bench", "guest:c1", 23)
DROP = Rule("ip", "filter", "OUTPUT", "output", "drop", "-A OUTPUT -p tcp --dport 23 -j DROP", packets=3)
REJECT = replace(DROP, action="reject", text="-A OUTPUT -p tcp --dport 23 -j REJECT")
REFUSED = "Connection refused"


def said(seen: Snapshot, *told: tuple[Probe, str]) -> Snapshot:
    for probe, words in told:
        seen = answer(seen, probe, ok=True, said=words)
    return seen


def roads(*told: tuple[Probe, str]) -> tuple[Snapshot, ...]:
    return said(solved(), *told), said(modern(), *told)


def typed(seen: Snapshot, **changed: object) -> Snapshot:
    """c1 was started otherwise, or is in another state."""
    return change_guest(seen, "c1", **changed)


def silent(seen: Snapshot, *more: Rule) -> Snapshot:
    """Nothing comes back from port 23."""
    return unanswered(rules(seen, DNAT, SNAT, *more), TELNET)


def refused(seen: Snapshot, *more: Rule) -> Snapshot:
    return unanswered(rules(seen, DNAT, SNAT, *more), TELNET, REFUSED)


KEYS = ((NEAR, "SHA256:mine"), (FAR, "SHA256:mine"))
KEYED = said(SOLVED, *KEYS)
SSHD = "SSH-2.0-dropbear_2022.83"

TABLES = (
    Table(
        link_mtu("ens33", 1500),
        (Mistake("smaller", change_link(SOLVED, "ens33", mtu=1400), "packets of one size", "1400"),),
        untouched="passed",
    ),
    Table(
        guest_paused("c1"),
        (
            Mistake("not there", without_guest(SOLVED, "c1"), STARTED),
            Mistake("it runs", SOLVED, "`stop` in its monitor"),
            Mistake("around the launcher", typed(SOLVED, status="unknown", qmp=None), "started around"),
            Mistake("crashed", typed(SOLVED, status="guest-panicked"), "Its console shows the last words"),
        ),
        blocked={"QEMU says nothing": typed(SOLVED, status="unknown")},
        roads=tuple(typed(seen, status="paused", inside=None) for seen in (solved(), modern())),
    ),
    Table(
        guest_machine("c1", "q35"),
        (
            Mistake("not there", without_guest(SOLVED, "c1"), STARTED),
            Mistake("the older board", typed(SOLVED, machine="pc-i440fx-7.2"), "-machine chooses the board"),
        ),
        roads=(typed(solved(), machine="pc-q35-7.2"), typed(modern(), machine="q35")),
    ),
    Table(
        guest_cpu("c1", "max"),
        (
            Mistake("not there", without_guest(SOLVED, "c1"), STARTED),
            Mistake("nobody chose", typed(SOLVED, cpu=""), "-cpu chooses the model", "qemu64"),
        ),
        roads=(typed(solved(), cpu="max"), typed(modern(), cpu="max,-svm")),
    ),
    Table(
        ssh_banner("bench", "guest:c1"),
        (
            Mistake("no guest", without_guest(SOLVED, "c1"), STARTED),
            Mistake("another service", said(SOLVED, (BANNER, "220 smtp")), "it is no sshd that answers"),
            Mistake("closed", unanswered(SOLVED, BANNER, REFUSED), "an sshd does not run there"),
            Mistake("silence", unanswered(SOLVED, BANNER), "tcpdump"),
        ),
        blocked={"nobody asked": SOLVED},
        roads=roads((BANNER, SSHD)),
    ),
    Table(
        ssh_host_key("c1", address="172.16.0.67", port=22922),
        (
            Mistake("no guest", without_guest(KEYED, "c1"), STARTED),
            Mistake("somebody else", said(KEYED, (FAR, "SHA256:other")), "Each sshd has a key of its own"),
            Mistake("no sshd", unanswered(KEYED, NEAR, REFUSED), "an sshd does not run there"),
            Mistake("no rule", unanswered(rules(KEYED, SNAT), FAR), "PREROUTING chain can lead it on"),
        ),
        blocked={"nobody asked": SOLVED},
        roads=roads(*KEYS),
    ),
    Table(
        name_resolves("bench", "10.1.1.254", "c2", "10.1.1.11"),
        (
            Mistake("another address", said(SOLVED, (NAME, "10.1.1.77")), "An old entry or another host"),
            Mistake("unknown", unanswered(SOLVED, NAME, "no such name"), "dnsmasq takes names from"),
            Mistake("no server", unanswered(SOLVED, NAME, REFUSED), "a name server does not run there"),
            Mistake("silence", unanswered(SOLVED, NAME), "tcpdump"),
        ),
        blocked={"nobody asked": SOLVED},
        roads=roads((NAME, "10.1.1.11")),
    ),
    Table(
        filter_verdict("bench", "guest:c1", 23, "drop"),
        (
            Mistake("no guest", without_guest(SOLVED, "c1"), STARTED),
            Mistake("let through", said(SOLVED, (TELNET, "")), "No rule stops it"),
            Mistake("rejected", refused(SOLVED, REJECT), "REJECT answers"),
            Mistake("no rule", silent(SOLVED), "Silence is not a filter's work"),
            Mistake("inert", silent(SOLVED, replace(DROP, packets=0)), "Silence is not a filter's work"),
        ),
        blocked={"nobody asked": SOLVED},
        good={"a policy": unanswered(rules(SOLVED, FORWARD="drop"), TELNET)},
        roads=(silent(solved(), DROP), silent(modern(), DROP)),
    ),
    Table(
        filter_verdict("bench", "guest:c1", 23, "reject"),
        (
            Mistake("no guest", without_guest(SOLVED, "c1"), STARTED),
            Mistake("dropped", silent(SOLVED, DROP), "DROP answers nothing"),
            Mistake("nobody listens", refused(SOLVED), "Silence is not a filter's"),
        ),
        roads=(refused(solved(), REJECT), refused(modern(), REJECT)),
    ),
    Table(
        filter_verdict("bench", "guest:c1", 22, "accept"),
        (
            Mistake("refused", unanswered(SOLVED, BANNER, REFUSED), "Either nobody listens"),
            Mistake("silence", unanswered(SOLVED, BANNER), "tcpdump"),
        ),
        roads=roads((BANNER, SSHD)),
    ),
)
