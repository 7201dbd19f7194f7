// The live picture in the page: it draws what Python says, and tells back what was clicked. It decides nothing.

import type { Channel } from "./channel";
import { make } from "./frame";
import { ownKeys } from "./keys";
import css from "./live.css";
import { boxesIn, boxOf, mark, neighbour, redraw } from "./picture";
import { addStyle } from "./style";

interface Check {
  check: string;
  verdict: string;
  mark: string;
  saw: string;
  hint: string;
  asked: "look" | "wire" | "no";
}

interface Detail {
  node?: string;
  row: [string, string][];
  by_hand: string[];
}

const HINT =
  "Click a box, or reach it with Tab and the arrow keys and press Enter: its row, and the commands that look at it. " +
  "Esc closes the row, and goes back to the cell.";
const WIDER = "⇆ The picture is wider than the page: it scrolls sideways, and arrow keys go from box to box.";

export function show(channel: Channel, el: HTMLElement): () => void {
  addStyle(css, "kvmbench-live-style");
  const { model } = channel;
  const wider = make("p", "kvmbench-wider", WIDER);
  const stage = make("div", "kvmbench-stage");
  const news = make("div", "kvmbench-news");
  news.setAttribute("role", "status");
  const detail = section("kvmbench-detail", "what was clicked");
  const panel = section("kvmbench-checks", "the step's checks");
  const below = make("div", "kvmbench-below");
  below.append(detail, panel);
  const trouble = make("p", "kvmbench-trouble");
  trouble.setAttribute("role", "alert");
  el.replaceChildren(wider, stage, news, below, trouble);
  detail.setAttribute("aria-live", "polite");
  ownKeys(el);

  const picked = (): string => String(model.get("selected"));
  let reached = "";
  /** One box is in the order of Tab, the others are reached from it. */
  const reach = (): void => {
    const boxes = boxesIn(stage);
    if (!boxes.some((box) => box.dataset.node === reached)) {
      reached = picked() || (boxes[0]?.dataset.node ?? "");
    }
    for (const box of boxes) {
      box.setAttribute("tabindex", box.dataset.node === reached ? "0" : "-1");
    }
  };
  const draw = (): void => {
    const active = document.activeElement;
    const focused = active instanceof SVGElement && stage.contains(active) ? active.dataset["node"] : undefined;
    const svg = redraw(stage, String(model.get("svg")));
    mark(svg, model.get("nodes") as Record<string, string>, picked(), model.get("changed") as string[]);
    reach();
    if (focused !== undefined && document.activeElement !== active) {
      boxesIn(stage).find((box) => box.dataset.node === focused)?.focus({ preventScroll: true });
    }
  };
  const select = (node: string): void => {
    model.set("selected", node === picked() ? "" : node);
    model.save_changes();
  };
  stage.addEventListener("click", (event) => {
    const box = boxOf(event);
    if (box !== null) {
      select(box.dataset.node);
    }
  });
  stage.addEventListener("focusin", (event) => {
    reached = boxOf(event)?.dataset.node ?? reached;
    reach();
  });
  stage.addEventListener("keydown", (event) => {
    const box = boxOf(event);
    if (box === null) {
      return;
    }
    if (event.key === "Enter" || event.key === " ") {
      select(box.dataset.node);
    } else if (event.key === "Escape" && picked() !== "") {
      select(picked());
    } else if (event.key.startsWith("Arrow")) {
      neighbour(boxesIn(stage), box, event.key)?.focus();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation(); // or JupyterLab goes from cell to cell
  });

  const showDetail = (): void => detail.replaceChildren(...detailOf(model.get("detail") as Detail));
  const showChecks = (): void => {
    const checks = model.get("checks") as Check[];
    panel.hidden = checks.length === 0;
    const pressed = panel.contains(document.activeElement);
    const parts: HTMLElement[] = [tableOf(checks.map(rowOf))];
    if (checks.some((check) => check.asked !== "look")) {
      parts.push(askButton(Boolean(model.get("asking")), () => channel.send({ kind: "ask" })));
    }
    panel.replaceChildren(...parts);
    if (pressed) {
      panel.querySelector("button")?.focus({ preventScroll: true });
    }
  };
  const listeners: [string, () => void][] = [
    ["change:svg", draw],
    ["change:selected", () => { mark(stage.querySelector("svg")!, model.get("nodes") as Record<string, string>, picked(), []); }],
    ["change:detail", showDetail],
    ["change:checks change:asking", showChecks],
    ["change:said", () => { news.textContent = String(model.get("said")); }],
    ["change:trouble", () => { trouble.textContent = String(model.get("trouble")); }],
  ];
  for (const [names, listener] of listeners) {
    model.on(names, listener);
    if (names !== "change:selected") {
      listener();
    }
  }
  const ends = tellWhatIsSeen(channel, el);
  const fits = tellWhetherItFits(stage, wider);
  return () => {
    ends();
    fits();
    for (const [names, listener] of listeners) {
      model.off(names, listener);
    }
  };
}

/** Say so where the picture is wider than the page, and begin with its middle. */
function tellWhetherItFits(stage: HTMLElement, wider: HTMLElement): () => void {
  let moved = false;
  const watcher = new ResizeObserver(() => {
    const over = stage.scrollWidth - stage.clientWidth;
    wider.hidden = over <= 1;
    if (over > 1 && !moved) {
      moved = true;
      stage.scrollLeft = over / 2;
    }
  });
  watcher.observe(stage);
  return () => watcher.disconnect();
}

/** Tell the kernel whether the page is dark, and whether the picture is on the screen. */
function tellWhatIsSeen({ model }: Channel, el: HTMLElement): () => void {
  const tell = (trait: string, value: boolean): void => {
    if (model.get(trait) !== value) {
      model.set(trait, value);
      model.save_changes();
    }
  };
  const theme = new MutationObserver(() => tell("dark", isDark()));
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  let inView = false;
  const tellShown = (): void => {
    const shown = inView && document.visibilityState === "visible";
    tell("shown", shown);
    tell("hidden", !shown);
  };
  const view = new IntersectionObserver((entries) => {
    inView = entries.at(-1)?.isIntersecting ?? false;
    tellShown();
  });
  view.observe(el);
  document.addEventListener("visibilitychange", tellShown);
  tell("dark", isDark());
  return () => {
    theme.disconnect();
    view.disconnect();
    document.removeEventListener("visibilitychange", tellShown);
    inView = false;
    tellShown();
  };
}

function isDark(): boolean {
  const light = document.body.dataset["jpThemeLight"];
  return light === undefined ? matchMedia("(prefers-color-scheme: dark)").matches : light === "false";
}

function detailOf(found: Detail): HTMLElement[] {
  if (found.node === undefined) {
    return [make("p", "kvmbench-hint", HINT)];
  }
  const lines = make("div", "kvmbench-lines");
  lines.append(...found.by_hand.map((line) => make("code", "", line)));
  const rows = found.row.map(([title, value]) => [heading(title), make("td", "", value)]);
  return [tableOf(rows.map((cells) => tableRow(cells))), make("p", "", "In a shell on the bench:"), lines];
}

function rowOf(check: Check): HTMLTableRowElement {
  const verdict = check.asked === "no" ? "not asked" : check.verdict;
  const said = make("td", "", check.saw);
  if (check.hint !== "" && check.verdict !== "passed") {
    said.append(make("br", ""), make("em", "", `→ ${check.hint}`));
  }
  const made = tableRow([make("td", "kvmbench-verdict", `${check.mark} ${verdict}`), heading(check.check), said]);
  made.dataset["verdict"] = verdict;
  made.dataset["check"] = check.check;
  return made;
}

function askButton(asking: boolean, ask: () => void): HTMLButtonElement {
  const made = make("button", "kvmbench-button", asking ? "Asking on the wire…" : "Ask on the wire now");
  made.type = "button";
  made.disabled = asking;
  made.addEventListener("click", ask);
  return made;
}

function section(className: string, label: string): HTMLElement {
  const made = make("section", className);
  made.setAttribute("aria-label", label);
  return made;
}

function heading(text: string): HTMLTableCellElement {
  const made = make("th", "", text);
  made.scope = "row";
  return made;
}

function tableRow(cells: HTMLElement[]): HTMLTableRowElement {
  const made = make("tr", "");
  made.append(...cells);
  return made;
}

function tableOf(rows: HTMLTableRowElement[]): HTMLTableElement {
  const made = make("table", "");
  made.append(...rows);
  return made;
}
