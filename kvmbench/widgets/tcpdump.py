"""The tutorial's `tcpdump -i ens33 icmp`, at several places at once: picked by a click, packets as rows."""

from __future__ import annotations

import html
import threading
from typing import Any

import ipywidgets

from kvmbench.errors import KvmbenchError
from kvmbench.forms import pages
from kvmbench.model import Snapshot
from kvmbench.observe.packets import Capture, words
from kvmbench.widgets import parts
from kvmbench.widgets.live import LivePicture

MOST_ROWS = 200
"""shown; the capture keeps more"""
MOST_NAMES = 30
_EVERY_S = 0.2
_FILE = "/root/capture.pcapng"


class Tcpdump(ipywidgets.VBox):  # type: ignore[misc]
    """A picture to pick interfaces on, a filter, and the packets that pass."""

    def __init__(self, *places: str, what: str = "", picture: LivePicture | None = None) -> None:
        """With places it listens at once.

        Raises:
            BadInput: there is no such interface, or the filter is none.
        """
        self._lock = threading.RLock()
        self._capture: Capture | None = None
        self._timer: threading.Timer | None = None
        self.picture = picture or LivePicture()
        self.places = ipywidgets.Text(
            value=" ".join(places), placeholder="ens33 router1/vethm.2", description="interfaces",
            layout={"width": "98%"},
        )  # fmt: skip
        self.offered = ipywidgets.HTML()
        self.what = ipywidgets.Text(value=what, placeholder="icmp", description="filter")
        self.what.continuous_update = False
        self.go = ipywidgets.Button(description="Listen", icon="play")
        self.file = ipywidgets.Text(value=_FILE, description="file")
        self.keep = ipywidgets.Button(description="Save", icon="save", disabled=True)
        self.said = parts.said()
        self.table = ipywidgets.HTML()
        self.table.layout.max_height, self.table.layout.overflow = "360px", "auto"
        where = parts.names("Click interfaces in the picture below, or type their names, a blank between:")
        bar = ipywidgets.HBox([self.what, self.go, self.file, self.keep])
        bar.layout.flex_flow = "row wrap"
        super().__init__()
        parts.mannered(self, [where, self.places, self.offered, bar, self.said, self.table, self.picture])
        self._offer()
        self.picture.observe(self._picked, names="selected")
        self.picture.observe(lambda _: self._offer(), names="nodes")
        self.go.on_click(lambda _: self.stop() if self.listening else self._try(self.start))
        self.keep.on_click(lambda _: self._try(lambda: self.save(self.file.value)))
        if places:
            try:
                self.start()
            except KvmbenchError:
                self.close()  # nobody else can
                raise

    @property
    def picked(self) -> tuple[str, ...]:
        """The names of the interfaces, as they are typed or clicked."""
        return tuple(self.places.value.split())

    @property
    def listening(self) -> bool:
        return self._capture is not None and self._capture.running

    @property
    def capture(self) -> Capture | None:
        """The packets, as `capture(…)` gives them; None before anything was listened to."""
        return self._capture

    def start(self) -> None:
        """Listen at the places that are picked.

        Raises:
            BadInput: none is picked, one is not there, or the filter is none.
        """
        with self._lock:
            made = Capture(*self.picked, what=self.what.value, on_packets=lambda _: self._soon())
            made.start()
            self._capture = made
        self.go.description, self.go.icon = "Stop", "stop"
        self.keep.disabled = False
        self._show()

    def stop(self) -> None:
        """Listen no more; the packets stay."""
        if self._capture:
            self._capture.stop()
        self.go.description, self.go.icon = "Listen", "play"
        self._show()

    def save(self, path: str) -> None:
        """Write the packets to a file.

        Raises:
            BadInput: it cannot be written.
        """
        if self._capture:
            self.said.value = f"written: {html.escape(str(self._capture.save(path)))}"

    def close(self) -> None:
        self.stop()
        self.picture.close()
        super().close()

    def __repr__(self) -> str:
        return repr(self._capture) if self._capture else "tcpdump: nothing was listened to yet"

    def _repr_mimebundle_(self, **how: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super()._repr_mimebundle_(**how)
        return shown | {"text/plain": repr(self)}

    def _try(self, work: Any) -> None:
        try:
            self.said.value = ""
            work()
        except KvmbenchError as error:
            self.said.value = pages.error(error)

    def _picked(self, change: Any) -> None:
        """A click on an interface picks it, a click on one that is picked lets it go."""
        kind, _, name = str(change["new"] or change["old"]).partition(":")  # a second click unselects
        if kind != "link":
            return
        interface, _, netns = name.partition("@")
        place = f"{netns}/{interface}" if netns else interface
        picked = list(self.picked)
        if place in picked:
            picked.remove(place)
        elif place in interfaces(self.picture.seen):
            picked.append(place)
        self.places.value = " ".join(picked)

    def _offer(self) -> None:
        known = interfaces(self.picture.seen)
        more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
        self.offered.value = html.escape(f"There are: {' '.join(known[:MOST_NAMES])}{more}") if known else ""

    def _soon(self) -> None:
        """Packets come faster than a page is drawn."""
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(_EVERY_S, self._show)
                self._timer.daemon = True
                self._timer.start()

    def _show(self) -> None:
        with self._lock:
            self._timer = None
            if self._capture:
                self.table.value = words.page(self._capture.packets, self._capture.remark, last=MOST_ROWS)


def interfaces(seen: Snapshot | None) -> list[str]:
    """Where packets may be listened to: names, with the namespace's before them."""
    if seen is None:
        return []
    return [
        f"{room.name}/{link.name}" if room.name else link.name
        for room in seen.namespaces
        for link in room.links
        if link.name != "lo"
    ]


def tcpdump(*places: str, what: str = "") -> Tcpdump:
    """Packets as they pass interfaces, as rows that come while you look; `capture(…)` does it without a form.

    Raises:
        BadInput: there is no such interface, or the filter is none.
    """
    return Tcpdump(*places, what=what)
