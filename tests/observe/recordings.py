"""What real programs and a real kernel answered: Linux 6.18, nft 1.0.6, iptables 1.8.9, QEMU 7.2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kvmbench.system.netlink import Dump

RECORDED = Path(__file__).with_name("recorded")


def text(name: str) -> str:
    return (RECORDED / name).read_text(encoding="utf-8")


def dumps(name: str = "rtnetlink.json") -> dict[str, Dump]:
    """Network namespaces with what rtnetlink told of each; only what is of interest was kept."""
    return {netns: _dump(kinds) for netns, kinds in json.loads(text(name)).items()}


def _dump(kinds: dict[str, Any]) -> Dump:
    names = {int(number): name for number, name in kinds.pop("names").items()}
    return Dump(**{kind: tuple(messages) for kind, messages in kinds.items()}, names=names)
