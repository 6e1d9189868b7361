"""What became of every row, from the counts files."""

from collections import Counter, defaultdict

from selfalign.io import read_json
from selfalign.reasons import REASONS
from selfalign.report.paths import owner
from selfalign.stage import merge_counts

# Stage -> (what is done, what comes in, what is kept), in the order of the workflow.
STAGES = {
    "corpus_file": ("Read source files", "files", "files with functions"),
    "mine": ("Mine functions", "functions", "functions"),
    "snippets": ("Take random lines", "snippets", "snippets"),
    "commits": ("Read commits", "commits", "commits"),
    "instructions": ("Read instructions", "rows", "instructions"),
    "typecheck": ("Check types", "functions", "functions"),
    "seeds": ("Deduplicate seeds", "candidates", "seeds"),
    "concepts": ("Name concepts", "seeds", "concept lists"),
    "tasks": ("Write tasks", "concept lists", "tasks"),
    "evolved": ("Evolve tasks", "tasks", "tasks"),
    "unique_tasks": ("Deduplicate tasks", "tasks", "tasks"),
    "responses": ("Answer with tests", "samples", "responses"),
    "tests": ("Write tests", "responses", "responses with tests"),
    "verdicts": ("Run the tests", "responses", "verdicts"),
    "datasets": ("Select pairs", "responses", "pairs"),
    "training": ("Fit the model's window", "pairs", "pairs"),
}
CONTAMINATED = "contaminated: "


def funnels(counts_files: list[str]) -> list[dict]:
    """The stages of the seeds, then of every generator, dataset, checkpoint.

    Returns:
        Groups with `layer`, `name` and `rows`; a row has `stage`, `title`, `unit_in`, `unit_kept`, `in`, `kept`, `share`
        (None where nothing came in), `losses` (`reason`, `meaning`, `rows`, `failed`; most lost first) and `extra`.
    """
    files: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in counts_files:
        files[owner(path)][read_json(path)["stage"]].append(path)
    order = ["seeds", "generator", "dataset", "checkpoint", "candidate"]
    return [
        {"layer": layer, "name": name, "rows": [row(stage, stages[stage]) for stage in STAGES if stage in stages]}
        for (layer, name), stages in sorted(files.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))
    ]


def row(stage: str, paths: list[str]) -> dict:
    total = merge_counts(paths)
    title, unit_in, unit_kept = STAGES[stage]
    losses = [
        {"reason": reason, "meaning": REASONS[stage].get(reason, ""), "rows": number, "failed": failed}
        for failed, counter in ((False, total["rejected"]), (True, total["failed"]))
        for reason, number in counter.items()
        if number
    ]
    return {
        "stage": stage,
        "title": title,
        "unit_in": unit_in,
        "unit_kept": unit_kept,
        "in": total["in"],
        "kept": total["kept"],
        "share": total["kept"] / total["in"] if total["in"] else None,
        "losses": sorted(losses, key=lambda loss: (-loss["rows"], loss["reason"])),
        "extra": total["extra"],
    }


def rows(groups: list[dict]) -> list[tuple[dict, dict]]:
    """(group, row) of all groups."""
    return [(group, entry) for group in groups for entry in group["rows"]]


def label(group: dict) -> str:
    return f"{group['layer']} {group['name']}".strip()


def contamination(groups: list[dict]) -> list[dict]:
    """Rows dropped because they overlap a benchmark, by `benchmark` and `where` (group and what was dropped)."""
    return [
        {
            "benchmark": key.removeprefix(CONTAMINATED),
            "where": f"{label(group)}, {entry['unit_kept']}" if group["name"] else entry["unit_kept"],
            "looked_at": entry["in"],
            "rows": number,
        }
        for group, entry in rows(groups)
        for key, number in sorted(entry["extra"].items())
        if key.startswith(CONTAMINATED)
    ]


def duplicates(groups: list[dict]) -> list[dict]:
    """Rows dropped because they repeat another, by `kind` (the reason) and `where`, with `looked_at` and `rows`."""
    return [
        {
            "kind": loss["reason"].replace("_", " "),
            "where": f"{label(group)}, {entry['unit_kept']}" if group["name"] else entry["unit_kept"],
            "looked_at": entry["in"],
            "rows": loss["rows"],
        }
        for group, entry in rows(groups)
        for loss in entry["losses"]
        if "duplicate" in loss["reason"]
    ]


def failures(groups: list[dict]) -> Counter[str]:
    """Rows that no stage could judge, by stage: the machine's fault, not the row's."""
    found: Counter[str] = Counter()
    for group, entry in rows(groups):
        number = sum(loss["rows"] for loss in entry["losses"] if loss["failed"])
        if number:
            found[f"{label(group)}, {entry['title'].lower()}"] += number
    return found
