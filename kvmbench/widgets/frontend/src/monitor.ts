// The monitor of a guest's QEMU: a line to type, what it said above, and the words that may follow below.

import type { Channel } from "./channel";
import { frame, make } from "./frame";
import { ownKeys } from "./keys";

export function show(channel: Channel, el: HTMLElement): void {
  const { body, tell } = frame(el, String(channel.model.get("title")));
  const log = make("pre", "kvmbench-log");
  log.tabIndex = 0;
  log.setAttribute("role", "log");
  log.setAttribute("aria-label", "what the monitor said");
  const line = make("form", "kvmbench-line");
  const input = make("input", "");
  input.spellcheck = false;
  input.autocomplete = "off";
  input.setAttribute("aria-label", "a line for the monitor");
  input.placeholder = "info status";
  const hints = make("div", "kvmbench-hints");
  line.append(make("span", "", "(qemu)"), input);
  body.append(log, line, hints);
  ownKeys(body);
  const usual = "Tab completes, ↑ brings back, { begins QMP, Esc leaves";
  tell(usual);

  const typed: string[] = [];
  let at = 0;
  const write = (text: string, strong = false): void => {
    log.append(strong ? make("b", "", text) : text);
    log.scrollTop = log.scrollHeight;
  };
  line.addEventListener("submit", (event) => {
    event.preventDefault();
    hints.textContent = "";
    write(`(qemu) ${input.value}\n`, true);
    channel.send({ kind: "line", line: input.value });
    typed.push(input.value);
    at = typed.length;
    input.value = "";
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Tab" && input.value !== "" && !event.shiftKey) {
      event.preventDefault();
      channel.send({ kind: "complete", line: input.value });
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      at = Math.max(0, Math.min(typed.length, at + (event.key === "ArrowUp" ? -1 : 1)));
      input.value = typed[at] ?? "";
    }
  });
  channel.onlost = (lost) => tell(lost ? "the kernel does not answer; run this cell again" : usual, lost);
  channel.onmessage = (message) => {
    if (message.kind === "said") {
      write(String(message.text));
    } else if (message.kind === "completed" && message.line === input.value) {
      input.value = String(message.becomes);
      hints.textContent = (message.words as string[]).join("  ");
    }
  };
}
