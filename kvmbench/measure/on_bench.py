"""python -m kvmbench.measure.on_bench WHAT…: what is measured on a bench; prints its figures as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from kvmbench.errors import KvmbenchError
from kvmbench.measure import guests, network, tutorial

Found = tuple[dict[str, float], dict[str, str]]


def _held(count: int, how: str) -> Found:
    guests.hold(count, how)
    return {}, {}


WHAT: dict[str, Callable[..., Found]] = {
    "hosts": lambda count: (network.ours(int(count)), {}),
    "hosts-peers": lambda count: network.peers(int(count)),
    "tutorial": lambda: (tutorial.ours(), {}),
    "changes": lambda: (tutorial.changes(), {}),
    "tutorial-peers": lambda: (tutorial.by_hand(), {}),
    "guests": lambda: (guests.ours(), {}),
    "instant": lambda count: (guests.instant(int(count)), {}),
    "hold": lambda count, how: _held(int(count), how),
    "guests-peers": lambda engine: guests.peers(engine),
}


def main() -> None:
    try:
        taken, missing = WHAT[sys.argv[1]](*sys.argv[2:])
    except (KvmbenchError, OSError) as error:
        sys.exit(error.what if isinstance(error, KvmbenchError) else str(error))
    print(json.dumps({"taken": taken, "missing": missing}))


if __name__ == "__main__":
    main()
