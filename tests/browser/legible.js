// What is hard to read, and what has no name: asked by tests of a page, below a selector.

function light(parts) {
  const [red, green, blue] = parts.map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function allGrounds(node) {
  return node ? [...allGrounds(node.parentElement), getComputedStyle(node).backgroundColor] : [];
}

/** Return the text with the lowest contrast (WCAG 2.2, 1.4.3), and that contrast. */
export function lowestContrast(selector) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  // What lies behind shows through what is not opaque: painted one over the other, as the browser does.
  const painted = (colors) => {
    for (const color of ["#fff", ...colors]) {
      brush.fillStyle = color;
      brush.fillRect(0, 0, 1, 1);
    }
    return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  let worst = { ratio: 21 };
  for (const node of document.querySelectorAll(`${selector} *`)) {
    const texts = [...node.childNodes].filter((one) => one.nodeType === Node.TEXT_NODE).map((one) => one.textContent.trim());
    const text = texts.join("");
    // What cannot be used now is exempt, and so is what is only said to screen readers.
    if (!text || node.closest("[disabled], option, .sl-unseen, script, style")) continue;
    if (!node.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const style = getComputedStyle(node);
    const grounds = allGrounds(node);
    const ink = node instanceof SVGElement ? style.fill : style.color;
    const [high, low] = [painted(grounds), painted([...grounds, ink])].map(light).sort((one, other) => other - one);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < worst.ratio) worst = { ratio, text: text.slice(0, 60), ink, name: node.getAttribute("class") };
  }
  return worst;
}

/** Return what can be used, or is a picture, and has no name that a screen reader could say. */
export function nameless(selector) {
  const wanted = ":is(button, input, select, textarea, [role=slider], [role=img], [role=tab])";
  const names = (node) => [node.getAttribute("aria-label"), node.title, node.textContent, node.labels?.[0]?.textContent];
  return [...document.querySelectorAll(`${selector} ${wanted}`)]
    .filter((node) => node.checkVisibility() && !names(node).some((name) => name?.trim()))
    .map((node) => node.outerHTML.slice(0, 200));
}
