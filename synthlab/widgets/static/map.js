// A map without a network: ways and places in kilometers, both axes at one scale.
import { draw, eachFrame, make, say, themed } from "./theme.js";

const MARGIN = 14;
const SCALES_KM = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];
const SHAPES = {
  BASE: (size) => `M${-size},${-size}h${2 * size}v${2 * size}h${-2 * size}z`,
  REFILL: (size) => `M0,${-1.25 * size}L${1.2 * size},${size}H${-1.2 * size}z`,
  TRUCK: (size) => `M0,${-1.3 * size}L${1.1 * size},0L0,${1.3 * size}L${-1.1 * size},0z`,
  CLIENT: (size) => `M${-size},0a${size},${size} 0 1 0 ${2 * size},0a${size},${size} 0 1 0 ${-2 * size},0z`,
};

class Chart {
  constructor(model, element) {
    this.model = model;
    this.element = element;
    this.theme = themed(model, element);
    this.zoom = 1;
    this.shift = [0, 0];
    element.classList.add("sl-map");
    this.svg = draw("svg", { class: "sl-ground", role: "img" });
    this.told = make("span", { class: "sl-readout" });
    const button = (text, title, work) => make("button", { type: "button", class: "sl-button", text, title, "aria-label": title, onclick: work });
    const tools = make("div", { class: "sl-tools" }, button("+", "Zoom in", () => this.scale(1.5)), button("−", "Zoom out", () => this.scale(1 / 1.5)), button("Fit", "Show all", () => this.fit()));
    const head = make("div", { class: "sl-head" }, make("strong", { text: model.get("title") }), this.told, tools);
    this.legend = make("div", { class: "sl-legend" });
    element.append(head, this.svg, this.legend);
    this.redraw = eachFrame(() => this.render());
    model.on("change:stamp change:places", this.redraw);
    this.theme.onChange(this.redraw);
    this.size = new ResizeObserver(this.redraw);
    this.size.observe(element);
    this.svg.addEventListener("pointerdown", (event) => this.grab(event));
    this.svg.addEventListener("pointermove", (event) => this.pan(event));
    this.svg.addEventListener("pointerup", () => (this.held = null));
    this.svg.addEventListener("pointercancel", () => (this.held = null));
  }

  scale(factor) {
    this.zoom = Math.min(40, Math.max(1, this.zoom * factor));
    if (this.zoom === 1) this.shift = [0, 0];
    this.redraw();
  }

  fit() {
    this.zoom = 1;
    this.shift = [0, 0];
    this.redraw();
  }

  grab(event) {
    if (event.button) return;
    this.svg.setPointerCapture(event.pointerId);
    this.held = { at: [event.clientX, event.clientY], shift: [...this.shift] };
  }

  pan(event) {
    if (!this.held) return;
    this.shift = this.held.shift.map((value, axis) => value + [event.clientX, event.clientY][axis] - this.held.at[axis]);
    this.redraw();
  }

  tracks() {
    const view = this.model.get("data");
    const values = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
    let at = 0;
    return this.model.get("tracks").map((track) => ({ ...track, points: values.subarray(at, (at += 2 * track.count)) }));
  }

  render() {
    const width = this.element.clientWidth;
    if (!width) return;
    const tracks = this.tracks();
    const places = this.model.get("places");
    const box = extent(tracks, places);
    const height = Math.round(Math.min(460, Math.max(220, (width * (box.high + 0.01)) / (box.wide + 0.01))));
    const fitting = Math.min((width - 2 * MARGIN) / Math.max(box.wide, 0.1), (height - 2 * MARGIN) / Math.max(box.high, 0.1));
    const perKm = fitting * this.zoom;
    const x = (east) => width / 2 + this.shift[0] + (east - box.east) * perKm;
    const y = (north) => height / 2 + this.shift[1] - (north - box.north) * perKm;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("height", height);
    this.svg.setAttribute("aria-label", `${this.model.get("title")}: ${this.model.get("summary")}`);
    this.told.textContent = this.model.get("summary");
    this.svg.replaceChildren(...tracks.map((track) => way(track, x, y)), ...places.map((place) => this.mark(place, x, y)), ...scaleBar(perKm, width, height));
    this.label(tracks, places);
    this.element.dataset.seq = this.model.get("stamp");
  }

  mark({ kind, role, label, detail, east, north, size }, x, y) {
    const mark = draw("path", { d: (SHAPES[kind] ?? SHAPES.CLIENT)(size ?? 6), class: "sl-place", style: `fill: var(--sl-${role})` });
    const spot = draw("g", { transform: `translate(${x(east)} ${y(north)})`, class: "sl-spot" }, mark, draw("title", { text: [label, detail].filter(Boolean).join(": ") }));
    if (label && this.model.get("has_labels")) spot.append(draw("text", { x: (size ?? 6) + 4, y: 4, class: "sl-tick", text: label }));
    return spot;
  }

  label(tracks, places) {
    const named = new Map(tracks.map((track) => [track.label, track]));
    const lines = [...named.values()].map(({ label, role }) => make("span", {}, make("i", { style: `border-top: 2px solid var(--sl-${role})` }), label));
    const kinds = new Map(places.map((place) => [place.kind, place.role]));
    const marks = [...kinds].map(([kind, role]) => {
      const shape = draw("svg", { viewBox: "-8 -8 16 16", width: 13, height: 13, "aria-hidden": "true" }, draw("path", { d: (SHAPES[kind] ?? SHAPES.CLIENT)(5), style: `fill: var(--sl-${role})` }));
      return make("span", {}, shape, kind.toLowerCase());
    });
    this.legend.replaceChildren(...lines, ...marks);
  }

  stop() {
    this.size.disconnect();
    this.theme.stop();
  }
}

function extent(tracks, places) {
  const easts = places.map(({ east }) => east);
  const norths = places.map(({ north }) => north);
  tracks.forEach(({ points }) => points.forEach((value, index) => Number.isNaN(value) || (index % 2 ? norths : easts).push(value)));
  const range = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const [[west, right], [south, top]] = [range(easts), range(norths)];
  if (!Number.isFinite(west)) return { wide: 1, high: 1, east: 0, north: 0 };
  return { wide: right - west, high: top - south, east: (west + right) / 2, north: (south + top) / 2 };
}

function way({ points, role, width, opacity }, x, y) {
  let path = "";
  let isDown = false;
  for (let at = 0; at < points.length; at += 2) {
    const isThere = !Number.isNaN(points[at]) && !Number.isNaN(points[at + 1]);
    if (isThere) path += `${isDown ? "L" : "M"}${x(points[at]).toFixed(1)},${y(points[at + 1]).toFixed(1)}`;
    isDown = isThere;
  }
  return draw("path", { d: path, class: "sl-way", style: `stroke: var(--sl-${role}); stroke-width: ${width ?? 1.4}; opacity: ${opacity ?? 0.5}` });
}

function scaleBar(perKm, width, height) {
  const length = SCALES_KM.filter((scale) => scale * perKm <= width / 4).at(-1) ?? SCALES_KM[0];
  const at = height - 12;
  return [
    draw("path", { d: `M12,${at}h${length * perKm}`, class: "sl-scale" }),
    draw("text", { x: 12 + (length * perKm) / 2, y: at - 6, class: "sl-tick", "text-anchor": "middle", text: `${say(length)} km` }),
  ];
}

export default {
  render({ model, el }) {
    const element = make("div");
    el.append(element);
    const chart = new Chart(model, element);
    return () => chart.stop();
  },
};
