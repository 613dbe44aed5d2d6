// Colors of the one table (the `theme` trait) as CSS variables that follow JupyterLab's theme.

/** Tell whether the page's face is dark: by JupyterLab's own variable, else by the system. */
export function isDark(element) {
  const face = getComputedStyle(element).getPropertyValue("--jp-layout-color0").trim();
  if (!face) return matchMedia("(prefers-color-scheme: dark)").matches;
  const brush = document.createElement("canvas").getContext("2d");
  brush.fillStyle = face;
  const parts = /^#(..)(..)(..)/.exec(brush.fillStyle);
  if (!parts) return false;
  const [red, green, blue] = parts.slice(1).map((part) => parseInt(part, 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}

/**
 * Put the theme's variables on an element and keep them right.
 * Returns { color(name), onChange(callback), stop() }.
 */
export function themed(model, element) {
  const listeners = [];
  let colors = {};
  const apply = () => {
    const mode = isDark(element) ? "dark" : "light";
    colors = model.get("theme")[mode];
    // Every widget that opens brings a style sheet: only another mode is a reason to draw anew.
    const isNew = element.dataset.theme !== mode;
    element.dataset.theme = mode;
    for (const [name, value] of Object.entries(colors)) element.style.setProperty(`--sl-${name}`, value);
    if (isNew) listeners.forEach((listener) => listener());
  };
  const watcher = new MutationObserver(apply);
  watcher.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light", "class"] });
  // The style sheet of a theme arrives after its name.
  const sheets = new MutationObserver(apply);
  sheets.observe(document.head, { childList: true });
  // A page without JupyterLab goes by the system, which may turn dark in the evening.
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", apply);
  element.classList.add("sl");
  apply();
  return {
    color: (name) => colors[name],
    onChange: (listener) => listeners.push(listener),
    stop: () => {
      [watcher, sheets].forEach((observer) => observer.disconnect());
      system.removeEventListener("change", apply);
    },
  };
}

/** Make an HTML element: attributes by name, `text`, and children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  return filled(element, attributes, children);
}

/** The same for SVG. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  return filled(element, attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Run a function at most once an animation frame. */
export function eachFrame(work) {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      work();
    });
  };
}

/** Run a function at once, and then at most once an animation frame: nothing waits for a frame that need not. */
export function atOnce(work) {
  let isResting = false;
  let isDue = false;
  const rest = () => {
    isResting = isDue;
    if (!isDue) return;
    isDue = false;
    requestAnimationFrame(rest);
    work();
  };
  return () => {
    if (isResting) {
      isDue = true;
      return;
    }
    isResting = true;
    requestAnimationFrame(rest);
    work();
  };
}

/** Say a number with as many digits as people read. */
export function say(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

/** Return a round number at or above a value. */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value * (1 - 1e-9)) * power;
}

/** Return round numbers from 0 to a value that `roundUp` gave, four or five of them. */
export function ticks(top) {
  const power = 10 ** Math.floor(Math.log10(top / 3));
  const step = [1, 2, 2.5, 5, 10].find((part) => top / (part * power) <= 5) * power;
  return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, index) => index * step);
}
