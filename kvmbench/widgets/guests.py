"""The table of guests: a row each, and under it what may be done with each of them."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import ipywidgets

from kvmbench.act.action import apply_all
from kvmbench.errors import KvmbenchError
from kvmbench.forms import GuestRow, actions_for, guest_rows, pages
from kvmbench.forms.rows import VERBS, tells
from kvmbench.model import Snapshot
from kvmbench.widgets import around, parts


class GuestTable(ipywidgets.VBox):  # type: ignore[misc]
    """The guests that run on this bench; it follows what is done in a shell."""

    def __init__(self, *, bench: around.Seen | None = None) -> None:
        self._lock = threading.RLock()
        self._around = bench or around.here()
        self.rows: tuple[GuestRow, ...] = ()
        self.table = ipywidgets.HTML()
        self.bars: dict[str, _Bar] = {}
        self._bars = ipywidgets.VBox()
        self.said = parts.said()
        super().__init__()
        parts.mannered(self, [self.table, self._bars, self.said])
        self.changed(self._around.again())
        self._around.follow(self)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.rows)) or "No guest runs on this bench."

    def _repr_mimebundle_(self, **how: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super()._repr_mimebundle_(**how)
        return shown | {"text/plain": repr(self)}

    def changed(self, seen: Snapshot) -> None:
        with self._lock:
            self.rows = guest_rows(seen)
            self.table.value = pages.guests(self.rows)
            names = [row.name for row in self.rows]
            if list(self.bars) != names:
                self.bars = {name: self.bars.get(name) or _Bar(name, self.do) for name in names}
                self._bars.children = list(self.bars.values())
            for row in self.rows:
                self.bars[row.name].show(row)

    def do(self, name: str, verb: str, tag: str = "snap1") -> None:
        """What a button does: `do("c1", "pause")`."""
        row = next((each for each in self.rows if each.name == name), None)
        if row is None:
            return
        try:
            done = apply_all(actions_for(verb, row, tag))
            self.said.value = pages.ran([line for each in done for line in each.ran])
        except KvmbenchError as error:
            self.said.value = pages.error(error)
        self.changed(self._around.again())


class _Bar(ipywidgets.HBox):  # type: ignore[misc]
    """The buttons of a guest."""

    def __init__(self, name: str, do: Any) -> None:
        self.name, self._do, self._sure = name, do, False
        self.tag = ipywidgets.Text(
            "snap1", tooltip="The name that a snapshot is kept under.", layout={"width": "90px"}
        )
        self.buttons = {
            verb: ipywidgets.Button(description=verb.capitalize(), layout={"width": "auto"}) for verb in VERBS
        }
        for verb, button in self.buttons.items():
            button.on_click(partial(self._pressed, verb))
        named = parts.title(name)
        named.layout.width = "60px"
        shown: list[Any] = [named]
        for verb, button in self.buttons.items():
            shown += [self.tag, button] if verb == "save" else [button]
        super().__init__([parts.wrapped(shown)])
        self.add_class("kvmbench-group")

    def show(self, row: GuestRow) -> None:
        for verb, button in self.buttons.items():
            button.disabled = verb in row.cannot
            button.tooltip = row.cannot.get(verb) or tells(verb, row)

    def _pressed(self, verb: str, button: Any) -> None:
        sure, self._sure = self._sure, verb == "delete" and not self._sure
        delete = self.buttons["delete"]
        delete.description = f"Delete {self.name} and its disks: sure?" if self._sure else "Delete"
        delete.button_style = "danger" if self._sure else ""
        if verb != "delete" or sure:
            self._do(self.name, verb, self.tag.value)
