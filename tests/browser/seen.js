// What is wrong with the page that is shown, as sentences. The body of a function.
const wrong = [];
const all = (css, within = document) => [...within.querySelectorAll(css)];
const name = (e) => `<${e.tagName.toLowerCase()}${e.className ? ` class="${e.className}"` : ""}> ${e.textContent.trim().slice(0, 60)}`;

// Who cannot see goes by headings, labels and the language.
if (document.title.trim() === "") wrong.push("it has no title");
if (!document.documentElement.lang) wrong.push("it does not say its language");
const heads = all("h1").length;
if (heads !== 1) wrong.push(`it has ${heads} h1`);
if (all("main").length !== 1) wrong.push("it has no main part, or several");
for (const field of all("input:not([type=hidden], [hidden]), select, textarea")) {
  if (field.labels.length === 0 && !field.ariaLabel) wrong.push(`a field without a label: ${field.outerHTML}`);
}
for (const e of all("a, button")) {
  if (e.textContent.trim() === "" && !e.ariaLabel) wrong.push(`a link or button without words: ${e.outerHTML}`);
}
const ids = all("[id]").map((e) => e.id);
for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) wrong.push(`several elements are called #${id}`);
for (const label of all("label[for]")) {
  if (!document.getElementById(label.htmlFor)) wrong.push(`a label for nothing: ${label.htmlFor}`);
}

// Nobody scrolls sideways.
const width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth > width) {
  wrong.push(`it is ${document.documentElement.scrollWidth} wide on a screen of ${width}`);
  for (const e of all("body *")) if (e.getBoundingClientRect().right > width + 1) wrong.push(`too wide: ${name(e)}`);
}

// Every word can be read: the ratio of WCAG, AA.
const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
const part = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const colour = numbers(getComputedStyle(e).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
const faint = new Map();
const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (words.nextNode()) {
  const e = words.currentNode.parentElement;
  if (words.currentNode.data.trim() === "" || e.getClientRects().length === 0) continue;
  const style = getComputedStyle(e);
  const [text, paper] = [light(numbers(style.color)), light(behind(e))];
  const ratio = (Math.max(text, paper) + 0.05) / (Math.min(text, paper) + 0.05);
  const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.7 && style.fontWeight >= 700);
  if (ratio < (large ? 3 : 4.5)) faint.set(e.className, `contrast of ${ratio.toFixed(1)}: ${name(e)}`);
}
wrong.push(...faint.values());
return {wrong};
