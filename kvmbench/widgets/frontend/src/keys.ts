// Whose a key is: the widget's that has the focus, or JupyterLab's, where `b` adds a cell and `d d` deletes one.

import { make } from "./frame";

/** What a terminal and a screen give up the keyboard for; QEMU's own window uses it for the same. */
export const LEAVE = "Ctrl-Alt-G";

/** Keep the plain keys of a widget from JupyterLab, which hears what bubbles up; those with Ctrl, Alt or ⌘ stay its. */
export function ownKeys(el: HTMLElement): void {
  el.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    event.stopPropagation();
    if (event.key === "Escape" && !event.defaultPrevented) {
      toCell(el);
    }
  });
  // ipywidgets stops the keys of its text fields on their way up.
  el.addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Escape" && event.target instanceof HTMLInputElement && event.target.matches(".widget-input")) {
        toCell(el);
      }
    },
    true,
  );
}

/** All keys are for what stands in `body`; this one leaves it, and a line in the bar says so. */
export function takeAllKeys(body: HTMLElement, bar: HTMLElement, leaving: () => void = () => {}): void {
  body.dataset["lmSuppressShortcuts"] = "true";
  bar.append(make("span", "kvmbench-keys", `${LEAVE} leaves it`));
  body.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey && event.altKey && event.code === "KeyG") {
        event.preventDefault();
        event.stopPropagation();
        leaving();
        toCell(body);
      }
    },
    true,
  );
}

/** Go back to the cell that a widget stands in: from there the arrow keys lead on. */
function toCell(el: HTMLElement): void {
  const cell = el.closest<HTMLElement>(".jp-Cell");
  if (cell === null) {
    (document.activeElement as HTMLElement | null)?.blur();
  } else {
    cell.focus({ preventScroll: true });
  }
}
