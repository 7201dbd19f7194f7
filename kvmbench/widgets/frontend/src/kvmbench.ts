// The views of kvmbench's widgets, by the name that the Python class gives. Each is fetched when it is first shown.

import type { Channel } from "./channel";
import { openChannel } from "./channel";
import type { Model } from "./model";

/** Show one view in `el`; what it returns is called when the view goes. */
export type Show = (channel: Channel, el: HTMLElement) => (() => void) | void;

const VIEWS: Record<string, () => Promise<{ show: Show }>> = {
  live: () => import("./live"),
  manners: () => import("./manners"),
  monitor: () => import("./monitor"),
  screen: () => import("./screen"),
  terminal: () => import("./terminal"),
};

/** What the shim in a widget's state calls. */
export async function render(name: string, model: Model, el: HTMLElement): Promise<() => void> {
  const load = VIEWS[name];
  if (load === undefined) {
    throw new Error(`kvmbench has no view ${name}`);
  }
  const { show } = await load();
  el.classList.add("kvmbench", `kvmbench-${name}`);
  const channel = openChannel(model);
  const gone = show(channel, el);
  return () => {
    gone?.();
    channel.close();
  };
}
