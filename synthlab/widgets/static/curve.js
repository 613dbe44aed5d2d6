// The curve editor: bars or a smooth line to drag, by pointer, touch or keyboard.
import { atOnce, draw, eachFrame, make, roundUp, say, themed, ticks } from "./theme.js";
import { normalized, painted, parsed, pulled, reshaped, shown, sum, written } from "./curve_values.js";

const MARGIN = { top: 12, right: 8, bottom: 34, left: 46 };
// How far a pull on the smooth line reaches. Assumed: three hours of a day, a neighbor in a week. [places]
const pullWidth = (count) => Math.max(0.7, count / 16);
const HISTORY = 100;
const WIDEST_BAR = 64; // [pixels]
// Editors of one page share what was copied, also where the browser gives no clipboard.
const CLIPBOARD = Symbol.for("synthlab.clipboard");

const ICONS = {
  undo: "M6 3 2.5 6.5 6 10M3 6.5h6a4 4 0 0 1 0 8H6",
  redo: "M10 3l3.5 3.5L10 10M13 6.5H7a4 4 0 0 0 0 8h3",
  copy: "M6 6h7v7.5H6zM3 10V2.5h7",
  paste: "M4 3.5h8v10H4zM6 2h4v3H6z",
  normalize: "M2 8h12M5 3v10M11 5.5v5",
  original: "M3 8a5 5 0 1 0 1.7-3.8M3 2v3.2h3.2",
  bars: "M3 14V8M7 14V3M11 14V6",
  line: "M2 12C5 12 5 4 8 4s3 6 6 6",
  locked: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
  unlocked: "M4 7.5h8v6H4zM5.5 7.5V4.5a2.5 2.5 0 0 1 4.8-1",
};

function icon(name) {
  return draw("svg", { viewBox: "0 0 16 16", class: "sl-icon", "aria-hidden": "true" }, draw("path", { d: ICONS[name] }));
}

class Curve {
  constructor(model, element) {
    this.model = model;
    this.element = element;
    this.past = [];
    this.future = [];
    this.focus = 0;
    this.drag = null;
    this.placed = [];
    this.seq = model.get("request").seq ?? 0;
    this.theme = themed(model, element);
    this.build();
    this.read();
    this.redraw = eachFrame(() => this.render());
    this.send = atOnce(() => this.request());
    this.listen();
  }

  // ---- state ---------------------------------------------------------------------------

  read() {
    const given = this.model.get("curve");
    const request = this.model.get("request");
    const isNewer = request.version === given.version && request.weights;
    this.key = given.key;
    this.version = given.version;
    this.original = { weights: given.original, total: given.original_total };
    this.now = isNewer
      ? { weights: request.weights, total: request.total }
      : { weights: given.weights, total: given.total };
  }

  get limits() {
    return this.model.get("limits");
  }

  get isLocked() {
    return this.model.get("is_locked");
  }

  /** Take over a new curve; `from` is what undo goes back to. */
  commit(curve, from = this.now) {
    this.past.push(from);
    if (this.past.length > HISTORY) this.past.shift();
    this.future = [];
    this.set(curve);
    this.announce();
  }

  set(curve) {
    this.now = curve;
    this.redraw();
    this.send();
  }

  step(from, to) {
    if (!from.length) return;
    to.push(this.now);
    this.set(from.pop());
    this.announce();
  }

  request() {
    this.seq += 1;
    this.element.dataset.seq = this.seq;
    const { weights, total } = this.now;
    // One trait, one message: while one is under way, ipywidgets keeps only the newest.
    this.model.set("request", { version: this.version, seq: this.seq, weights, total, done: this.drag === null });
    this.model.save_changes();
  }

  // ---- document ------------------------------------------------------------------------

  build() {
    const { element, model } = this;
    element.classList.add("sl-curve");
    element.dataset.lmSuppressShortcuts = "true"; // or JupyterLab takes the arrow keys
    element.style.setProperty("--sl-role", `var(--sl-${model.get("role")})`);
    element.setAttribute("role", "group");
    element.setAttribute("aria-label", `${model.get("title")}, ${model.get("unit")}`);
    this.readout = make("output", { class: "sl-readout", "aria-hidden": "true" });
    this.summary = make("div", { class: "sl-unseen", "aria-live": "polite" });
    this.message = make("div", { class: "sl-message", role: "status" });
    this.svg = draw("svg", { class: "sl-canvas", height: model.get("height") });
    const head = make("div", { class: "sl-head" }, make("strong", { text: model.get("title") }), this.readout);
    element.append(head, this.tools(), this.svg, this.message, this.summary);
  }

