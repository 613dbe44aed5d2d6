// Numbers and choices, each with its range, its unit and what it means.
import { eachFrame, make, themed } from "./theme.js";

export default {
  render({ model, el }) {
    const element = make("div", { class: "sl-fields" });
    el.append(element);
    const theme = themed(model, element);
    let seq = model.get("request").seq ?? 0;
    let values = {};
    const send = eachFrame(() => {
      seq += 1;
      element.dataset.seq = seq;
      model.set("request", { seq, version: model.get("version"), values: { ...values } });
      model.save_changes();
    });
    const put = (name, value) => {
      values[name] = value;
      send();
    };
    const show = () => {
      values = {};
      const groups = new Map();
      model.get("fields").forEach((field) => groups.set(field.group, [...(groups.get(field.group) ?? []), field]));
      element.replaceChildren(...[...groups].map(([name, fields], index) => group(name, fields, put, index <= 1)));
    };
    model.on("change:version", show);
    show();
    return () => theme.stop();
  },
};

function group(name, fields, put, isOpen) {
  const rows = fields.map((field) => row(field, put));
  if (!name) return make("div", { class: "sl-group" }, ...rows);
  const changed = fields.filter(({ value, default: usual }) => value !== usual).length;
  const title = make("summary", {}, make("strong", { text: name }), make("span", { class: "sl-readout", text: changed ? `${changed} changed` : "" }));
  return make("details", { class: "sl-group", open: isOpen || changed > 0 }, title, ...rows);
}

function row(field, put) {
  const { name, label, unit, value, default: usual, help, choices, min, max } = field;
  const id = `sl-${name}-${Math.random().toString(36).slice(2)}`;
  const input = choices?.length
    ? make("select", { id, class: "sl-select" }, ...choices.map((text) => make("option", { text, value: text, selected: text === value })))
    : make("input", { id, class: "sl-input", type: "number", step: "any", value, min, max });
  const span = make("span", { class: "sl-range", text: choices?.length ? "" : `${min ?? "…"} to ${max ?? "…"}` });
  const reset = make("button", { type: "button", class: "sl-button sl-reset", text: "↺", title: `Default: ${usual}`, "aria-label": `${label}: back to ${usual}` });
  const dress = (now) => {
    reset.hidden = now === usual || usual === null || usual === undefined;
    line.classList.toggle("sl-changed", !reset.hidden);
  };
  const change = () => {
    if (choices?.length) put(name, input.value);
    else if (input.value === "" || !input.checkValidity()) return line.classList.add("sl-wrong");
    else put(name, Number(input.value));
    line.classList.remove("sl-wrong");
    dress(choices?.length ? input.value : Number(input.value));
  };
  input.addEventListener("input", change);
  reset.addEventListener("click", () => {
    input.value = usual;
    change();
    input.focus();
  });
  const words = make("label", { for: id, title: help }, make("span", { text: label }));
  const line = make("div", { class: "sl-field", title: help }, words, input, make("span", { class: "sl-unit", text: unit }), span, reset);
  dress(value);
  return line;
}
