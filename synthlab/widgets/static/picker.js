// Which device is worked on, and which are shown beside it.
import { make, themed } from "./theme.js";

export default {
  render({ model, el }) {
    const element = make("div", { class: "sl-picker", role: "group", "aria-label": model.get("title") });
    element.dataset.lmSuppressShortcuts = "true";
    el.append(element);
    const theme = themed(model, element);
    let seq = model.get("request").seq ?? 0;
    const ask = (selected, beside) => {
      seq += 1;
      model.set("request", { seq, selected, beside });
      model.save_changes();
    };
    const card = ({ id, label, detail, note, tone }) => {
      const isSelected = id === model.get("selected");
      const beside = model.get("beside");
      const choose = make("button", { type: "button", class: "sl-choose", "aria-pressed": isSelected, onclick: () => ask(id, beside) });
      choose.append(make("strong", { text: label }), make("span", { class: "sl-readout", text: detail }));
      if (note) choose.append(make("span", { class: `sl-note${tone ? ` sl-${tone}` : ""}`, text: note }));
      const box = make("input", { type: "checkbox", checked: beside.includes(id), "aria-label": `Show ${label} beside`, title: "Show beside" });
      box.addEventListener("change", () => ask(model.get("selected"), box.checked ? [...beside, id] : beside.filter((other) => other !== id)));
      return make("div", { class: `sl-card${isSelected ? " sl-selected" : ""}` }, choose, ...(model.get("can_compare") && !isSelected ? [box] : []));
    };
    const show = () => {
      const focused = element.contains(document.activeElement) ? [...element.querySelectorAll("button, input")].indexOf(document.activeElement) : -1;
      element.replaceChildren(...model.get("items").map(card));
      if (focused >= 0) element.querySelectorAll("button, input")[focused]?.focus();
    };
    model.on("change:items change:selected change:beside", show);
    show();
    return () => theme.stop();
  },
};
