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
    const numbers = make("div", { class: "sl-tiles", role: "group", "aria-label": model.get("title") });
    const note = make("p", { class: "sl-why" });
    const element = make("div", {}, numbers, note);
    el.append(element);
    const theme = themed(model, element);
    const show = () => {
      numbers.replaceChildren(...model.get("tiles").map(tile));
      note.textContent = model.get("note");
      note.hidden = !note.textContent;
    };
    model.on("change:tiles change:note", show);
    show();
    return () => theme.stop();
  },
};
