"""The bench's picture, drawn anew when the kernel tells of a change, with a step's checks beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import traitlets

from kvmbench import course
from kvmbench.errors import KvmbenchError
from kvmbench.model import Probe, ProbeResult, Snapshot
from kvmbench.observe import look
from kvmbench.observe.feed import Feed
from kvmbench.topology import DARK, LIGHT
from kvmbench.widgets.live_state import Scene, changes, checks, fingerprint, probes, scene
from kvmbench.widgets.view import View

ASK_EVERY_S = 10.0
"""how often questions are put on the wire by themselves, at most"""


class LivePicture(View, view="live"):
    """What the page shows: a picture that follows the bench, the row of what was clicked, and checks."""

    step = traitlets.Unicode().tag(sync=True)
    svg = traitlets.Unicode().tag(sync=True)
    nodes = traitlets.Dict().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)
    detail = traitlets.Dict().tag(sync=True)
    checks: traitlets.List[Any] = traitlets.List().tag(sync=True)
    changed: traitlets.List[str] = traitlets.List().tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)
    trouble = traitlets.Unicode().tag(sync=True)
    asking = traitlets.Bool(False).tag(sync=True)
    selected = traitlets.Unicode().tag(sync=True)
    dark = traitlets.Bool(False).tag(sync=True)
    shown = traitlets.Bool(False).tag(sync=True)
    """some page has it on the screen"""
    hidden = traitlets.Bool(False).tag(sync=True)
    """a page has it, and not on the screen: it is drawn when it comes back there"""

    def __init__(self, step: str = "", *, feed: Feed | None = None) -> None:
        """With a step's slug, what it asks for and is missing is dashed, and its checks stand beside.

        Raises:
            NoSuchStep: the course has no such step.
        """
        self._wire = probes(step)
        self._answers: dict[Probe, ProbeResult] = {}
        self._scene: Scene | None = None
        self.seen: Snapshot | None = None
        self._asked_of: object = None
        self._asked_at = -ASK_EVERY_S
        super().__init__(step=step)
        self._feed = feed or _shared()
        # First subscribed and then looked: what changes in between is told.
        self._leave: Callable[[], None] | None = self._feed.subscribe(self._show, paced=lambda: self.shown)
        self._show(self._feed.look())
        self.observe(self._selected, names="selected")
        self.observe(self._redraw, names=["dark", "hidden"])
        self.observe(lambda _: self._ask_when_due(), names="shown")

    def stop(self) -> None:
        """Watch no more; the picture stays as it is."""
        leave, self._leave = self._leave, None
        if leave:
            leave()

    def close(self) -> None:
        self.stop()
        super().close()

    def as_text(self) -> str:
        return self.words

    def _repr_mimebundle_(self, **how: Any) -> Any:
        """The picture as it was drawn last stands in for the widget where there is no JavaScript."""
        data, meta = super()._repr_mimebundle_(**how) or ({}, {})
        return {**data, "image/svg+xml": self.svg}, meta

    def ask(self) -> None:
        """Put the questions of the step's checks on the wire, and judge by the answers."""
        if not self._wire or self.asking:
            return
        self.asking, self._asked_at = True, time.monotonic()
        try:
            seen = look(probes=self._wire, files=course.files(), images=course.images())
            with self.lock:
                self._answers = {result.probe: result for result in seen.probes}
                self._asked_of = fingerprint(seen)
                self.checks = checks(self.step, seen, self._answers)
        finally:
            self.asking = False

    def _show(self, seen: Snapshot) -> None:
        with self.lock, self.hold_sync():
            if self.seen and seen.taken_at < self.seen.taken_at:
                return  # another thread was quicker with a later look
            if self.hidden:
                self.seen = seen
                return
            try:
                drawn = scene(seen, self.step, DARK if self.dark else LIGHT)
            except KvmbenchError as error:
                self.trouble = str(error)
                return
            before, self._scene = self._scene, drawn
            self.seen = seen
            if self._answers and fingerprint(seen) != self._asked_of:
                self._answers = {}  # they were about another bench than this one is now
            if before is None or before.svg != drawn.svg:
                self.changed, self.said = changes(before.graph if before else None, drawn.graph)
                self.nodes, self.words, self.svg = drawn.nodes, drawn.words, drawn.svg
            self.checks = checks(self.step, seen, self._answers)
            self.detail = drawn.detail(self.selected)
            self.trouble = "; ".join(seen.troubles)
        self._ask_when_due()

    def _ask_when_due(self) -> None:
        """A change makes the answers old; they are asked for again while somebody looks, not in a storm."""
        old = self._wire and not self._answers and time.monotonic() >= self._asked_at + ASK_EVERY_S
        if old and self.shown and not self.asking:
            threading.Thread(target=self.ask, name="ask", daemon=True).start()

    def _selected(self, _: Any) -> None:
        with self.lock:
            if self._scene:
                self.detail = self._scene.detail(self.selected)

    def _redraw(self, _: Any) -> None:
        if self.seen:
            self._show(self.seen)

    def received(self, kind: str, content: dict[str, Any], data: bytes) -> None:
        if kind == "ask":
            threading.Thread(target=self.ask, name="ask", daemon=True).start()


@cache
def _shared() -> Feed:
    """A cell that is run again leaves its picture behind: one feed for all, and it rests without any."""
    return Feed(files=course.files(), images=course.images())


def live(step: str = "") -> LivePicture:
    """The bench's picture, drawn anew when the kernel says that something changed.

    With a step's slug, what it asks for and is missing is dashed, and its checks stand beside; those that put
    questions on the wire are asked when somebody wants it, and at most every ten seconds by themselves.

    Raises:
        NoSuchStep: the course has no such step.
        NotOnABench: the caller is not on a bench.
    """
    return LivePicture(step)
