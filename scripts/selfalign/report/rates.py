"""How often responses pass, by what was asked, and what the pairs descend from."""

from collections import Counter, defaultdict

from selfalign.datasets.census import in_order, ordered, origin_label
from selfalign.io import read_jsonl
from selfalign.report.paths import owner
from selfalign.report.tasks import in_length_order
from selfalign.sandbox.verdicts import VERDICTS
from selfalign.statistics import wilson

KINDS = {
    "generator": "generator",
    "category": "category of task",
    "difficulty": "difficulty asked for",
    "length": "length of the task",
    "corpus": "corpus of the seed",
    "concept_group": "concept group",
}
"""What rates are counted by -> its title."""


def pass_rates(tasks: dict[str, dict[str, str]], verdict_files: list[str]) -> dict[str, list[dict]]:
    """Pass rate of the responses by every kind of :data:`KINDS`, and the `verdict`s.

    Rows of a rate have `name`, `responses`, `passed`, `share`, `low`, `high` (95 %, Wilson, as if responses were
    independent); rows of `verdict` have `name`, `meaning`, `responses`, `share`.

    Args:
        tasks: properties by task id, see :func:`selfalign.report.tasks.properties`.
    """
    groups: dict[str, dict[str, Counter]] = {kind: defaultdict(Counter) for kind in KINDS}
    verdicts: Counter[str] = Counter()
    for path in verdict_files:
        generator = {"generator": owner(path)[1]}
        for row in read_jsonl(path):
            verdicts[row["verdict"]] += 1
            for kind, name in (tasks[row["task_id"]] | generator).items():
                groups[kind][name].update(responses=1, passed=int(row["passed"]))
    total = verdicts.total()
    found = {kind: [rate(name, group[name]) for name in arranged(kind, group)] for kind, group in groups.items()}
    found["verdict"] = [
        {"name": name, "meaning": VERDICTS.get(name, ""), "responses": number, "share": number / total}
        for name, number in ordered(verdicts)
    ]
    return found


def arranged(kind: str, group: dict[str, Counter]) -> list[str]:
    if kind == "length":
        return in_length_order(group)
    if kind == "concept_group":
        return sorted(group, key=lambda name: (-group[name]["responses"], name))
    return in_order(group)


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