  tools() {
    const button = (name, title, work, text) => {
      const made = make("button", { type: "button", class: "sl-button", title, "aria-label": title, onclick: work });
      made.dataset.tool = name;
      made.append(icon(name), ...(text ? [make("span", { text })] : []));
      return made;
    };
    this.buttons = {
      undo: button("undo", "Undo (Ctrl+Z)", () => this.step(this.past, this.future)),
      redo: button("redo", "Redo (Ctrl+Shift+Z)", () => this.step(this.future, this.past)),
      copy: button("copy", "Copy the weights (Ctrl+C)", () => this.copy()),
      paste: button("paste", "Paste weights (Ctrl+V)", () => this.paste()),
      normalize: button("normalize", "Normalize: mean weight 1", () => this.commit(normalized(this.now, this.limits))),
      original: button("original", "Back to the original", () => this.commit({ ...this.original })),
      look: button("line", "Bars or a smooth line", () => this.toggle("look")),
      lock: button("locked", this.model.get("lock_label"), () => this.toggle("is_locked"), this.model.get("lock_label")),
    };
    this.preset = make("select", { class: "sl-select", "aria-label": "Take the shape of", onchange: () => this.take() });
    this.fillPresets();
    const { look, lock, ...rest } = this.buttons;
    return make("div", { class: "sl-tools", role: "toolbar", "aria-label": "Edit" }, ...Object.values(rest), look, lock, this.preset);
  }

  fillPresets() {
    const options = this.model.get("presets").map(({ name }) => make("option", { text: name }));
    this.preset.replaceChildren(make("option", { text: "Shape…", value: "" }), ...options);
    this.preset.hidden = options.length === 0;
  }

  toggle(name) {
    const { model } = this;
    model.set(name, name === "look" ? (model.get("look") === "bars" ? "line" : "bars") : !model.get(name));
    model.save_changes();
  }

  take() {
    const found = this.model.get("presets").find(({ name }) => name === this.preset.value);
    this.preset.value = "";
    if (found) this.commit(reshaped(this.now, found.values, this.limits));
  }

  copy(event) {
    const text = written(this.now);
    globalThis[CLIPBOARD] = text;
    if (event) event.clipboardData.setData("text/plain", text);
    // Only pages from a secure place have a clipboard; the other editors' paste works without.
    else navigator.clipboard?.writeText(text).catch(() => {});
    this.tell("Copied.");
  }

  async paste(text) {
    const given = text ?? (await navigator.clipboard?.readText().catch(() => null)) ?? globalThis[CLIPBOARD] ?? "";
    const count = this.now.weights.length;
    const numbers = parsed(given, count) ?? parsed(globalThis[CLIPBOARD] ?? "", count);
    if (!numbers) return this.tell(`Paste needs ${count} numbers.`);
    this.commit(reshaped(this.now, numbers, this.limits));
    this.tell("");
  }

  tell(text) {
    this.message.textContent = text;
  }

  // ---- pointer and keyboard ------------------------------------------------------------

