"""The solved tutorial on the bench that this runs on: looked at, drawn, checked, as a notebook would."""

from __future__ import annotations

import os
import statistics
import threading
import time
from pathlib import Path

from kvmbench import course
from kvmbench.measure.clock import median, seconds
from kvmbench.observe import look
from kvmbench.observe.feed import Feed
from kvmbench.observe.watch import Watcher, What
from kvmbench.system import run
from kvmbench.topology import draw, graph, to_svg

WATCHED = "vethm.1"
_CHANGES = 5
_BY_HAND = ("ip -j -d address", "ip -j route", "ip -j neighbour", "bridge -j fdb", "nft -j list ruleset")


def ours() -> dict[str, float]:
    """What a notebook waits for, in a Python that has done it before."""
    files, images = course.files(), course.images()
    seen = look(files=files, images=images)
    to_svg(draw(graph(seen)))
    results = course.check("all")
    return {
        "look": median(lambda: look(files=files, images=images, insides=False)),
        "look inside": median(lambda: look(files=files, images=images)),
        "picture": median(lambda: to_svg(draw(graph(seen)))),
        "judge": median(lambda: course.judge("all", seen)),
        "check": seconds(lambda: run(["kvmbench", "check", "all"])),
        "checks": len(results),
        "checks passed": sum(result.verdict == "passed" for result in results),
    }


def changes() -> dict[str, float]:
    """From a change in the kernel until a look has it, and until it is drawn."""
    feed = Feed(files=course.files(), images=course.images(), pace_s=60.0)
    feed.look()
    mtu = Path("/sys/class/net", WATCHED, "mtu")
    what: list[What] = []
    told = threading.Event()
    models: list[float] = []
    pictures: list[float] = []

    def tell(changed: What) -> None:
        what.append(changed)
        told.set()

    with Watcher(tell, settle_s=0):
        for number in range(2 * _CHANGES):
            what.clear()
            wanted = 1400 + number % 2
            started = time.perf_counter()
            mtu.write_text(str(wanted))
            while True:
                told.wait(5)
                told.clear()
                seen = feed.look_after(frozenset().union(*what))
                link = seen.link(WATCHED)
                if link is not None and link.mtu == wanted:
                    break
            models.append(time.perf_counter() - started)
            to_svg(draw(graph(seen)))
            pictures.append(time.perf_counter() - started)
    mtu.write_text("1500")
    return {"event to model": statistics.median(models), "event to picture": statistics.median(pictures)}


def by_hand() -> dict[str, float]:
    """The same facts, one program after the other in each namespace and for each image."""

    def all_of_it() -> None:
        for netns in ("", *sorted(os.listdir("/run/netns"))):
            there = ["ip", "netns", "exec", netns] if netns else []
            for line in _BY_HAND:
                run([*there, *line.split()]).checked()
        for image in course.images():
            run(["qemu-img", "info", "-U", "--output=json", image])

    return {"look by hand": median(all_of_it)}
