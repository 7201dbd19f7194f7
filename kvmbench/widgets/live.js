// The live picture in the page: it draws what Python says, and tells back what was clicked. It decides nothing.

const VERDICTS = { passed: "passed", failed: "failed", blocked: "blocked" };

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function isDark() {
  const light = document.body.dataset.jpThemeLight;
  return light === undefined ? matchMedia("(prefers-color-scheme: dark)").matches : light === "false";
}

/** Put a new picture in place of the old one; what did not change keeps its elements, and so its focus. */
function redraw(stage, svg) {
  const fresh = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  const old = stage.querySelector("svg");
  if (!old) {
    stage.replaceChildren(document.importNode(fresh, true));
    return;
  }
  for (const { name, value } of fresh.attributes) old.setAttribute(name, value);
  old.querySelector(":scope > desc").textContent = fresh.querySelector(":scope > desc").textContent;
  const page = old.querySelector(":scope > g");
  const kept = new Map([...page.children].filter((each) => each.id).map((each) => [each.id, each]));
  const wanted = [...fresh.querySelector(":scope > g").children].map((each) => {
    const mine = each.id && kept.get(each.id);
    if (!mine) return document.importNode(each, true);
    if (mine.innerHTML !== each.innerHTML) {
      mine.replaceChildren(...[...document.importNode(each, true).childNodes]);
    }
    return mine;
  });
  let next = page.firstChild;
  for (const each of wanted) {
    // What stands in its place already is not moved: a moved element loses the focus.
    if (each === next) next = next.nextSibling;
    else page.insertBefore(each, next);
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

/** The nearest box in the direction of an arrow key. */
function neighbour(boxes, from, key) {
  const middle = (box) => {
    const { x, y, width, height } = box.getBoundingClientRect();
    return [x + width / 2, y + height / 2];
  };
  const [x, y] = middle(from);
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  let best = null;
  let least = Infinity;
  for (const box of boxes) {
    const [dx, dy] = [middle(box)[0] - x, middle(box)[1] - y];
    const along = dx * way[0] + dy * way[1];
    const aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
    const far = along + 2 * aside;
    if (box !== from && along > 4 && far < least) [best, least] = [box, far];
  }
  return best;
}

function render({ model, el }) {
  el.classList.add("kvmbench-live");
  const stage = element("div", { class: "kvmbench-live-stage" });
  const news = element("div", { class: "kvmbench-live-news", role: "status", "aria-live": "polite" });
  const detail = element("section", { class: "kvmbench-live-detail", "aria-label": "what was clicked" });
  const panel = element("section", { class: "kvmbench-live-checks", "aria-label": "checks" });
  const trouble = element("p", { class: "kvmbench-live-trouble", role: "alert" });
  el.append(stage, news, element("div", { class: "kvmbench-live-below" }, detail, panel), trouble);
  let current = null;

  const boxes = () => [...stage.querySelectorAll("[data-node]")];

  function mark(changed) {
    const nodes = model.get("nodes");
    const selected = model.get("selected");
    const svg = stage.querySelector("svg");
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", "the bench's network");
    svg.querySelector(":scope > title")?.remove(); // or the pointer shows it everywhere
    for (const [id, node] of Object.entries(nodes)) {
      const box = svg.querySelector(`[id="${CSS.escape(id)}"]`);
      if (!box) continue;
      const said = box.querySelector("title")?.textContent ?? node;
      const values = {
        "data-node": node, role: "button", "aria-label": said, "aria-pressed": String(node === selected),
      };
      for (const [name, value] of Object.entries(values)) {
        if (box.getAttribute(name) !== value) box.setAttribute(name, value);
      }
      box.classList.toggle("kvmbench-selected", node === selected);
      if (changed.includes(node)) {
        box.classList.remove("kvmbench-changed");
        void box.getBoundingClientRect(); // so that the animation begins anew
        box.classList.add("kvmbench-changed");
      }
    }
    const all = boxes();
    if (!all.some((box) => box.dataset.node === current)) current = selected || all[0]?.dataset.node || null;
    for (const box of all) box.setAttribute("tabindex", box.dataset.node === current ? "0" : "-1");
  }

  function draw() {
    const focused = stage.contains(document.activeElement) ? document.activeElement.dataset.node : null;
    redraw(stage, model.get("svg"));
    mark(model.get("changed"));
    if (focused && document.activeElement?.dataset?.node !== focused) {
      boxes().find((box) => box.dataset.node === focused)?.focus({ preventScroll: true });
    }
    el.dataset.drawn = String(Number(el.dataset.drawn ?? 0) + 1);
  }

  function choose(node) {
    model.set("selected", node === model.get("selected") ? "" : node);
    model.save_changes();
  }

  stage.addEventListener("click", (event) => {
    const box = event.target.closest("[data-node]");
    if (box) choose(box.dataset.node);
  });
  stage.addEventListener("focusin", (event) => {
    const box = event.target.closest("[data-node]");
    if (!box) return;
    current = box.dataset.node;
    for (const each of boxes()) each.setAttribute("tabindex", each === box ? "0" : "-1");
  });
  stage.addEventListener("keydown", (event) => {
    const box = event.target.closest("[data-node]");
    if (!box) return;
    if (event.key === "Enter" || event.key === " ") choose(box.dataset.node);
    else if (event.key.startsWith("Arrow")) neighbour(boxes(), box, event.key)?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation(); // or JupyterLab moves from cell to cell
  });

  function showDetail() {
    const found = model.get("detail");
    if (!found.node) {
      detail.replaceChildren(element("p", { class: "kvmbench-live-hint" },
        "Click a box, or reach it with Tab and the arrow keys: its row, and the commands that look at it."));
      return;
    }
    const rows = found.row.map(([title, value]) =>
      element("tr", {}, element("th", { scope: "row" }, title), element("td", {}, value)));
    const lines = found.by_hand.map((line) => element("code", {}, line));
    detail.replaceChildren(
      element("table", {}, ...rows),
      element("p", {}, "In a shell on the bench:"),
      element("div", { class: "kvmbench-live-lines" }, ...lines),
    );
  }

  function showChecks() {
    const checks = model.get("checks");
    panel.hidden = checks.length === 0;
    const asks = checks.some((check) => check.asked !== "look");
    const rows = checks.map((check) => {
      const said = element("td", {}, check.saw);
      if (check.hint && check.verdict !== "passed") said.append(element("br"), element("em", {}, `→ ${check.hint}`));
      const verdict = check.asked === "no" ? "not asked" : VERDICTS[check.verdict];
      return element("tr", { "data-verdict": verdict, "data-check": check.check },
        element("td", { class: "kvmbench-live-verdict" }, `${check.mark} ${verdict}`),
        element("th", { scope: "row" }, check.check), said);
    });
    const parts = [element("table", {}, ...rows)];
    if (asks) {
      const asking = model.get("asking");
      const button = element("button", { type: "button" }, asking ? "Asking on the wire…" : "Ask on the wire now");
      button.disabled = asking;
      button.addEventListener("click", () => model.send("ask"));
      parts.push(button);
    }
    const pressed = panel.contains(document.activeElement);
    panel.replaceChildren(...parts);
    if (pressed) panel.querySelector("button")?.focus({ preventScroll: true });
  }

  const showNews = () => { news.textContent = model.get("said"); };
  const showTrouble = () => { trouble.textContent = model.get("trouble"); };
  const listeners = {
    "change:svg": draw,
    "change:selected": () => mark([]),
    "change:detail": showDetail,
    "change:checks change:asking": showChecks,
    "change:said": showNews,
    "change:trouble": showTrouble,
  };
  for (const [names, listener] of Object.entries(listeners)) model.on(names, listener);

  const tellTheme = () => {
    if (model.get("dark") !== isDark()) {
      model.set("dark", isDark());
      model.save_changes();
    }
  };
  const theme = new MutationObserver(tellTheme);
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  let inView = false;
  const tellShown = () => {
    const shown = inView && document.visibilityState === "visible";
    if (model.get("shown") !== shown) {
      model.set("shown", shown);
      model.save_changes();
    }
  };
  const view = new IntersectionObserver((entries) => {
    inView = entries.at(-1).isIntersecting;
    tellShown();
  });
  view.observe(el);
  document.addEventListener("visibilitychange", tellShown);

  draw();
  showDetail();
  showChecks();
  showNews();
  showTrouble();
  tellTheme();

  return () => {
    for (const [names, listener] of Object.entries(listeners)) model.off(names, listener);
    theme.disconnect();
    view.disconnect();
    document.removeEventListener("visibilitychange", tellShown);
  };
}

export default { render };
