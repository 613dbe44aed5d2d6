// Key numbers, each beside what it was before.
import { make, themed } from "./theme.js";

const ARROWS = { up: "▲", down: "▼" };

function tile({ label, value, unit, before, direction, tone, help }) {
  const number = make("div", { class: "sl-number" }, make("span", { text: value }), make("small", { text: unit ?? "" }));
  const change = before === null || before === undefined ? "" : `${ARROWS[direction] ?? "="} was ${before}`;
  const words = { better: "better", worse: "worse" }[tone];
  const foot = make("div", { class: `sl-was${words ? ` sl-${words}` : ""}`, text: change });
  // Not by color alone.
  if (words && direction) foot.append(make("em", { text: words }));
  return make("div", { class: "sl-tile", title: help ?? "", role: "group", "aria-label": `${label}: ${value} ${unit ?? ""}` }, make("div", { class: "sl-name", text: label }), number, foot);
}

export default {
  render({ model, el }) {
    const element = make("div", { class: "sl-tiles", role: "group", "aria-label": model.get("title") });
    el.append(element);
    const theme = themed(model, element);
    const show = () => element.replaceChildren(...model.get("tiles").map(tile));
    model.on("change:tiles", show);
    show();
    return () => theme.stop();
  },
};
