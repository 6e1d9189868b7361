// The explorer of pairs: search and filters over all listed pairs, and the lineage of those that the page carries.

async function startExplorer(host) {
  const data = await load("pairs");
  if (!data.ids.length) return;
  const names = Object.keys(data.columns);
  const rows = data.ids.map((id, number) => {
    const row = { number, id, title: data.titles[number], concepts: data.concepts[number] };
    for (const name of names) row[name] = data.columns[name].values[data.columns[name].codes[number]];
    row.opens = number in data.places ? "whole lineage" : "summary";
    return row;
  });
  const state = { search: "" };
  const table = await makeTable(host.querySelector(".grid"), "Pairs", [
    openColumn("task", "title", open, { widthGrow: 4 }), textColumn("concept group", "concept_group", { minWidth: 110 }),
    textColumn("category", "category", { minWidth: 90 }), textColumn("corpus", "corpus", { minWidth: 100 }),
    textColumn("licence", "licence", { minWidth: 110 }), textColumn("opens", "opens", { minWidth: 110 }),
  ], rows);

  function refresh() {
    const search = state.search.toLowerCase();
    const wanted = Object.entries(state).filter(([name, value]) => value && name !== "search");
    const matches = (row) => wanted.every(([name, value]) => row[name] === value)
      && (!search || `${row.title} ${row.concepts} ${row.id}`.toLowerCase().includes(search));
    const active = search || wanted.length;
    if (active) table.setFilter(matches);
    else table.clearFilter();
    const found = active ? rows.filter(matches).length : rows.length;
    host.querySelector(".count").textContent = `${amount(found)} of ${amount(rows.length)} pairs match.`;
  }

  let waiting = 0;
  const search = element("input", { type: "search", oninput: () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.search = search.value.trim(); refresh(); }, 150);
  } });
  const choices = [...names, "opens"].map((name) => {
    const options = name === "opens" ? ["whole lineage", "summary"] : [...data.columns[name].values].sort();
    return choice(words(name), options, (value) => { state[name] = value; refresh(); }, "all");
  });
  host.querySelector(".filters").replaceChildren(
    element("label", { class: "search" }, element("span", {}, "Search tasks, concepts, ids"), search), ...choices);
  refresh();

  async function open(row) {
    const link = `#pair/${row.id}`;
    history.replaceState(null, "", link);
    const place = data.places[row.number];
    show(row.title, ...(place ? lineage((await load(`lineages-${place[0]}`))[place[1]]) : brief(row)));
  }

  function fromAddress() {
    const id = location.hash.startsWith("#pair/") ? location.hash.slice(6) : "";
    const row = id && rows.find((candidate) => candidate.id === id);
    if (row) open(row);
  }
  window.addEventListener("hashchange", fromAddress);
  fromAddress();
}

/** What is known of a pair whose lineage did not fit into the page. */
function brief(row) {
  return [
    element("p", {}, `The page carries the whole lineage of a sample only. This command prints it for any pair:`),
    box(`.venv/bin/python scripts/lineage.py --pair ${row.id}`, false),
    element("p", {}, `Concepts: ${row.concepts || "none"}`),
    element("p", {}, badge(row.category), badge(row.difficulty), badge(row.concept_group), badge(row.corpus), badge(row.licence), badge(row.verdict)),
  ];
}

function lineage(entry) {
  const { pair, seed } = entry;
  const from = pair.lineage;
  const step = (title, ...content) => element("section", { class: "step" }, element("h3", {}, title), ...content);
  return [
    element("p", { class: "badges" }, badge(from.category), badge(from.difficulty), verdictBadge(from.verdict, from.verdict === "passed"),
      badge(`licence ${from.licence}`), badge(`dataset ${entry.dataset}`), badge(`generator ${from.generator}`)),
    step("1. Seed: a function from real code",
      element("p", {}, entry.origin.map(([key, value]) => `${key} ${value}`).join(" · ")), box(seed.code)),
    step("2. Concepts", element("p", { class: "badges" }, from.concepts.map((concept) => badge(concept)))),
    step("3. Task", box(pair.instruction, false)),
    step(`4. ${entry.samples.length === 1 ? "One sample and its verdict" : `${entry.samples.length} samples and their verdicts`}`,
      element("p", {}, entry.why), entry.samples.map((sample) => sampleBox(sample, sample.id === from.response_id))),
    step("5. Ids", element("p", { class: "hash" }, `pair ${pair.id} · response ${from.response_id} · task ${from.task_id} · concepts `
      + `${from.concepts_id} · seed ${from.seed_id} · model ${from.model} ${from.revision}`)),
  ];
}

function sampleBox(sample, chosen) {
  const { verdict } = sample;
  return element("details", { class: chosen ? "chosen" : "", open: chosen },
    element("summary", {}, verdictBadge(verdict.verdict, verdict.passed), ` sample ${sample.sample} `, chosen ? element("b", {}, "chosen ") : "",
      element("span", { class: "dim" }, `${verdict.checks_passed} of ${verdict.checks_run} checks held${verdict.reason ? `: ${verdict.reason}` : ""}`)),
    element("h4", {}, "What a student is shown"), box(sample.text, false),
    element("h4", {}, "Its solution"), box(sample.solution), element("h4", {}, "Its tests"), box(sample.tests),
    verdict.stderr_tail ? element("h4", {}, "Standard error") : null, verdict.stderr_tail ? box(verdict.stderr_tail, false) : null);
}