  listen() {
    const { svg, element, model } = this;
    svg.addEventListener("pointerdown", (event) => this.press(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    svg.addEventListener("pointerup", () => this.release());
    svg.addEventListener("pointercancel", () => this.release());
    svg.addEventListener("pointerleave", () => this.drag || this.readOut(null));
    element.addEventListener("keydown", (event) => this.keyDown(event));
    element.addEventListener("copy", (event) => this.isTyping(event) || (event.preventDefault(), this.copy(event)));
    element.addEventListener("paste", (event) => {
      if (this.isTyping(event)) return;
      event.preventDefault();
      this.paste(event.clipboardData.getData("text/plain"));
    });
    this.size = new ResizeObserver(() => this.redraw());
    this.size.observe(element);
    this.theme.onChange(() => this.redraw());
    model.on("change:curve", () => this.replace());
    model.on("change:look change:is_locked", () => this.redraw());
    model.on("change:presets", () => this.fillPresets());
  }

  isTyping(event) {
    return event.target.closest?.("input, select, textarea") !== null;
  }

  replace() {
    if (this.model.get("curve").version === this.version) return;
    const { key, now } = this;
    this.read();
    const isSame = key === this.key;
    this.past = isSame ? [...this.past, now] : [];
    this.future = [];
    this.drag = null;
    this.redraw();
    this.announce();
  }

  press(event) {
    if (event.button > 0 || this.placeOf(event) === null) return;
    event.preventDefault();
    this.svg.setPointerCapture(event.pointerId);
    this.drag = { base: this.now, values: new Map(), last: null };
    this.move(event);
    this.focusOn(this.drag.last.index);
  }

  move(event) {
    const place = this.placeOf(event);
    if (!this.drag) return this.readOut(place?.index ?? null);
    for (const step of event.getCoalescedEvents?.() ?? []) this.paint(this.placeOf(step, true));
    this.paint(this.placeOf(event, true));
    this.set(this.edited());
    this.readOut(this.drag.last.index);
  }

  /** Give every place between the last and this one its value. */
  paint(place) {
    const { drag } = this;
    if (this.model.get("look") === "line") {
      const index = drag.last?.index ?? place.index;
      drag.last = { index, value: place.value };
      drag.values = pulled(drag.base, index, place.value, pullWidth(this.slots.length));
      return;
    }
    const from = drag.last ?? place;
    const span = Math.abs(place.index - from.index);
    for (let step = 0; step <= span; step += 1) {
      const share = span ? step / span : 1;
      const index = Math.round(from.index + (place.index - from.index) * share);
      drag.values.set(index, from.value + (place.value - from.value) * share);
    }
    drag.last = place;
  }

  edited() {
    return painted(this.drag.base, this.drag.values, this.isLocked, this.limits);
  }

  release() {
    if (!this.drag) return;
    const { base } = this.drag;
    this.drag = null;
    this.commit(this.now, base);
  }

  keyDown(event) {
    if (this.isTyping(event)) return;
    const isCommand = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    if (isCommand && letter === "z") this.step(...(event.shiftKey ? [this.future, this.past] : [this.past, this.future]));
    else if (isCommand && letter === "y") this.step(this.future, this.past);
    else if (isCommand || !event.target.closest?.("[role=slider]") || !this.slide(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Keys of a slider; left and right go to the neighbor. Returns whether the key was one. */
  slide({ key, shiftKey }) {
    const count = this.now.weights.length;
    const neighbor = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (neighbor) {
      this.focusOn((this.focus + neighbor + count) % count);
      return true;
    }
    const fine = this.top / 100;
    const change = { ArrowUp: shiftKey ? 10 : 1, ArrowDown: shiftKey ? -10 : -1, PageUp: 10, PageDown: -10 }[key];
    const value = key === "Home" ? 0 : key === "End" ? this.top : change && shown(this.now)[this.focus] + change * fine;
    if (value === undefined) return false;
    this.commit(painted(this.now, new Map([[this.focus, value]]), this.isLocked, this.limits));
    this.readOut(this.focus);
    return true;
  }

  focusOn(index) {
    this.focus = index;
    this.render();
    this.svg.querySelector(`[data-index="${index}"]`)?.focus({ preventScroll: true });
    this.readOut(index);
  }

  // ---- drawing -------------------------------------------------------------------------

  placeOf(event, isForced = false) {
    const box = this.svg.getBoundingClientRect();
    const across = (event.clientX - box.left - MARGIN.left) / this.width;
    const up = 1 - (event.clientY - box.top - MARGIN.top) / this.height;
    if (!isForced && (across < 0 || across >= 1 || up < -0.05)) return null;
    const count = this.now.weights.length;
    const index = Math.min(count - 1, Math.max(0, Math.floor(across * count)));
    return { index, value: Math.min(1, Math.max(0, up)) * this.top };
  }

  render() {
    const full = this.element.clientWidth;
    if (!full) return;
    const { model, svg } = this;
    this.width = Math.max(120, full - MARGIN.left - MARGIN.right);
    this.height = model.get("height") - MARGIN.top - MARGIN.bottom;
    const [values, ghost] = [shown(this.now), shown(this.original)];
    // While a finger is down the scale stands still, or the bar would run away from it.
    if (!this.drag) this.top = roundUp(1.2 * Math.max(...values, ...ghost, 1e-6));
    const isLine = model.get("look") === "line";
    if (this.slots?.length !== values.length) this.layOut(values.length);
    this.frame(full);
    // What has the focus stays in the document: a screen reader would start over otherwise.
    this.slots.forEach((slot, index) => this.place(slot, index, values[index], ghost[index], isLine));
    this.line.setAttribute("d", isLine ? this.smooth(values) : "");
    this.ghost.setAttribute("d", isLine ? this.smooth(ghost) : this.stairs(ghost));
    this.buttons.undo.disabled = !this.past.length;
    this.buttons.redo.disabled = !this.future.length;
    this.dress(isLine);
  }

  /** Draw the axes anew where their size, their scale or their text is another; never while a bar is dragged. */
  frame(full) {
    const height = this.model.get("height");
    const shape = [full, height, this.top, this.model.get("unit"), this.model.get("x_label"), ...this.model.get("labels")].join("|");
    if (shape === this.shape) return;
    this.shape = shape;
    this.svg.setAttribute("viewBox", `0 0 ${full} ${height}`);
    this.axes.replaceChildren(...this.drawAxes());
    this.placed = [];
  }

  layOut(count) {
    this.shape = null;
    this.axes = draw("g");
    this.line = draw("path", { class: "sl-smooth" });
    this.ghost = draw("path", { class: "sl-ghost" });
    this.slots = Array.from({ length: count }, (_, index) =>
      draw(
        "g",
        { role: "slider", class: "sl-slot", "data-index": index, "aria-label": this.model.get("places")[index], "aria-orientation": "vertical", "aria-valuemin": 0 },
        draw("rect", { class: "sl-catch" }),
        draw("rect", { class: "sl-bar", rx: 2 }),
        draw("rect", { class: "sl-handle", rx: 1.5, height: 3 }),
        draw("circle", { class: "sl-knob" }),
      ),
    );
    const plot = draw("g", { transform: `translate(${MARGIN.left} ${MARGIN.top})` });
    plot.append(this.axes, ...this.slots, this.line, this.ghost);
    this.svg.replaceChildren(plot);
  }

  place(slot, index, value, old, isLine) {
    const isFocus = index === this.focus;
    const key = `${value}|${old}|${isLine}|${isFocus}`;
    if (this.placed[index] === key) return;
    this.placed[index] = key;
    const room = this.width / this.slots.length;
    const gap = Math.max(Math.min(3, room * 0.14), (room - WIDEST_BAR) / 2);
    const at = this.y(value);
    const [area, bar, handle, knob] = slot.children;
    const put = (element, attributes) => Object.entries(attributes).forEach(([name, given]) => element.setAttribute(name, given));
    put(area, { x: index * room, width: room, height: this.height });
    put(bar, { x: index * room + gap, y: at, width: room - 2 * gap, height: Math.max(0, this.height - at) });
    put(handle, { x: index * room + gap, y: at - 1.5, width: room - 2 * gap });
    put(knob, { cx: this.x(index), cy: at, r: Math.min(4.5, room / 3) });
    [bar, handle].forEach((part) => (part.style.display = isLine ? "none" : ""));
    knob.style.display = isLine ? "" : "none";
    put(slot, {
      tabindex: isFocus ? 0 : -1,
      "aria-valuemax": Number(this.top.toPrecision(6)),
      "aria-valuenow": Number(value.toFixed(3)),
      "aria-valuetext": `${say(value)} ${this.model.get("unit")}`,
    });
    slot.classList.toggle("sl-moved", Math.abs(value - old) > 0.02 * this.top);
  }

  dress(isLine) {
    if (!this.readout.textContent) this.readOut(null);
    const { look, lock } = this.buttons;
    if (look.ariaPressed === String(isLine) && lock.ariaPressed === String(this.isLocked)) return;
    look.replaceChild(icon(isLine ? "bars" : "line"), look.firstChild);
    lock.replaceChild(icon(this.isLocked ? "locked" : "unlocked"), lock.firstChild);
    lock.setAttribute("aria-pressed", this.isLocked);
    look.setAttribute("aria-pressed", isLine);
  }

  x(index) {
    return ((index + 0.5) / this.now.weights.length) * this.width;
  }

  y(value) {
    return this.height * (1 - Math.min(value, this.top) / this.top);
  }

  drawAxes() {
    const labels = this.model.get("labels");
    const room = this.width / labels.length;
    const every = labels.length > 7 ? (room < 12 ? 6 : room < 26 ? 3 : 1) : 1;
    const lines = ticks(this.top).map((value) => {
      const at = this.y(value);
      return draw(
        "g",
        {},
        draw("line", { x2: this.width, y1: at, y2: at, class: value ? "sl-grid" : "sl-axis" }),
        draw("text", { x: -6, y: at + 4, class: "sl-tick", "text-anchor": "end", text: say(value) }),
      );
    });
    const names = labels
      .map((text, index) => ({ text, index }))
      .filter(({ index }) => index % every === 0)
      .map(({ text, index }) =>
        draw("text", { x: this.x(index), y: this.height + 14, class: "sl-tick", "text-anchor": "middle", text }),
      );
    const across = draw("text", { x: this.width / 2, y: this.height + 29, class: "sl-label", "text-anchor": "middle", text: this.model.get("x_label") });
    const up = draw("text", { transform: `translate(-36 ${this.height / 2}) rotate(-90)`, class: "sl-label", "text-anchor": "middle", text: this.model.get("unit") });
    return [...lines, ...names, across, up];
  }

  stairs(values) {
    const room = this.width / values.length;
    return values.map((value, index) => `${index ? "L" : "M"}${index * room},${this.y(value)}h${room}`).join("");
  }

  /** A line through every value without overshoot: each piece leaves and arrives level-headed. */
  smooth(values) {
    const points = values.map((value, index) => [this.x(index), this.y(value)]);
    const slope = (index) => {
      if (index === 0 || index === points.length - 1) return 0;
      const [left, right] = [points[index][1] - points[index - 1][1], points[index + 1][1] - points[index][1]];
      return left * right <= 0 ? 0 : (2 * left * right) / (left + right);
    };
    return points
      .map(([x, y], index) => {
        if (!index) return `M${x},${y}`;
        const [x0, y0] = points[index - 1];
        const third = (x - x0) / 3;
        return `C${x0 + third},${y0 + slope(index - 1) / 3} ${x - third},${y - slope(index) / 3} ${x},${y}`;
      })
      .join("");
  }

  // ---- words ---------------------------------------------------------------------------

  readOut(index) {
    const unit = this.model.get("unit");
    if (index === null) {
      const { total } = this.now;
      this.readout.textContent = total === null ? `mean ${say(sum(this.now.weights) / this.now.weights.length)}` : `${say(total)} ${this.model.get("total_unit")}`;
      return;
    }
    const [value, old] = [shown(this.now)[index], shown(this.original)[index]];
    const was = Math.abs(value - old) > 1e-9 ? `, was ${say(old)}` : "";
    this.readout.textContent = `${this.model.get("places")[index]}: ${say(value)} ${unit}${was}`;
  }

  announce() {
    const values = shown(this.now);
    const peak = values.indexOf(Math.max(...values));
    const { total } = this.now;
    const amount = total === null ? "" : `, ${say(total)} ${this.model.get("total_unit")}`;
    const text = `${this.model.get("title")}: most ${say(values[peak])} ${this.model.get("unit")} at ${this.model.get("places")[peak]}${amount}`;
    this.summary.textContent = text;
    this.svg.setAttribute("aria-label", text);
    if (!this.drag && !this.svg.contains(document.activeElement)) this.readOut(null);
  }

  stop() {
    this.size.disconnect();
    this.theme.stop();
  }
}

export default {
  render({ model, el }) {
    const element = make("div");
    el.append(element);
    const curve = new Curve(model, element);
    curve.announce();
    return () => curve.stop();
  },
};
