"""What iptables-save(8) prints, read: rules with their counters, and the policies of the built-in chains."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

from kvmbench.model import Rule

_HOOKS = {
    "PREROUTING": "prerouting",
    "INPUT": "input",
    "FORWARD": "forward",
    "OUTPUT": "output",
    "POSTROUTING": "postrouting",
}
_CHAIN = re.compile(r":(\S+) (\S+)")
_RULE = re.compile(r"(?:\[(\d+):(\d+)\] )?-A (\S+) ?(.*)")
_FIELDS = {
    "-s": "source",
    "-d": "destination",
    "-i": "in_link",
    "-o": "out_link",
    "-p": "protocol",
    "--dport": "port",
    "--dports": "port",
    "-j": "target",
    "-g": "target",
    "--to-source": "to",
    "--to-destination": "to",
    "--to-ports": "to_ports",
}


@dataclass(frozen=True)
class Saved:
    """A whole printout: its rules in their order, and "family table chain" → policy."""

    rules: tuple[Rule, ...] = ()
    policies: dict[str, str] = field(default_factory=dict)


def read(text: str, family: str = "ip") -> Saved:
    """Read what `iptables-save -c` printed; a line that is no rule and no chain is passed over.

    >>> read("*nat\\n[3:252] -A POSTROUTING -o ens33 -j SNAT --to-source 172.16.0.67\\n").rules[0].to
    '172.16.0.67'
    """
    rules: list[Rule] = []
    policies: dict[str, str] = {}
    own_chains: set[str] = set()
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table, own_chains = line[1:].strip(), set()
        elif chain := _CHAIN.match(line):
            name, policy = chain.groups()
            if policy == "-":
                own_chains.add(name)
            else:
                policies[f"{family} {table} {name}"] = policy.lower()
        elif rule := _RULE.match(line):
            packets, octets, name, words = rule.groups()
            given = fields(words)
            rules.append(
                Rule(
                    family=family,
                    table=table,
                    chain=name,
                    hook=_HOOKS.get(name, ""),
                    action=_action(given.get("target", ""), own_chains),
                    text=f"-A {name} {words}".rstrip(),
                    packets=int(packets) if packets else None,
                    bytes=int(octets) if octets else None,
                    source=given.get("source"),
                    destination=given.get("destination"),
                    in_link=given.get("in_link"),
                    out_link=given.get("out_link"),
                    protocol=given.get("protocol"),
                    port=port(given.get("port")),
                    to=given.get("to") or (f":{given['to_ports']}" if "to_ports" in given else None),
                )
            )
    return Saved(tuple(rules), policies)


def fields(words: str) -> dict[str, str]:
    """The fields of a Rule that a rule's words name; what is excluded begins with "!".

    >>> fields('-i ens33 ! -s 10.1.1.0/24 -j DROP')
    {'in_link': 'ens33', 'source': '!10.1.1.0/24', 'target': 'DROP'}
    """
    given: dict[str, str] = {}
    parts = shlex.split(words)
    for before, option, value in zip(["", *parts], parts, [*parts[1:], ""], strict=False):
        if option in _FIELDS:
            plain = value.removesuffix("/32")
            given[_FIELDS[option]] = f"!{plain}" if before == "!" else plain
    return given


def port(text: str | None) -> int | None:
    """A single port; a range or a list of several is none."""
    return int(text) if text and text.isdigit() else None


def _action(target: str, own_chains: set[str]) -> str:
    """A rule may also only count: then it has no target."""
    if target in own_chains:
        return "jump"
    return target.lower() or "counter"
