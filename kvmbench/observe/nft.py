"""What nft(8) prints, read: `nft -j list ruleset` for the meaning, `nft -a list ruleset` for the words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kvmbench.model import Rule

_TRANSLATIONS = ("snat", "dnat", "masquerade", "redirect")
_VERDICTS = ("accept", "drop", "reject", "queue", "jump", "goto", "return", "continue", "vmap")
_WORDS = re.compile(r"(?:^| )(snat|dnat|masquerade|redirect|accept|drop|reject|jump|goto|return)(?= |$)")
_TO = re.compile(r"(?:^| )(?:snat|dnat|redirect)(?: ip)? to (\S+)")
_HANDLE = re.compile(r"^\s*(.*?) # handle (\d+)$")


@dataclass(frozen=True)
class Ruleset:
    """All rules in their order, and "family table chain" → policy."""

    rules: tuple[Rule, ...] = ()
    policies: dict[str, str] = field(default_factory=dict)


def read(text: str, words: Mapping[tuple[str, str, int], str] | None = None) -> Ruleset:
    """Read what `nft -j list ruleset` printed.

    The words of each rule (`words_by_handle`) become its text. A target of iptables (`-j SNAT`) has nothing
    but its name in nft's JSON, and in older versions not even that: the words tell where it leads.

    Raises:
        ValueError: the text is not nft's JSON.
    """
    things = json.loads(text)["nftables"]
    chains = {_place(each["chain"]): each["chain"] for each in things if "chain" in each}
    counters = {
        (each["counter"]["family"], each["counter"]["table"], each["counter"]["name"]): each["counter"]
        for each in things
        if "counter" in each
    }
    rules = [each["rule"] for each in things if "rule" in each]
    return Ruleset(
        rules=tuple(_rule(rule, chains, counters, words or {}) for rule in rules),
        policies={
            " ".join(place): chain.get("policy", "accept")
            for place, chain in chains.items()
            if "hook" in chain
        },
    )


def words_by_handle(text: str) -> dict[tuple[str, str, int], str]:
    """Read what `nft -a list ruleset` printed: (family, table, handle) → the rule's line.

    A handle counts within its table. A line that opens a table, a chain or a set ends in a brace.
    """
    found: dict[tuple[str, str, int], str] = {}
    family = table = ""
    for line in text.splitlines():
        match = _HANDLE.match(line)
        if not match:
            continue
        said, handle = match.groups()
        if said.endswith("{"):
            if said.startswith("table "):
                family, table = said.split()[1:3]
        else:
            found[family, table, int(handle)] = said
    return found


def _place(thing: Mapping[str, Any]) -> tuple[str, str, str]:
    return thing["family"], thing["table"], thing.get("chain") or thing["name"]


def _rule(
    rule: Mapping[str, Any],
    chains: Mapping[tuple[str, str, str], Mapping[str, Any]],
    counters: Mapping[tuple[str, str, str], Mapping[str, int]],
    words: Mapping[tuple[str, str, int], str],
) -> Rule:
    family, table, chain = _place(rule)
    text = words.get((family, table, rule["handle"]), "")
    expressions: list[tuple[str, Any]] = [item for expression in rule["expr"] for item in expression.items()]
    counter = next((value for key, value in expressions if key == "counter"), None)
    if isinstance(counter, str):  # an object that several rules may count with
        counter = counters.get((family, table, counter))
    given = _matches(value for key, value in expressions if key == "match")
    action, to = _action(expressions, text)
    port = given.get("port", "")
    return Rule(
        family=family,
        table=table,
        chain=chain,
        hook=chains.get((family, table, chain), {}).get("hook", ""),
        action=action,
        text=text,
        packets=counter["packets"] if counter else None,
        bytes=counter["bytes"] if counter else None,
        source=given.get("source"),
        destination=given.get("destination"),
        in_link=given.get("in_link"),
        out_link=given.get("out_link"),
        protocol=given.get("protocol"),
        port=int(port) if port.isdigit() else None,
        to=to,
    )


def _matches(matches: Any) -> dict[str, str]:
    """The fields of a Rule that its matches name; what is excluded begins with "!"."""
    given: dict[str, str] = {}
    for match in matches:
        left, value = match["left"], _text(match["right"])
        sign = "!" if match["op"] == "!=" else ""
        meta = left.get("meta", {}).get("key") if isinstance(left, dict) else None
        payload = left.get("payload", {}) if isinstance(left, dict) else {}
        protocol, named = payload.get("protocol"), payload.get("field")
        if meta in ("iif", "iifname"):
            given["in_link"] = sign + value
        elif meta in ("oif", "oifname"):
            given["out_link"] = sign + value
        elif meta == "l4proto" or (protocol == "ip" and named == "protocol"):
            given["protocol"] = sign + value
        elif protocol == "ip" and named in ("saddr", "daddr"):
            given["source" if named == "saddr" else "destination"] = sign + value
        elif protocol in ("tcp", "udp", "icmp", "sctp", "th"):
            if protocol != "th":
                given["protocol"] = protocol
            if named == "dport":
                given["port"] = sign + value
    return given


def _text(value: Any) -> str:
    """An address, a network, a range, a list: as nft itself would write it, without spaces."""
    if isinstance(value, dict):
        if "prefix" in value:
            return f"{value['prefix']['addr']}/{value['prefix']['len']}"
        if "range" in value:
            return "-".join(_text(each) for each in value["range"])
        if "set" in value:
            return _text(value["set"])
        return ""
    if isinstance(value, list):
        return ",".join(_text(each) for each in value)
    return str(value)


def _action(expressions: list[tuple[str, Any]], text: str) -> tuple[str, str | None]:
    """What the rule does, and where it translates to."""
    for key, value in expressions:
        if key in _TRANSLATIONS:
            return key, _to(value)
    for key, value in expressions:
        if key == "xt" and (value is None or value.get("type") != "match"):
            return _foreign(value, text)
    verdict = next((key for key, _ in expressions if key in _VERDICTS), None)
    last = next((key for key, _ in reversed(expressions) if key != "match"), "counter")
    return verdict or last, None


def _to(value: Any) -> str | None:
    """{"addr": "10.1.1.1", "port": 22} → "10.1.1.1:22"; a map, which leads here and there, is None."""
    if not isinstance(value, dict):
        return None
    address, port = _text(value.get("addr", "")), _text(value.get("port", ""))
    return f"{address}:{port}" if port else address or None


def _foreign(value: Mapping[str, str] | None, text: str) -> tuple[str, str | None]:
    """An expression of iptables."""
    words, to = _WORDS.findall(text), _TO.search(text)
    name = (value or {}).get("name") or (words[-1] if words else "xt")
    return name.lower(), to.group(1) if to else None
