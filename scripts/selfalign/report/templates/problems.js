// Benchmark problems: two models beside each other, and both answers to one problem.

const OUTCOMES = ["gained", "lost", "both solved it", "neither solved it"];

async function startProblems(host) {
  const data = await load("problems");
  const benchmarks = Object.keys(data);
  if (!benchmarks.length) return;
  const state = { benchmark: benchmarks[0], first: "", second: "", outcome: "" };
  const controls = host.querySelector(".filters");
  const area = host.querySelector(".grid");
  const count = host.querySelector(".count");
  let table = null;

  const entry = () => data[state.benchmark];
  const rows = () => entry().problems.map((problem, number) => {
    const [first, second] = [state.first, state.second].map((name) => entry().results[name][number]);
    const outcome = !first || !second ? "not asked of both"
      : first[0] === second[0] ? OUTCOMES[first[0] ? 2 : 3] : OUTCOMES[first[0] ? 1 : 0];
    return { number, problem, outcome, first: words(first ? first[1] : "–"), second: words(second ? second[1] : "–") };
  });

  async function refresh() {
    const all = rows();
    const found = all.filter((row) => !state.outcome || row.outcome === state.outcome);
    count.textContent = OUTCOMES.map((name) => `${amount(all.filter((row) => row.outcome === name).length)} ${name}`).join(", ")
      + `; ${amount(found.length)} shown.`;
    const columns = [
      openColumn("problem", "problem", open, { minWidth: 140 }), textColumn("outcome", "outcome", { minWidth: 130 }),
      textColumn(state.first, "first", { minWidth: 130 }), textColumn(state.second, "second", { minWidth: 130 }),
    ];
    if (table) table.destroy();
    table = await makeTable(area, "Benchmark problems", columns, found);
  }

  async function open(row) {
    const place = entry().places[row.number];
    if (!place) {
      show(row.problem, element("p", {}, "Its answers did not fit into this page; they are in results/evaluation."));
      return;
    }
    const answer = (await load(`answers-${place[0]}`))[place[1]];
    const side = (name) => {
      const result = entry().results[name][row.number];
      return element("div", {},
        element("h4", { class: "name" }, name), result ? verdictBadge(result[1], result[0]) : null,
        result && result[4] > 1 ? ` ${result[3]} of ${result[4]} samples passed` : "",
        result && result[2] ? element("p", { class: "dim" }, result[2]) : null,
        box(answer.answers[name] ?? "no answer"));
    };
    show(`${row.problem}: ${row.outcome}`,
      element("div", { class: "sides" }, side(state.first), side(state.second)),
      element("h4", {}, "Problem"), box(answer.prompt),
      answer.tests ? element("h4", {}, "Its tests") : null, answer.tests ? box(answer.tests) : null);
  }

  function build() {
    const names = Object.keys(entry().results);
    state.second = names.find((name) => entry().bases[name]) ?? names[names.length - 1];
    state.first = entry().bases[state.second] || names[0];
    if (!names.includes(state.first)) state.first = names[0];
    const pick = (label, key, options, all) => {
      const made = choice(label, options, (value) => {
        state[key] = value;
        if (key === "benchmark") build();
        else refresh();
      }, all);
      made.querySelector("select").value = state[key];
      return made;
    };
    controls.replaceChildren(pick("Benchmark", "benchmark", benchmarks), pick("First model", "first", names),
      pick("Second model", "second", names), pick("Outcome", "outcome", OUTCOMES, "all problems"));
    return refresh();
  }
  await build();
}
