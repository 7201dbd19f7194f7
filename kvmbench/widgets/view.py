"""What widgets with a TypeScript view share: the shim that loads it, messages, and what stands in for it."""

from __future__ import annotations

import base64
import hashlib
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets

_SERVED = "share/jupyter/kernels/kvmbench/frontend"
"""the kernelspec's directory, which every Jupyter server with this kernel serves"""
_SHIM = """
export default async () => {
  const page = document.getElementById("jupyter-config-data");
  const base = page ? JSON.parse(page.textContent).baseUrl : "/";
  let views, why;
  try {
    const served = new URL(`${base}kernelspecs/kvmbench/frontend/`, location.href);
    views = await import(`${served}kvmbench.js?v=%(version)s`);
  } catch (error) {
    why = error;
  }
  return {
    render({ model, el }) {
      if (views) return views.render("%(view)s", model, el);
      el.textContent = model.get("stands_in") || `It needs Jupyter (${why}).`;
      el.style.whiteSpace = "pre-wrap";
    },
  };
};
"""


@cache
def _version() -> str:
    """A hash of the bundle's entry, which names all others by theirs: a browser keeps what did not change."""
    entry = Path(sys.prefix) / _SERVED / "kvmbench.js"
    try:
        return hashlib.sha256(entry.read_bytes()).hexdigest()[:12]
    except OSError:  # the server has it elsewhere
        return "unknown"


class View(anywidget.AnyWidget):
    """A widget whose page side is one of the views of `frontend/`: `class Screen(View, view="screen")`."""

    _esm = "export default {}"
    title = traitlets.Unicode("").tag(sync=True)
    stands_in = traitlets.Unicode("").tag(sync=True)
    """the text shown where the view cannot be loaded"""

    def __init_subclass__(cls, view: str = "", **rest: Any) -> None:
        if view:
            cls._esm = _SHIM % {"version": _version(), "view": view}
        super().__init_subclass__(**rest)

    def __init__(self, **traits: Any) -> None:
        self.lock = threading.RLock()
        super().__init__(**traits)
        self.on_msg(self._on_message)

    def received(self, kind: str, content: dict[str, Any], data: bytes) -> None:
        """A message of the page; on a thread beside the running cell, one at a time."""

    def tell(self, content: dict[str, Any], data: bytes | None = None) -> None:
        """Send a message to the views, with bytes beside it; from any thread."""
        self.send(content, None if data is None else [data])

    def as_text(self) -> str:
        """What stands in its place where there is no JavaScript."""
        return self.title or type(self).__name__

    def as_picture(self) -> bytes | None:
        """A PNG that stands in its place in an exported notebook, if it has one."""
        return None

    def _on_message(self, _: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        kind = str(content.get("kind", ""))
        if kind == "ping":
            self.tell({"kind": "pong", "view": content.get("view")})
            return
        with self.lock:
            self.received(kind, content, bytes(buffers[0]) if buffers else b"")

    def __repr__(self) -> str:
        return self.as_text()

    def _repr_mimebundle_(self, **how: Any) -> Any:
        text, picture = self.as_text(), self.as_picture()
        self.stands_in = text
        made = super()._repr_mimebundle_(**how)
        shown, about = made if isinstance(made, tuple) else (made, {})
        if shown is None:
            return None
        shown = {**shown, "text/plain": text}
        if picture is not None:
            shown["image/png"] = base64.b64encode(picture).decode()
        return shown, about
