// Examples of what was thrown away, for the reason that was clicked.

async function showDropped(button) {
  const rows = (await load("rejects"))[button.dataset.dropped] ?? [];
  show(button.dataset.title, element("p", { class: "dim" }, button.dataset.meaning), ...rows.map((row) => element("section", { class: "step" },
    element("p", { class: "hash" }, row.id), row.detail ? element("p", {}, row.detail) : null,
    row.fields.map(([name, text]) => [element("h4", {}, name), box(text, ["code", "solution", "tests"].includes(name))]))));
}
