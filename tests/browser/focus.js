// Where the keyboard's focus stands, and what it never came to: asked by tests of a page.

const PARTS = { ".sl-picker": "cards", ".sl-changes": "changes", ".sl-fields": "parameters", ".sl-map": "map" };

function nameOf(node) {
  const names = [node.getAttribute("aria-label"), node.labels?.[0]?.textContent, node.textContent, node.placeholder];
  return names.find((name) => name?.trim())?.trim() ?? node.outerHTML.slice(0, 100);
}

function partOf(node) {
  const curve = node.closest(".sl-curve");
  if (curve) return curve.querySelector("strong").textContent;
  const part = Object.keys(PARTS).find((selector) => node.closest(selector));
  return PARTS[part] ?? nameOf(node);
}

/** Return all that a mark of the focus could be: an outline, a frame, another color. */
function look(node) {
  const shown = ["outlineStyle", "outlineWidth", "boxShadow", "borderColor", "backgroundColor", "fill", "stroke", "strokeWidth"];
  return [node, ...node.querySelectorAll("*")].map((one) => shown.map((name) => getComputedStyle(one)[name]).join()).join();
}

/** Begin again at the top of the page. */
export function begin() {
  document.querySelectorAll("[data-is-visited]").forEach((node) => delete node.dataset.isVisited);
  scrollTo(0, 0);
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
}

/** Return what has the focus; null where nothing of the page has it. */
export function focused() {
  const node = document.activeElement;
  if (!node || node === document.body) return null;
  const isNew = !node.dataset.isVisited;
  node.dataset.isVisited = "yes";
  const { left, top, right, bottom } = node.getBoundingClientRect();
  const isInView = right > Math.max(left, 0) && bottom > Math.max(top, 0) && left < innerWidth && top < innerHeight;
  const marked = look(node);
  node.blur();
  const isMarked = look(node) !== marked;
  node.focus();
  return { name: nameOf(node), part: partOf(node), isNew, isSeen: isInView && node.checkVisibility(), isMarked };
}

/** Return what can be used below a selector and the focus did not come to; of bars and of tabs one is enough. */
export function missed(selector) {
  const usable = ":is(button, input, select, textarea, summary, a[href], [tabindex='0']):not(:disabled, [tabindex='-1'])";
  const ones = [...document.querySelectorAll(`${selector} ${usable}`)].filter((node) => !node.dataset.isVisited);
  const rows = [...document.querySelectorAll(`${selector} :is(.sl-canvas, [role=tablist])`)];
  const skipped = rows.filter((row) => !row.querySelector("[data-is-visited]"));
  return [...ones, ...skipped].filter((node) => node.checkVisibility()).map((node) => node.outerHTML.slice(0, 200));
}
