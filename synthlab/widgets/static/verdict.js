// What the checks say of an artifact, and what was decided.
import { make, themed } from "./theme.js";

export default {
  render({ model, el }) {
    const element = make("section", { class: "sl-verdict", "aria-label": "Verdict", tabindex: "-1" });
    el.append(element);
    const theme = themed(model, element);
    const show = () => {
      const isGood = model.get("is_good");
      // Not by color alone.
      const word = make("strong", { class: `sl-word ${isGood ? "sl-better" : "sl-worse"}`, text: `${isGood ? "✓" : "✗"} ${model.get("word")}` });
      const reasons = make("ul", {}, ...model.get("reasons").map((text) => make("li", { text })));
      const decision = make("div", {}, "Decision: ", make("strong", { text: model.get("decision") }));
      element.replaceChildren(word, ...(reasons.children.length ? [reasons] : []), make("div", { class: "sl-readout", text: model.get("facts") }), decision);
    };
    const come = () => {
      if (!model.get("is_called")) return;
      // Once: a page that is opened again stays where it was.
      model.set("is_called", false);
      model.save_changes();
      // When it has its place on the page.
      requestAnimationFrame(() => {
        element.scrollIntoView({ block: "start" });
        element.focus({ preventScroll: true });
      });
    };
    model.on("change:word change:is_good change:reasons change:facts change:decision", show);
    model.on("change:is_called", come);
    show();
    come();
    return () => theme.stop();
  },
};
