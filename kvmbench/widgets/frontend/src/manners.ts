// What ipywidgets leaves out of a form for those who have no mouse: keys of its own, names, and a focus that stays.

import type { Channel } from "./channel";
import { ownKeys } from "./keys";
import { addStyle } from "./style";

const SETTLED_MS = 80;
const CONTROLS = "input, textarea, select, button, [tabindex='0']";
let radios = 0;

/** Shown in a hidden place of a form; it is the form around it that is given manners. */
export function show(_: Channel, el: HTMLElement): () => void {
  addStyle();
  let gone = (): void => {};
  // A widget's page side is made before it is put into the page.
  let waiting = requestAnimationFrame(function begin() {
    const form = el.closest<HTMLElement>(".kvmbench-form");
    if (form === null) {
      waiting = requestAnimationFrame(begin);
    } else {
      gone = teach(form);
    }
  });
  return () => {
    cancelAnimationFrame(waiting);
    gone();
  };
}

function teach(form: HTMLElement): () => void {
  ownKeys(form);
  name(form);
  const focus = new Focus(form);
  let settling: number | undefined;
  const watcher = new MutationObserver(() => {
    window.clearTimeout(settling);
    settling = window.setTimeout(() => {
      name(form);
      focus.restore();
    }, SETTLED_MS);
  });
  watcher.observe(form, { subtree: true, childList: true, attributeFilter: ["class", "disabled"] });
  form.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" || event.key === " ") && event.target instanceof HTMLElement && event.target.matches(FOLD)) {
      event.preventDefault();
      event.target.click();
    }
  });
  return () => {
    watcher.disconnect();
    window.clearTimeout(settling);
    focus.end();
  };
}

const FOLD = ".jupyter-widget-Collapse-header";

/** Say what each part is. What is set already is left, as each change is looked at again. */
function name(form: HTMLElement): void {
  for (const group of [form, ...form.querySelectorAll<HTMLElement>(".kvmbench-group")]) {
    set(group, { role: "group", "aria-label": titleOf(group) });
  }
  for (const box of form.querySelectorAll<HTMLElement>(".widget-radio-box")) {
    set(box, { role: "radiogroup", "aria-label": titleOf(form) });
    const buttons = [...box.querySelectorAll("input")];
    if (buttons.some((button) => button.name === "")) {
      radios += 1; // with a name in common the arrow keys go from one to the other
      for (const button of buttons) {
        button.name = `kvmbench-radio-${radios}`;
      }
    }
  }
  for (const fold of form.querySelectorAll<HTMLElement>(FOLD)) {
    const open = fold.parentElement?.classList.contains("jupyter-widget-Collapse-open") ?? false;
    set(fold, { role: "button", tabindex: "0", "aria-expanded": String(open) });
  }
  for (const control of form.querySelectorAll<HTMLInputElement>("input, textarea, select")) {
    const label = control.labels?.[0];
    if (control.title !== "" && (label === undefined || label.textContent === "")) {
      set(control, { "aria-label": control.title });
    } else if (label !== undefined && label.title !== "") {
      set(control, { "aria-description": label.title });
    }
  }
  for (const said of form.querySelectorAll<HTMLElement>(".kvmbench-said")) {
    set(said, { role: "status" });
  }
}

function titleOf(group: Element): string {
  return group.querySelector(".kvmbench-names")?.textContent?.trim() ?? "";
}

function set(el: Element, values: Record<string, string>): void {
  for (const [attribute, value] of Object.entries(values)) {
    if (value !== "" && el.getAttribute(attribute) !== value) {
      el.setAttribute(attribute, value);
    }
  }
}

/** Keeps the focus in a form when the control that has it is replaced, taken away or switched off. */
class Focus {
  private last: HTMLElement | undefined;
  private group = "";
  private said = "";
  private at = 0;

  constructor(private readonly form: HTMLElement) {
    form.addEventListener("focusin", (event) => {
      const control = event.target as HTMLElement;
      this.last = control;
      this.group = groupOf(control);
      this.said = nameOf(control);
      this.at = this.inGroup(this.group).indexOf(control);
    });
    form.addEventListener("focusout", (event) => {
      if (event.relatedTarget instanceof Node && !form.contains(event.relatedTarget) && this.isUsable(this.last)) {
        this.last = undefined; // somebody went on
      }
    });
    document.addEventListener("pointerdown", this.forget, true);
  }

  private readonly forget = (): void => {
    this.last = undefined;
  };

  end(): void {
    document.removeEventListener("pointerdown", this.forget, true);
  }

  restore(): void {
    if (this.last === undefined || this.isUsable(this.last)) {
      return;
    }
    const active = document.activeElement;
    if (active !== null && active !== this.last && !active.contains(this.form)) {
      return; // somebody went on
    }
    const beside = this.inGroup(this.group);
    const same = beside.find((control) => nameOf(control) === this.said);
    // Where a whole group went, such as a guest's, its place has another one's buttons now.
    const next = same ?? beside[Math.min(this.at, beside.length - 1)] ?? this.controls()[0];
    next?.focus({ preventScroll: true });
  }

  private controls(): HTMLElement[] {
    return [...this.form.querySelectorAll<HTMLElement>(CONTROLS)].filter((control) => this.isUsable(control));
  }

  private inGroup(group: string): HTMLElement[] {
    return this.controls().filter((control) => groupOf(control) === group);
  }

  private isUsable(control: HTMLElement | undefined): boolean {
    return control !== undefined && control.isConnected && !control.matches(":disabled") && control.offsetParent !== null;
  }
}

function groupOf(control: Element): string {
  return control.closest(".kvmbench-group, .kvmbench-form")?.getAttribute("aria-label") ?? "";
}

function nameOf(control: HTMLElement): string {
  const label = control instanceof HTMLInputElement ? control.labels?.[0]?.textContent : "";
  return control.getAttribute("aria-label") || label || control.textContent || control.title;
}
