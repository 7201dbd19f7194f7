// One view's line to its widget in the kernel. Comms have no back-pressure, so what came is acknowledged.

import type { Message, Model } from "./model";

const ACKNOWLEDGE_MS = 40;
const PING_MS = 5_000;

export type Receive = (message: Message, data: Uint8Array<ArrayBuffer> | null) => void;

export class Channel {
  readonly view = crypto.getRandomValues(new Uint32Array(2)).join("-");
  /** Called with what the kernel sent to this view. */
  onmessage: Receive = () => {};
  /** Called when the kernel has not answered for a while, and when it answers again. */
  onlost: (lost: boolean) => void = () => {};
  private taken = 0;
  private acknowledging: number | undefined;
  private heard = Date.now();
  private lost = false;
  private readonly pings: number;

  constructor(readonly model: Model) {
    model.on("msg:custom", this.receive as never);
    this.pings = window.setInterval(() => this.ping(), PING_MS);
  }

  /** Send a message, with bytes beside it where there are some. */
  send(message: Message, data?: Uint8Array): void {
    // The bytes are copied: the sender goes on writing into its own buffer.
    const buffers = data === undefined ? [] : [new Uint8Array(data).buffer as ArrayBuffer];
    this.model.send({ ...message, view: this.view }, undefined, buffers);
  }

  close(): void {
    window.clearInterval(this.pings);
    window.clearTimeout(this.acknowledging);
    this.model.off("msg:custom", this.receive as never);
    this.send({ kind: "close" });
  }

  private readonly receive = (message: Message, buffers: DataView[]): void => {
    if (message.view !== undefined && message.view !== this.view) {
      return;
    }
    this.heard = Date.now();
    this.tellLost(false);
    const first = buffers?.[0];
    const data = first && new Uint8Array(first.buffer.slice(first.byteOffset, first.byteOffset + first.byteLength) as ArrayBuffer);
    if (data !== undefined) {
      this.taken += data.byteLength;
      this.acknowledging ??= window.setTimeout(() => this.acknowledge(), ACKNOWLEDGE_MS);
    }
    if (message.kind !== "pong") {
      this.onmessage(message, data ?? null);
    }
  };

  private acknowledge(): void {
    this.acknowledging = undefined;
    this.send({ kind: "got", bytes: this.taken });
    this.taken = 0;
  }

  private ping(): void {
    this.tellLost(Date.now() - this.heard > 3 * PING_MS);
    this.send({ kind: "ping" });
  }

  private tellLost(lost: boolean): void {
    if (lost !== this.lost) {
      this.lost = lost;
      this.onlost(lost);
    }
  }
}

export function openChannel(model: Model): Channel {
  return new Channel(model);
}
