"""How often responses pass, and what the pairs descend from."""

from collections import Counter, defaultdict

from selfalign.datasets.census import PROPERTIES, in_order, ordered, origin_label
from selfalign.io import read_jsonl
from selfalign.report.paths import owner
from selfalign.sandbox.verdicts import VERDICTS
from selfalign.statistics import wilson


def pass_rates(task_files: list[str], verdict_files: list[str]) -> dict[str, list[dict]]:
    """Pass rate of the responses by `category` and `difficulty` of their task and by `generator`, and the `verdict`s.

    Rows of a rate have `name`, `responses`, `passed`, `share`, `low`, `high` (95 %, Wilson, as if responses were
    independent); rows of `verdict` have `name`, `meaning`, `responses`, `share`. Holds two short texts a task.
    """
    tasks = {row["id"]: tuple(row[name] for name in PROPERTIES) for path in task_files for row in read_jsonl(path)}
    groups: dict[str, dict[str, Counter]] = {name: defaultdict(Counter) for name in (*PROPERTIES, "generator")}
    verdicts: Counter[str] = Counter()
    for path in verdict_files:
        generator = owner(path)[1]
        for row in read_jsonl(path):
            verdicts[row["verdict"]] += 1
            for kind, name in zip(groups, (*tasks[row["task_id"]], generator), strict=True):
                groups[kind][name].update(responses=1, passed=int(row["passed"]))
    total = verdicts.total()
    found: dict[str, list[dict]] = {
        kind: [rate(name, group[name]) for name in in_order(group)] for kind, group in groups.items()
    }
    found["verdict"] = [
        {"name": name, "meaning": VERDICTS.get(name, ""), "responses": number, "share": number / total}
        for name, number in ordered(verdicts)
    ]
    return found


def rate(name: str, counter: Counter) -> dict:
    low, high = wilson(counter["passed"], counter["responses"])
    return {"name": name, **counter, "share": counter["passed"] / counter["responses"], "low": low, "high": high}


def pair_sources(pair_files: list[str]) -> dict[str, list[tuple[str, int]]]:
    """Training pairs by `licence` and by `source` of the function that they descend from, most first."""
    licences: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    for path in pair_files:
        for row in read_jsonl(path):
            licences[row["lineage"]["licence"]] += 1
            sources[origin_label(row["lineage"]["origin"])] += 1
    return {"licence": ordered(licences), "source": ordered(sources)}
