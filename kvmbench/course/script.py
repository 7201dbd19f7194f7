"""The reference solution as a shell script."""

from __future__ import annotations

from collections.abc import Sequence

from kvmbench.course.catalogue import chosen, with_needs
from kvmbench.course.step import Step


def script(slugs: Sequence[str] | str, *, old: bool = False) -> str:
    """A script that takes a fresh bench to where these steps are solved; `old` in the tutorial's spelling.

    Raises:
        NoSuchStep: the course has none of that name.
    """
    wanted = with_needs(chosen(slugs))
    spelling = "brctl, ifconfig, -net, iptables" if old else "ip, -nic, nft"
    head = (
        "#!/bin/sh\n"
        f"# {', '.join(each.slug for each in wanted)}; spelt with {spelling}.\n"
        "# For a fresh bench: kvmbench exec -- sh THIS-FILE\n"
        "set -eu\n"
    )
    return head + "".join(_section(number, each, old) for number, each in enumerate(wanted, 1))


def _section(number: int, each: Step, old: bool) -> str:
    rows = [f"\n# {number}. {each.title}\n# {each.goal}\n"]
    for action in each.solution:
        rows.append(f"\n# {action.says}\n")
        rows += [f"{line}\n" for line in action.lines(old=old)]
    return "".join(rows)
