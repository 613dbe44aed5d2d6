// Lines over time, a panel each: uPlot, with one zoom and one cursor for all panels.
import { uPlot } from "./uplot.js";
import { atOnce, eachFrame, make, themed } from "./theme.js";

const HEIGHTS = { main: 240, beside: 132 };

class Panels {
  constructor(model, element) {
    this.model = model;
    this.element = element;
    this.theme = themed(model, element);
    this.sync = `synthlab-${Math.random()}`;
    this.plots = [];
    this.cut = {};
    element.classList.add("sl-panels");
    this.refresh = atOnce(() => this.update());
    this.rebuild = eachFrame(() => this.build());
    this.resize = eachFrame(() => this.fit());
    // Data and stamp come in one message; the stamp is set last.
    model.on("change:stamp", this.refresh);
    model.on("change:panels", this.rebuild);
    this.theme.onChange(this.rebuild);
    this.size = new ResizeObserver(this.resize);
    this.size.observe(element);
    this.build();
  }

  /** Cut the bytes into columns: for each panel its times, then its series. */
  columns() {
    const panels = this.model.get("panels");
    if (panels !== this.cut.panels) this.cut = { panels };
    const known = (name, specs) => {
      const bytes = this.model.get(name);
      if (this.cut[name]?.bytes !== bytes) this.cut[name] = { bytes, columns: cut(bytes, specs) };
      return this.cut[name].columns;
    };
    return [...known("main_data", panels.slice(0, 1)), ...known("other_data", panels.slice(1))];
  }

  build() {
    this.plots.forEach(({ plot }) => plot.destroy());
    const panels = this.model.get("panels");
    const columns = this.columns();
    this.element.replaceChildren();
    this.element.classList.toggle("sl-single", panels.length === 1);
    this.plots = panels.map((panel, index) => {
      const isMain = index === 0 && this.model.get("has_main");
      const box = make("figure", { class: `sl-panel${isMain ? " sl-main-panel" : ""}` });
      const caption = make("figcaption", {}, make("strong", { text: panel.title }), make("span", { class: "sl-readout", text: panel.note ?? "" }));
      const room = make("div", { role: "img", "aria-label": panel.summary ?? panel.title });
      box.append(caption, room);
      this.element.append(box);
      const height = panel.height ?? (isMain ? HEIGHTS.main : HEIGHTS.beside);
      const plot = new uPlot(this.options(panel, room.clientWidth || 400, height, isMain), columns[index], room);
      return { plot, room, box, height, caption, data: columns[index] };
    });
    // The last panel may have narrowed the first, and one that was hidden had no width to go by.
    this.resize();
    this.stamp();
  }

  options(panel, width, height, isMain) {
    const { color } = this.theme;
    const axis = { stroke: color("ink"), font: fontOf(this.element), grid: { stroke: color("grid"), width: 1 }, ticks: { stroke: color("grid"), size: 4 } };
    return {
      width,
      height,
      pxAlign: 0,
      padding: [8, 34, 0, 0],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: { sync: { key: this.sync }, drag: { x: true, y: false }, points: { size: 6 } },
      legend: { show: isMain || panel.legend === true },
      scales: { y: { range: rangeOf(panel) } },
      axes: [
        { ...axis, space: 64, size: 30, values: timeLabels },
        { ...axis, size: 42, space: 28, label: panel.unit, labelFont: fontOf(this.element), labelSize: 16, labelGap: 0 },
      ],
      series: [
        { value: (_, seconds) => (seconds === null ? "–" : `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`), label: "time" },
        ...panel.series.map((line) => this.line(line, panel.unit)),
      ],
      hooks: { drawClear: [(plot) => this.shade(plot, panel)] },
    };
  }

  line(line, unit) {
    const stroke = this.theme.color(line.role);
    return {
      label: line.label,
      stroke,
      width: line.width ?? 1.5,
      dash: line.dash ?? [],
      fill: line.fill ? `${stroke}22` : undefined,
      points: { show: line.points === true, size: 3, fill: stroke },
      paths: line.points === true ? () => null : undefined,
      value: (_, value) => (value === null || value === undefined ? "–" : `${value.toFixed(1)} ${unit}`),
    };
  }

  /** Shade where the panel's limit is passed. */
  shade(plot, { band }) {
    if (!band) return;
    const { ctx, bbox } = plot;
    const [top, bottom] = [plot.valToPos(band.to, "y", true), plot.valToPos(band.from, "y", true)];
    ctx.save();
    ctx.globalAlpha = 0.18;
    ctx.fillStyle = this.theme.color(band.role);
    ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
    ctx.restore();
  }

  update() {
    // Other panels are built anew, with the data that came beside them.
    if (this.model.get("panels") !== this.cut.panels) return;
    this.columns().forEach((data, index) => {
      const shown = this.plots[index];
      if (shown.data === data || isSame(shown.data, data)) return;
      shown.data = data;
      shown.plot.setData(data, false);
      shown.plot.redraw(true);
    });
    this.stamp();
  }

  stamp() {
    const notes = this.model.get("notes");
    this.plots.forEach(({ caption, room }, index) => {
      const note = notes[index];
      if (note === undefined) return;
      caption.lastChild.textContent = note;
      room.setAttribute("aria-label", `${caption.firstChild.textContent}: ${note}`);
    });
    this.element.dataset.seq = this.model.get("stamp");
  }

  fit() {
    this.plots.forEach(({ plot, room, height }) => {
      const width = room.clientWidth;
      if (width && width !== plot.width) plot.setSize({ width, height });
    });
  }

  stop() {
    this.size.disconnect();
    this.theme.stop();
    this.plots.forEach(({ plot }) => plot.destroy());
  }
}

function cut(view, specs) {
  const values = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  let at = 0;
  const take = (count) => values.subarray(at, (at += count));
  return specs.map(({ x, series }) => {
    const offsets = x.step === null ? take(x.count) : null;
    const times = new Float64Array(x.count);
    for (let row = 0; row < x.count; row += 1) times[row] = x.start + (offsets ? offsets[row] : row * x.step);
    return [times, ...series.map(() => withGaps(take(x.count)))];
  });
}

function withGaps(values) {
  // uPlot breaks a line at null, and draws NaN as a line to nowhere.
  return values.some(Number.isNaN) ? Array.from(values, (value) => (Number.isNaN(value) ? null : value)) : values;
}

function isSame(one, other) {
  return one.length === other.length && one.every((column, index) => column.length === other[index].length && column.every((value, row) => value === other[index][row]));
}

function rangeOf({ min, max }) {
  return (_, low, high) => [min ?? low ?? 0, max ?? (high === low ? (high ?? 0) + 1 : high)];
}

function fontOf(element) {
  return `11px ${getComputedStyle(element).fontFamily}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** Days by weekday and date, hours and minutes as on a clock, all UTC. */
function timeLabels(_, splits) {
  return splits.map((seconds) => {
    const moment = new Date(seconds * 1000);
    if (seconds % 86400 === 0) return `${WEEKDAYS[moment.getUTCDay()]} ${moment.getUTCDate()} ${MONTHS[moment.getUTCMonth()]}`;
    return moment.toISOString().slice(11, 16);
  });
}

export default {
  render({ model, el }) {
    const element = make("div");
    el.append(element);
    const panels = new Panels(model, element);
    return () => panels.stop();
  },
};
