// Data that the page carries, and elements made of text: nothing here turns text into markup.

const opened = new Map();

/** JSON of a packed element, unpacked once. */
function load(name) {
  if (!opened.has(name)) {
    const bytes = Uint8Array.from(atob(document.getElementById(`data-${name}`).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    opened.set(name, new Response(stream).json());
  }
  return opened.get(name);
}

/** An element with attributes and children; texts among the children stay texts. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** Text in a box, highlighted as Python when it is code; highlight.js escapes what it is given. */
function box(text, python = true) {
  const inner = element("code", { dir: "ltr" });
  if (python && text.length < 20000) inner.innerHTML = hljs.highlight(text, { language: "python" }).value;
  else inner.textContent = text;
  return element("pre", { tabindex: "0" }, inner);
}

const words = (text) => String(text).replaceAll("_", " ");
const amount = (number) => Number(number).toLocaleString("en-US");
const badge = (text, kind = "") => element("span", { class: `badge ${kind}` }, words(text));
const verdictBadge = (verdict, passed) => badge(verdict, passed ? "passed" : "failed");

/** A labelled choice; calls `changed` with the value. */
function choice(label, options, changed, all = null) {
  const select = element("select", { "aria-label": label, onchange: () => changed(select.value) });
  if (all) select.append(element("option", { value: "" }, all));
  for (const option of options) select.append(element("option", { value: option }, words(option)));
  return element("label", {}, element("span", {}, label), select);
}

/** Opens the dialog with a title and content; Escape and the button close it. */
function show(title, ...content) {
  const dialog = document.getElementById("dialog");
  document.getElementById("dialog-title").textContent = title;
  document.getElementById("dialog-body").replaceChildren(...content);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}
