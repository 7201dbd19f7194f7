"""The form for a guest beside its command line, and what happens when it is created."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import ipywidgets

from kvmbench.errors import KvmbenchError
from kvmbench.forms import Draft, Stage, create, first_draft, pages
from kvmbench.forms.draft import LINE, ROWS
from kvmbench.forms.places import MACHINE, Place
from kvmbench.model import Snapshot
from kvmbench.qemu.line import Context, context, explain, parse
from kvmbench.qemu.line.installed import here as installed
from kvmbench.widgets import around, parts

_SPELLINGS = (
    ("today: -drive, -nic", "today"),
    ("tutorial: -hda, -net", "tutorial"),
    ("pairs: -blockdev, -netdev with -device", "pairs"),
)
_ONE_MORE = {"disks": "one more disk", "cards": "one more network card"}
_ONE = {"disks": "disk", "cards": "network card"}


class VMCreator(ipywidgets.VBox):  # type: ignore[misc]
    """Describe a guest by a form or by its command line, each of which edits the other; then create it.

    `create(line)` does the same without a page. Shown as text where there are no widgets.
    """

    def __init__(self, line: str = "", *, bench: around.Seen | None = None) -> None:
        self._lock, self._quiet, self._made = threading.RLock(), False, ""
        self._around = bench or around.here()
        self._context = self._surroundings(self._around.again())
        self.draft = (
            Draft.of(parse(line)).typed(line) if line else first_draft(self._around.seen, self._context)
        )
        self.fields: dict[str, parts.FieldBox] = {}
        self.spelling = ipywidgets.Dropdown(
            options=_SPELLINGS, description="spelling", tooltip="Three ways to write the same guest.",
            layout={"width": "98%"},
        )  # fmt: skip
        self.spelling.observe(self._spelt, names="value")
        self.line = parts.lines_box(
            "the command line; type or paste one, and the form follows", self._typed, 6
        )
        self._line_wrong = ipywidgets.HTML()
        self._explained = ipywidgets.HTML()
        self._script = parts.lines_box("the exact lines, to copy into a file", rows=3)
        more = ipywidgets.Accordion([self._explained, self._script], selected_index=None)
        more.titles = ("what each option does", "as a script")
        self.create_button = ipywidgets.Button(
            description="Create", button_style="primary", tooltip="Type the line, and watch what happens."
        )
        self.create_button.on_click(lambda _: self.create())
        self.anew = ipywidgets.Button(
            description="Next guest",
            tooltip="Begin again, with a name, an image, a MAC and a tap that are free.",
        )
        self.anew.on_click(lambda _: self.next_guest())
        self.progress = ipywidgets.HTML()
        self._rows = ipywidgets.VBox()
        self.stages: tuple[Stage, ...] = ()
        self.working: threading.Thread | None = None
        form = ipywidgets.VBox(
            [self._machine(), self._rows], layout={"flex": "3 1 300px", "min_width": "280px"}
        )
        beside = ipywidgets.VBox(
            [
                parts.title("The command line"),
                self.spelling,
                self.line,
                self._line_wrong,
                ipywidgets.HBox([self.create_button, self.anew]),
                self.progress,
                more,
            ],
            layout={"flex": "2 1 300px", "min_width": "280px"},
        )
        super().__init__()
        parts.mannered(self, [parts.wrapped([form, beside])])
        self._show()
        self._around.follow(self)

    def __repr__(self) -> str:
        wrong = [f"{each.what}\n  {each.hint}" for found in self.troubles.values() for each in found]
        return "\n".join([self.draft.line, *wrong, *(f"{each.name}: {each.says}" for each in self.stages)])

    def _repr_mimebundle_(self, **how: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super()._repr_mimebundle_(**how)
        return shown | {"text/plain": repr(self)}

    @property
    def troubles(self) -> dict[str, Any]:
        """What stands against the guest as it is described, by field; nothing while it is what runs."""
        return {} if self._is_made() else self.draft.troubles(self._context)

    def _is_made(self) -> bool:
        """Whether the form still shows the guest that it created, and that one still runs."""
        return self.draft.line == self._made and self.draft.guest.name in self._context.guests

    def create(self) -> None:
        """Create the guest; what happens is shown as it happens."""
        with self._lock:
            if self._is_made() or self.troubles or (self.working and self.working.is_alive()):
                return
            self.create_button.disabled = True
            self.stages = ()
            self.progress.value = pages.stages((), working=True)
            self.working = threading.Thread(
                target=self._create, args=(self.draft.line,), name="create", daemon=True
            )
            self.working.start()

    def next_guest(self) -> None:
        """Begin again with what is free on the bench."""
        with self._lock:
            self._context = self._surroundings(self._around.again())
            self.draft = first_draft(self._around.seen, self._context, self.draft.spelling)
            self.progress.value = ""
            self._show()

    def changed(self, seen: Snapshot) -> None:
        """The bench is another one: what was free may be taken now."""
        with self._lock:
            self._context = self._surroundings(seen)
            self._show()

    def _create(self, line: str) -> None:
        try:
            for stage in create(line):
                self.stages = (*self.stages, stage)
                self.progress.value = pages.stages(self.stages, working=True)
            self.progress.value = pages.stages(self.stages, working=False)
        except KvmbenchError as error:
            self.progress.value = pages.stages(self.stages, working=False) + pages.error(error)
        else:
            self._made = line
        finally:
            self.working = None
            self.changed(self._around.again())

    def _surroundings(self, seen: Snapshot) -> Context:
        return context(seen, installed())

    def _machine(self) -> Any:
        return parts.group([parts.title("The machine"), parts.wrapped(map(self._field, MACHINE))])

    def _field(self, place: Place[Any], prefix: str = "") -> parts.FieldBox:
        name = f"{prefix}{place.name}"
        box = parts.FieldBox(
            place.label,
            place.does,
            partial(self._filled, name),
            options=self._offered(place),
            switch=place.switch,
        )
        self.fields[name] = box
        return box

    def _offered(self, place: Place[Any]) -> tuple[str, ...]:
        if place.name == "file":
            return tuple(image.path for image in self._around.seen.images)
        if place.name == "br":
            rooms = self._around.seen.namespaces[:1]
            return tuple(link.name for room in rooms for link in room.links if link.kind == "bridge")
        return place.offered(installed())

    def _row(self, rows: str, at: int) -> Any:
        fields = [self._field(place, f"{rows}.{at}.") for place in ROWS[rows]]
        gone = ipywidgets.Button(
            description="Remove", tooltip=f"Take this {_ONE[rows]} out.", layout={"width": "90px"}
        )
        gone.on_click(lambda _: self._set(self.draft.fewer(rows, at)))
        head = ipywidgets.HBox([parts.title(f"{_ONE[rows].capitalize()} {at + 1}"), gone])
        return parts.group([head, parts.wrapped(fields)])

    def _more(self, rows: str) -> Any:
        button = ipywidgets.Button(description=_ONE_MORE[rows].capitalize(), layout={"width": "auto"})
        button.on_click(lambda _: self._set(self.draft.more(rows, self._context)))
        return button

    def _filled(self, place: str, text: str) -> None:
        with self._lock:
            self._set(self.draft.filled(place, text))

    def _typed(self, line: str) -> None:
        with self._lock:
            if not self._quiet and line != self.draft.line:
                self._set(self.draft.typed(line))

    def _spelt(self, change: Any) -> None:
        with self._lock:
            if not self._quiet:
                self._set(self.draft.spelt(change["new"]))

    def _set(self, draft: Draft) -> None:
        with self._lock:
            self.draft = draft
            self._show()

    def _show(self) -> None:
        """Bring every part in line with the draft."""
        shown = {name for name in self.fields if "." in name}
        wanted = {name for name in self.draft.places if "." in name}
        if shown != wanted or not self._rows.children:
            for name in shown:
                del self.fields[name]
            self._rows.children = [
                each
                for rows in ROWS
                for each in (
                    *(self._row(rows, at) for at in range(len(getattr(self.draft.guest, rows) or ()))),
                    self._more(rows),
                )
            ]
        troubles = self.troubles
        for name, box in self.fields.items():
            box.show(self.draft.text(name), pages.troubles(troubles.get(name, ())))
            if name.endswith(".file"):
                box.offer(image.path for image in self._around.seen.images)
        self._quiet = True
        try:
            self.spelling.value = self.draft.spelling
            self.line.value = self.draft.line
        finally:
            self._quiet = False
        self._line_wrong.value = pages.troubles(troubles.get(LINE, ()))
        self._explained.value = explain(self.draft.line)._repr_html_()
        self._script.value = f"#!/bin/sh -e\n{self.draft.line}\n"
        busy = bool(self.working and self.working.is_alive())
        self.create_button.disabled = bool(troubles) or busy or self._is_made()
