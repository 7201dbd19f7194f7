// A guest's screen: noVNC speaks RFB over the widget's comm, without a port and without a proxy.

import RFB from "@novnc/novnc";

import type { Channel } from "./channel";
import { button, frame, make } from "./frame";
import { LEAVE, takeAllKeys } from "./keys";

/** What noVNC takes for a WebSocket. */
class Comm {
  binaryType = "arraybuffer";
  protocol = "";
  readyState = "connecting";
  onopen: (() => void) | null = null;
  onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null = null;
  onerror: (() => void) | null = null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;

  constructor(private readonly channel: Channel) {}

  send(data: Uint8Array | ArrayBuffer): void {
    this.channel.send({ kind: "send" }, data instanceof ArrayBuffer ? new Uint8Array(data) : data);
  }

  opened(): void {
    this.readyState = "open";
    this.onopen?.();
  }

  close(): void {
    this.ended("");
  }

  ended(reason: string): void {
    if (this.readyState !== "closed") {
      this.readyState = "closed";
      this.channel.send({ kind: "hang-up" });
      this.onclose?.({ code: 1000, reason, wasClean: true });
    }
  }
}

const RETRY_MS = 1_000;
/** The keys that are down when somebody leaves; nobody would tell the guest that they come up. */
const HELD: [number, string][] = [
  [0xffe3, "ControlLeft"],
  [0xffe4, "ControlRight"],
  [0xffe9, "AltLeft"],
  [0xffea, "AltRight"],
];

export function show(channel: Channel, el: HTMLElement): () => void {
  const title = String(channel.model.get("title"));
  const { body, bar, tell } = frame(el, title);
  let usual = "";
  let comm: Comm | undefined;
  let rfb: RFB | undefined;
  let retry: number | undefined;
  let password: string | undefined;
  let ending = false;

  const connect = (): void => {
    window.clearTimeout(retry);
    usual = "connecting …";
    tell(usual);
    channel.send({ kind: "open" });
  };
  const start = (): void => {
    const line = new Comm(channel);
    comm = line;
    body.replaceChildren();
    rfb = new RFB(body, line, { shared: true, ...(password !== undefined && { credentials: { password } }) });
    rfb.scaleViewport = true;
    rfb.background = "#181818";
    const screen = rfb;
    screen.addEventListener("connect", () => {
      usual = "click or Tab into it to type";
      tell(usual);
      const canvas = body.querySelector("canvas");
      canvas?.setAttribute("tabindex", "0");
      canvas?.setAttribute("role", "application");
      canvas?.setAttribute("aria-label", `${title}; ${LEAVE} leaves it`);
    });
    screen.addEventListener("credentialsrequired", () => ask(screen));
    screen.addEventListener("securityfailure", () => {
      password = undefined;
      tell("that is not the password", true);
    });
    screen.addEventListener("disconnect", () => {
      if (!ending && comm === line) {
        comm = undefined;
        retry = window.setTimeout(connect, RETRY_MS);
      }
    });
    line.opened();
  };
  const ask = (screen: RFB): void => {
    tell("it wants a password");
    const form = make("form", "kvmbench-ask");
    const input = make("input", "kvmbench-password");
    input.type = "password";
    input.placeholder = "VNC password";
    input.setAttribute("aria-label", "VNC password");
    // The notebook has keys of its own, and must not take these.
    form.dataset["lmSuppressShortcuts"] = "true";
    form.addEventListener("keydown", (pressed) => pressed.stopPropagation());
    form.append(input, button("Show the screen", "Send the password", () => form.requestSubmit()));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      password = input.value;
      form.remove();
      screen.sendCredentials({ password });
    });
    body.prepend(form);
    input.focus();
  };

  takeAllKeys(body, bar, () => {
    for (const [key, code] of HELD) {
      rfb?.sendKey(key, code, false);
    }
  });
  bar.append(button("Ctrl-Alt-Del", "Press these three keys in the guest", () => rfb?.sendCtrlAltDel()));
  channel.onlost = (lost) => tell(lost ? "the kernel does not answer; run this cell again" : usual, lost);
  channel.onmessage = (message, data) => {
    if (message.kind === "opened") {
      start();
    } else if (message.kind === "data" && data !== null) {
      comm?.onmessage?.({ data: data.buffer });
    } else if (message.kind === "ended") {
      const had = comm;
      comm = undefined;
      had?.ended("");
      usual = String(message.why);
      tell(usual, true);
      window.clearTimeout(retry);
      retry = window.setTimeout(connect, RETRY_MS);
    }
  };
  connect();
  return () => {
    ending = true;
    window.clearTimeout(retry);
    if (comm !== undefined) {
      rfb?.disconnect();
    }
  };
}
