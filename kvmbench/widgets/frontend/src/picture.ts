// A picture of boxes that is redrawn in place, and walked through with the keyboard.

/** Put a new picture in place of the old one; what did not change keeps its elements, and so its focus. */
export function redraw(stage: HTMLElement, svg: string): SVGSVGElement {
  const fresh = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  const old = stage.querySelector("svg");
  if (old === null) {
    const made = document.importNode(fresh, true) as unknown as SVGSVGElement;
    stage.replaceChildren(made);
    return made;
  }
  for (const { name, value } of fresh.attributes) {
    old.setAttribute(name, value);
  }
  const says = old.querySelector(":scope > desc");
  if (says !== null) {
    says.textContent = fresh.querySelector(":scope > desc")?.textContent ?? "";
  }
  const page = old.querySelector(":scope > g");
  const wanted = fresh.querySelector(":scope > g");
  if (page !== null && wanted !== null) {
    replaceGroups(page, wanted);
  }
  return old;
}

function replaceGroups(page: Element, fresh: Element): void {
  const kept = new Map([...page.children].filter((each) => each.id).map((each) => [each.id, each]));
  let next = page.firstElementChild;
  for (const each of fresh.children) {
    const mine = each.id ? kept.get(each.id) : undefined;
    if (mine !== undefined && mine.innerHTML !== each.innerHTML) {
      mine.replaceChildren(...document.importNode(each, true).childNodes);
    }
    // What stands in its place already is not moved: a moved element loses the focus.
    if (mine !== undefined && mine === next) {
      next = next.nextElementSibling;
    } else {
      page.insertBefore(mine ?? document.importNode(each, true), next);
    }
  }
  while (next !== null) {
    const gone = next;
    next = next.nextElementSibling;
    gone.remove();
  }
}

export type Node = SVGGElement & { dataset: { node: string } };

export function boxesIn(stage: HTMLElement): Node[] {
  return [...stage.querySelectorAll<Node>("[data-node]")];
}

/** The box that an event is about. */
export function boxOf(event: Event): Node | null {
  return event.target instanceof Element ? event.target.closest<Node>("[data-node]") : null;
}

/** Make the boxes of a picture reachable and say what they are; those in `changed` light up for a moment. */
export function mark(svg: SVGSVGElement, nodes: Record<string, string>, selected: string, changed: string[]): void {
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", "the bench's network");
  svg.querySelector(":scope > title")?.remove(); // or the pointer shows it everywhere
  for (const [id, node] of Object.entries(nodes)) {
    const box = svg.querySelector(`[id="${CSS.escape(id)}"]`);
    if (box === null) {
      continue;
    }
    const values = {
      "data-node": node,
      role: "button",
      "aria-label": box.querySelector("title")?.textContent ?? node,
      "aria-pressed": String(node === selected),
    };
    for (const [name, value] of Object.entries(values)) {
      if (box.getAttribute(name) !== value) {
        box.setAttribute(name, value);
      }
    }
    box.classList.toggle("kvmbench-selected", node === selected);
    if (changed.includes(node)) {
      box.classList.remove("kvmbench-changed");
      void box.getBoundingClientRect(); // so that the animation begins anew
      box.classList.add("kvmbench-changed");
    }
  }
}

const WAYS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** The nearest box in the direction of an arrow key; null for another key, or where there is none. */
export function neighbour(boxes: Node[], from: Node, key: string): Node | null {
  const way = WAYS[key];
  if (way === undefined) {
    return null;
  }
  const [x, y] = middle(from);
  let best: Node | null = null;
  let least = Infinity;
  for (const box of boxes) {
    const [dx, dy] = [middle(box)[0] - x, middle(box)[1] - y];
    const along = dx * way[0] + dy * way[1];
    const far = along + 2 * Math.abs(dx * way[1] + dy * way[0]);
    if (box !== from && along > 4 && far < least) {
      [best, least] = [box, far];
    }
  }
  return best;
}

function middle(box: Element): [number, number] {
  const { x, y, width, height } = box.getBoundingClientRect();
  return [x + width / 2, y + height / 2];
}
