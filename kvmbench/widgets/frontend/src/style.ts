// One style sheet for all views, in the colours of the page that they are in.

const STYLE = `
.kvmbench { color: var(--jp-ui-font-color1, #222); font: 13px var(--jp-ui-font-family, sans-serif); margin: 4px 0; max-width: 100%; }
.widget-hbox > .kvmbench { flex: 1 1 0; min-width: 0; }
.widget-hbox > .kvmbench + .kvmbench { margin-left: 12px; }
.kvmbench-bar { align-items: center; display: flex; flex-wrap: wrap; gap: 4px 8px; padding: 3px 0; }
.kvmbench-title { font-weight: 600; }
.kvmbench-state { color: var(--jp-ui-font-color2, #666); flex: 1; }
.kvmbench-state.kvmbench-bad { color: var(--jp-error-color1, #b71c1c); font-weight: 600; }
.kvmbench-button { background: var(--jp-layout-color2, #eee); border: 1px solid var(--jp-border-color1, #bbb);
  border-radius: 3px; color: inherit; cursor: pointer; font: inherit; padding: 1px 8px; }
.kvmbench-button:hover { background: var(--jp-layout-color3, #ddd); }
.kvmbench-body { border: 1px solid var(--jp-border-color1, #bbb); border-radius: 3px; box-sizing: border-box; overflow: hidden; }
.kvmbench-body:focus-within { border-color: var(--jp-brand-color1, #1976d2); box-shadow: 0 0 0 1px var(--jp-brand-color1, #1976d2); }
.kvmbench-keys { color: var(--jp-ui-font-color2, #666); }
.kvmbench-screen .kvmbench-bar { max-width: 722px; }
.kvmbench-screen .kvmbench-body { background: #181818; height: 400px; max-width: 722px; }
.kvmbench-terminal .kvmbench-body { background: #101418; padding: 4px; }
.kvmbench-ask { align-items: center; color: #eee; display: flex; gap: 8px; height: 100%; justify-content: center; }
.kvmbench-ask .kvmbench-button { color: var(--jp-ui-font-color1, #222); }
.kvmbench-monitor .kvmbench-body { background: var(--jp-layout-color1, #fff); font: 13px/1.35 var(--jp-code-font-family, monospace); }
.kvmbench .kvmbench-log { height: 220px; margin: 0; overflow: auto; padding: 6px 8px; white-space: pre-wrap; font: inherit; }
.kvmbench-log b { font-weight: 600; }
.kvmbench-line { align-items: center; border-top: 1px solid var(--jp-border-color2, #ddd); display: flex; padding: 4px 8px; gap: 6px; }
.kvmbench-line input { background: transparent; border: 0; color: inherit; flex: 1; font: inherit; min-width: 0; outline: 0; padding: 0; }
.kvmbench-hints { color: var(--jp-ui-font-color2, #666); max-height: 4.2em; overflow: auto; padding: 0 8px 4px; }
.kvmbench-hints:empty { display: none; }
.kvmbench-form .kvmbench-lines textarea { font-family: var(--jp-code-font-family, monospace); }
.kvmbench-form .kvmbench-lines, .kvmbench-form .widget-inline-hbox { min-width: 0; }
.kvmbench-form :focus-visible, .kvmbench-button:focus-visible, .kvmbench-log:focus-visible {
  outline: 2px solid var(--jp-brand-color1, #1976d2) !important; outline-offset: -1px; }
.kvmbench-form input:is([type="radio"], [type="checkbox"]):focus-visible { outline-offset: 1px !important; }
`;

export function addStyle(sheet = STYLE, id = "kvmbench-style"): void {
  if (document.getElementById(id) === null) {
    const style = document.createElement("style");
    style.id = id;
    style.textContent = sheet;
    document.head.append(style);
  }
}
