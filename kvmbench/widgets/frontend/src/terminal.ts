// A serial line or a terminal of the bench, in xterm.js. What is typed goes as it is, Ctrl-a too.

import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import xtermStyle from "@xterm/xterm/css/xterm.css";

import type { Channel } from "./channel";
import { frame } from "./frame";
import { LEAVE, takeAllKeys } from "./keys";
import { addStyle } from "./style";

const CTRL_A = "\x01";

export function show(channel: Channel, el: HTMLElement): () => void {
  addStyle(xtermStyle, "kvmbench-xterm-style");
  const title = String(channel.model.get("title"));
  const { body, bar, tell } = frame(el, title);
  const terminal = new Terminal({
    rows: 24,
    cols: 80,
    scrollback: 5_000,
    fontSize: 13,
    cursorBlink: true,
    theme: { background: "#101418", foreground: "#e6e6e6" },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(body);
  // The notebook has keys of its own, and must not take these.
  for (const event of ["keydown", "keypress", "keyup"] as const) {
    body.addEventListener(event, (pressed) => pressed.stopPropagation());
  }
  takeAllKeys(body, bar);
  terminal.textarea?.setAttribute("aria-label", `${title}; ${LEAVE} leaves it`);

  let usual = "";
  let prefix = false;
  const bytes = new TextEncoder();
  terminal.onData((typed) => {
    prefix = typed === CTRL_A && !prefix;
    tell(prefix ? "Ctrl-a …" : usual);
    channel.send({ kind: "send" }, bytes.encode(typed));
  });
  const fitColumns = (): void => {
    const columns = fit.proposeDimensions()?.cols;
    if (columns !== undefined && columns >= 20) {
      terminal.resize(Math.min(columns, 120), 24);
      channel.send({ kind: "resize", columns: terminal.cols, rows: terminal.rows });
    }
  };
  const watcher = new ResizeObserver(fitColumns);
  watcher.observe(body);

  channel.onlost = (lost) => tell(lost ? "the kernel does not answer; run this cell again" : usual, lost);
  channel.onmessage = (message, data) => {
    if (message.kind === "data" && data !== null) {
      terminal.write(data);
    } else if (message.kind === "told") {
      usual = String(message.words);
      tell(usual, Boolean(message.bad));
    }
  };
  channel.send({ kind: "open" });
  return () => {
    watcher.disconnect();
    terminal.dispose();
  };
}
