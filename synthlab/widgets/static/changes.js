// What changed in the YAML, and the buttons that save it, take it back, or make an artifact of it.
import { make, themed } from "./theme.js";

export default {
  render({ model, el }) {
    const element = make("div", { class: "sl-changes" });
    element.dataset.lmSuppressShortcuts = "true";
    el.append(element);
    const theme = themed(model, element);
    let seq = model.get("request").seq ?? 0;
    const ask = (action) => {
      seq += 1;
      model.set("request", { seq, action, path: path.value.trim() });
      model.save_changes();
    };
    // The second click of a double click is no second press: it would answer what nobody has read.
    const button = (text, action, title, kind = "") => make("button", { type: "button", class: `sl-button ${kind}`, text, title, onclick: ({ detail }) => detail > 1 || ask(action) });
    const path = make("input", { class: "sl-input sl-path", type: "text", "aria-label": "File to save as", spellcheck: "false" });
    const save = button("Save", "save", "Write the changed values into the scenario's file; comments stay", "sl-main");
    const saveAs = button("Save as", "save_as", "Write to the file named here, in the working folder; another file that is there is replaced only when you press again");
    const reset = button("Reset", "reset", "Back to the scenario as it was opened");
    const toExport = button("Export", "export", "Simulate the scenario's history as it stands, check it, and open its review");
    const told = make("span", { class: "sl-told", role: "status" });
    const count = make("strong");
    const text = make("div", { class: "sl-diff", role: "region", "aria-label": "Changes as YAML", tabindex: "0" });
    element.append(make("div", { class: "sl-head" }, count, make("div", { class: "sl-tools" }, told, path, saveAs, save, reset, toExport)), text);
    const show = () => {
      const lines = model.get("lines");
      const changed = lines.filter(({ kind }) => kind === "+").length;
      count.textContent = changed ? `Changes: ${changed} line${changed > 1 ? "s" : ""} of the YAML` : "No unsaved changes";
      text.hidden = lines.length === 0;
      text.replaceChildren(...lines.map(line));
      const isBusy = model.get("is_busy");
      save.disabled = isBusy || lines.length === 0;
      reset.disabled = isBusy || !model.get("can_reset");
      saveAs.disabled = toExport.disabled = isBusy;
      element.setAttribute("aria-busy", isBusy);
      save.hidden = !model.get("path");
      save.textContent = model.get("path") ? `Save ${model.get("path").split("/").pop()}` : "Save";
      told.textContent = model.get("message");
      told.classList.toggle("sl-worse", model.get("is_error"));
    };
    const name = () => (path.value = model.get("save_as"));
    model.on("change:lines change:message change:is_error change:path change:can_reset change:is_busy", show);
    model.on("change:save_as", name);
    name();
    show();
    return () => theme.stop();
  },
};

function line({ kind, parts }) {
  const row = make("div", { class: { "+": "sl-added", "-": "sl-removed", "@": "sl-place-line" }[kind] ?? "" });
  row.append(make("span", { class: "sl-sign", text: kind === "@" ? " " : kind }), ...parts.map(({ text, is_changed }) => make(is_changed ? "mark" : "span", { text })));
  return row;
}
