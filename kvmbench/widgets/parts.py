"""Parts that the forms share: a field with its trouble below it, a box for lines, words that were copied."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets

from kvmbench.widgets.view import View

WIDE = {"width": "auto"}
_LABEL = {"description_width": "88px"}


class FieldBox(ipywidgets.VBox):  # type: ignore[misc]
    """A field: its text, what is offered, what it is for where the pointer rests, and what is wrong."""

    def __init__(
        self,
        label: str,
        does: str,
        changed: Callable[[str], None],
        *,
        options: Iterable[str] = (),
        switch: bool = False,
        only: bool = False,
    ) -> None:
        self._changed, self._quiet = changed, False
        self._wrong = ipywidgets.HTML("", layout={"display": "none", "margin": "0 0 4px 0"})
        how: dict[str, Any] = {
            "description": label,
            "tooltip": does,
            "style": _LABEL,
            "layout": {"width": "98%"},
        }
        if switch:
            self.control = ipywidgets.Checkbox(False, indent=True, **how)
        elif only:
            self.control = ipywidgets.Dropdown(options=tuple(options), **how)
        else:
            self.control = ipywidgets.Combobox(
                value="", options=tuple(options), continuous_update=True, **how
            )
        self.control.observe(self._typed, names="value")
        super().__init__([self.control, self._wrong], layout={"flex": "1 1 250px", "min_width": "220px"})

    @property
    def text(self) -> str:
        value = self.control.value
        return ("on" if value else "off") if isinstance(value, bool) else str(value)

    def show(self, text: str, wrong: str = "") -> None:
        """Show a text and what is wrong with it; nobody is told of a change by this."""
        self._quiet = True
        try:
            value = text == "on" if isinstance(self.control, ipywidgets.Checkbox) else text
            if self.control.value != value and self.text.strip() != text:
                self.control.value = value
        finally:
            self._quiet = False
        if self._wrong.value != wrong:
            self._wrong.value = wrong
            self._wrong.layout.display = "" if wrong else "none"

    def offer(self, options: Iterable[str]) -> None:
        offered = tuple(options)
        if isinstance(self.control, ipywidgets.Combobox) and self.control.options != offered:
            self.control.options = offered

    def _typed(self, change: Any) -> None:
        if not self._quiet:
            self._changed(self.text)


def wrapped(children: Iterable[Any]) -> Any:
    """Side by side as far as the cell is wide, then below."""
    return ipywidgets.Box(
        list(children),
        layout={"display": "flex", "flex_flow": "row wrap", "width": "100%", "overflow": "hidden"},
    )


class Manners(View, view="manners"):
    """Nothing to see: in the page it gives the form around it names, keys and a focus that stays."""

    def __init__(self) -> None:
        super().__init__(layout={"display": "none"})

    def as_text(self) -> str:
        return ""


def mannered(form: Any, children: Iterable[Any]) -> None:
    """Fill a box with what it is made of, as a form that is worked by keyboard too."""
    form.add_class("kvmbench-form")
    form.children = (Manners(), *children)


def group(children: Iterable[Any]) -> Any:
    """What belongs together; the title in it is its name."""
    box = ipywidgets.VBox(list(children))
    box.add_class("kvmbench-group")
    return box


def title(text: str) -> Any:
    """A name for the form or the group that it stands in."""
    return names(f"<b>{html.escape(text)}</b>")


def names(page: str) -> Any:
    shown = ipywidgets.HTML(page)
    shown.add_class("kvmbench-names")
    return shown


def said() -> Any:
    """The place for what is told; it is read out when it changes."""
    shown = ipywidgets.HTML()
    shown.add_class("kvmbench-said")
    return shown


def lines_box(label: str, changed: Callable[[str], None] | None = None, rows: int = 3) -> Any:
    """A box of shell lines; one that nobody may change when nobody is to be told."""
    box = ipywidgets.Textarea(
        "", rows=rows, disabled=changed is None, continuous_update=True, tooltip=label,
        layout={"width": "98%", "height": "auto"},
    )  # fmt: skip
    box.add_class("kvmbench-lines")
    if changed is not None:
        box.observe(lambda change: changed(change["new"]), names="value")
    return box
