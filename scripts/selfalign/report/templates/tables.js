// Tables that are searched, sorted and leafed through: Tabulator, with texts as texts and a button in each row.

/** A column of text. */
const textColumn = (title, field, more = {}) => ({ title, field, formatter: "plaintext", ...more });

/** The column whose button opens the row. */
function openColumn(title, field, open, more = {}) {
  const formatter = (cell) => {
    const row = cell.getData();
    return element("button", { type: "button", class: "open", onclick: () => open(row) }, String(cell.getValue()));
  };
  return { title, field, formatter, minWidth: 220, ...more };
}

/** Tabulator on a host, with its paging spoken to screen readers. */
function makeTable(host, label, columns, rows) {
  return new Promise((done) => {
    // The paging stands beside the grid, not in it: a grid's children are rows.
    const id = `${host.parentElement.id}-paging`;
    document.getElementById(id)?.remove();
    host.after(element("div", { id, class: "paging", role: "group", "aria-label": `Pages of ${label}` }));
    const table = new Tabulator(host, {
      data: rows, columns, layout: "fitColumns", responsiveLayout: false, footerElement: `#${id}`, pagination: true, paginationSize: 15,
      paginationButtonCount: 3, paginationCounter: "rows", movableColumns: false, headerSortElement: "<span>↕</span>",
      placeholder: "Nothing matches.", height: false, columnDefaults: { headerHozAlign: "left", resizable: false, tooltip: false },
    });
    table.on("tableBuilt", () => {
      host.setAttribute("aria-label", label);
      const holder = host.querySelector(".tabulator-tableholder");
      holder.setAttribute("role", "rowgroup");
      holder.firstElementChild.setAttribute("role", "presentation");
      done(table);
    });
  });
}
