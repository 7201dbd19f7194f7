// What screens and terminals have in common: a title, a line that tells their state, and the place for the rest.

import { addStyle } from "./style";

export interface Frame {
  body: HTMLElement;
  bar: HTMLElement;
  /** Tell how things are, at the right of the title. */
  tell(words: string, bad?: boolean): void;
}

export function frame(el: HTMLElement, title: string): Frame {
  addStyle();
  const bar = make("div", "kvmbench-bar");
  const name = make("span", "kvmbench-title", title);
  const state = make("span", "kvmbench-state");
  state.setAttribute("role", "status");
  const body = make("div", "kvmbench-body");
  bar.append(name, state);
  el.replaceChildren(bar, body);
  return {
    body,
    bar,
    tell(words, bad = false) {
      state.textContent = words;
      state.classList.toggle("kvmbench-bad", bad);
    },
  };
}

export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className: string,
  text = "",
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

/** A button in the frame's bar. */
export function button(label: string, title: string, press: () => void): HTMLButtonElement {
  const made = make("button", "kvmbench-button", label);
  made.type = "button";
  made.title = title;
  made.addEventListener("click", press);
  return made;
}
