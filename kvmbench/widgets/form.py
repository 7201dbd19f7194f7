"""A small form: fields and the shell lines that they are worth edit each other; one button does it."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import ipywidgets

from kvmbench.errors import BadInput, KvmbenchError
from kvmbench.forms import FORMS, Field, Form, carry_out, judge, judge_here, pages, read
from kvmbench.model import Snapshot
from kvmbench.qemu.line import Trouble
from kvmbench.widgets import around, parts


class SmallForm(ipywidgets.VBox):  # type: ignore[misc]
    """One of FORMS, to fill in or to type."""

    def __init__(self, form: Form, values: dict[str, str], *, bench: around.Seen | None = None) -> None:
        self.form, self.values = form, form.defaults | values
        self._lock, self._quiet = threading.RLock(), False
        self._around = bench or around.here()
        self.fields = {each.name: self._field(each) for each in form.fields}
        self.lines = parts.lines_box("the lines that this is worth; type or paste some, and the form follows",
                                     self._typed, 4)  # fmt: skip
        self._lines_wrong = ipywidgets.HTML()
        self.old = ipywidgets.Checkbox(
            False, description="the tutorial's spelling", indent=False, layout={"width": "auto"}
        )
        self.old.observe(lambda _: self._show(), names="value")
        self.do_button = ipywidgets.Button(
            description="Do it", button_style="primary", tooltip="Type these lines on the bench."
        )
        self.do_button.on_click(lambda _: self.do())
        self.said = parts.said()
        self._images = ipywidgets.HTML()
        head = parts.names(f"<b>{form.title}</b> {form.about}")
        bar = ipywidgets.HBox([self.do_button, self.old])
        picture = [self._images] if form.name == "image" else []
        super().__init__()
        parts.mannered(
            self,
            [
                head,
                parts.wrapped(self.fields.values()),
                self.lines,
                self._lines_wrong,
                bar,
                self.said,
                *picture,
            ],
        )
        self._show()
        self._around.follow(self)

    def __repr__(self) -> str:
        judged = judge(self.form, self.values)
        wrong = [f"{name}: {each}" for name, each in judged.troubles.items()]
        return "\n".join([self.form.title, *judged.lines(old=self.old.value), *wrong])

    def _repr_mimebundle_(self, **how: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super()._repr_mimebundle_(**how)
        return shown | {"text/plain": repr(self)}

    def do(self) -> None:
        """Carry it out, and show the lines that were run."""
        with self._lock:
            try:
                done = carry_out(self.form, self.values)
            except KvmbenchError as error:
                self.said.value = pages.error(error)
                return
            ran = [line for each in done for line in each.ran]
            self.said.value = pages.ran(ran)
            self.changed(self._around.again())

    def changed(self, seen: Snapshot) -> None:
        with self._lock:
            for each in self.form.fields:
                self.fields[each.name].offer(self._offered(each))
            self._show()

    def _field(self, each: Field) -> parts.FieldBox:
        box = parts.FieldBox(
            each.label,
            each.does,
            partial(self._filled, each.name),
            options=each.options or self._offered(each),
            switch=each.kind == "switch",
            only=each.kind == "choice",
        )
        box.show(self.values[each.name])
        return box

    def _offered(self, each: Field) -> tuple[str, ...]:
        seen = self._around.seen
        own = seen.namespaces[0].links if seen.namespaces else ()
        return {
            "images": tuple(image.path for image in seen.images),
            "links": tuple(link.name for link in own if link.name != "lo"),
            "bridges": tuple(link.name for link in own if link.kind == "bridge"),
            "namespaces": tuple(room.name for room in seen.namespaces if room.name),
            "guests": tuple(guest.name for guest in seen.guests),
        }.get(each.offers, each.choices)

    def _filled(self, name: str, text: str) -> None:
        with self._lock:
            self.values = self.values | {name: text}
            self._show()

    def _typed(self, lines: str) -> None:
        with self._lock:
            if self._quiet:
                return
            try:
                self.values = read(self.form, lines)
            except BadInput as error:
                self._lines_wrong.value = pages.troubles([Trouble(error.what, error.hint)])
                return
            self._show(lines=False)

    def _show(self, *, lines: bool = True) -> None:
        with self._lock:
            judged = judge_here(self.form, self.values)
            for name, box in self.fields.items():
                wrong = judged.troubles.get(name)
                box.show(self.values[name], pages.troubles([wrong] if wrong else ()))
            self._lines_wrong.value = ""
            self.do_button.disabled = bool(judged.troubles)
            if lines:
                self._quiet = True
                try:
                    self.lines.value = "\n".join(judged.lines(old=self.old.value))
                finally:
                    self._quiet = False
            if self.form.name == "image":
                self._images.value = pages.images(self._around.seen)


def form(name: str, **values: str) -> SmallForm:
    """A form for one of: bridge, veth, namespace, forwarding, nat, dnat, dnsmasq, image.

    Raises:
        BadInput: there is no such form, or it has no such field.
    """
    found = FORMS.get(name)
    if found is None:
        raise BadInput(f"there is no form {name!r}", f"Take one of {', '.join(FORMS)}.")
    unknown = set(values) - set(found.defaults)
    if unknown:
        raise BadInput(
            f"the form {name} has no field {min(unknown)!r}", f"It has {', '.join(found.defaults)}."
        )
    return SmallForm(found, values)
