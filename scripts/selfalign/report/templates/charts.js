// Draws the Vega-Lite charts in the page, as wide as there is room. `ast`: expressions are interpreted, never compiled.

/** The specification with the width of its host, down to what its labels need. */
function fitted(specification, room) {
  const spec = structuredClone(specification);
  const narrow = room < 700;
  for (const panel of spec.vconcat ?? [spec]) {
    const wide = panel.width;
    panel.width = Math.max(150, Math.min(wide, room - (narrow ? 200 : 860 - wide)));
    // Notes beside the bars have no room on a phone; the table below has the same figures.
    if (narrow && panel.layer) panel.layer = panel.layer.filter((layer) => layer.mark.type !== "text");
  }
  if (narrow) spec.config = { ...spec.config, padding: { left: 4, right: 12, top: 5, bottom: 5 } };
  return spec;
}

async function drawCharts() {
  for (const [name, specification] of Object.entries(CHARTS)) {
    const host = document.getElementById(`chart-${name}`);
    const room = host.clientWidth;
    if (!room || Number(host.dataset.room) === room) continue;
    host.dataset.room = room;
    const options = { actions: false, ast: true, renderer: "svg", mode: "vega-lite" };
    await vegaEmbed(host, fitted(specification, room), options);
    const drawing = host.querySelector("svg");
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", host.dataset.label);
    drawing.querySelectorAll("[role], [aria-label], [aria-roledescription]").forEach((part) => {
      for (const attribute of ["role", "aria-label", "aria-roledescription"]) part.removeAttribute(attribute);
    });
  }
}
