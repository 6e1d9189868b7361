"""Reads what the other stages wrote, and turns it into the tables of the report."""

import csv
from collections import Counter, defaultdict
from pathlib import Path

from selfalign.io import read_json, read_jsonl
from selfalign.reasons import REASONS
from selfalign.stage import merge_counts

# Stages in the order of the funnel, with what a row of each is.
FUNNEL = {
    "corpus_file": "source files read",
    "mine": "functions mined",
    "typecheck": "functions type-checked",
    "seeds": "seeds",
    "concepts": "seeds asked for concepts",
    "tasks": "concept lists asked for a task",
    "unique_tasks": "tasks",
    "responses": "responses asked for",
    "verdicts": "responses run",
    "datasets": "responses considered as pairs",
    "training": "pairs offered to training",
}


def funnel_rows(counts_files: list[str]) -> list[dict]:
    """One row a stage: `stage`, `what`, `in`, `kept`, `lost` [(reason, meaning, rows)], most lost first."""
    by_stage = defaultdict(list)
    for path in counts_files:
        by_stage[read_json(path)["stage"]].append(path)
    rows = []
    for stage, what in FUNNEL.items():
        if stage not in by_stage:
            continue
        total = merge_counts(by_stage[stage])
        lost = Counter(total["rejected"]) + Counter(total["failed"])
        reasons = [(reason, REASONS[stage].get(reason, ""), number) for reason, number in lost.most_common()]
        row = {"stage": stage, "what": what, "in": total["in"], "kept": total["kept"], "lost": reasons}
        rows.append({**row, "extra": total["extra"]})
    return rows


def usage_rows(usage_files: list[str], memory: dict[str, float]) -> list[dict]:
    """Cost by stage, summed over generators and shards.

    Args:
        memory: peak resident memory in MB by rule.
    """
    totals: dict[str, Counter] = defaultdict(Counter)
    for path in usage_files:
        stage = Path(path).parent.name
        totals[stage].update({key: value for key, value in read_json(path).items() if isinstance(value, int | float)})
    rows = []
    for stage, total in totals.items():
        prompt, seconds = total["prompt_tokens"], total["seconds"]
        rows.append(
            {
                "stage": stage,
                "requests": total["requests"],
                "reused": total["reused"],
                "prompt_tokens": prompt,
                "cached_share": total["cached_prompt_tokens"] / prompt if prompt else None,
                "output_tokens": total["output_tokens"],
                "tokens_per_second": total["output_tokens"] / seconds if seconds and total["output_tokens"] else None,
                "seconds": seconds,
                "engine_start_seconds": total["engine_start_seconds"],
                "memory_mb": memory.get("validate_responses" if stage == "verdicts" else f"generate_{stage}"),
            }
        )
    return rows


def job_costs(folder: Path) -> list[dict]:
    """Time and peak memory by rule, from Snakemake's benchmark files: `rule`, `jobs`, `seconds`, `memory_mb`."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for path in sorted(folder.rglob("*.tsv")):
        with open(path, newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                found[path.relative_to(folder).parts[0].removesuffix(".tsv")].append(
                    (number(row["s"]), number(row["max_rss"]))
                )
    return [
        {"rule": rule, "jobs": len(jobs), "seconds": sum(s for s, _ in jobs), "memory_mb": max(m for _, m in jobs)}
        for rule, jobs in sorted(found.items())
    ]


def number(text: str) -> float:
    """A figure of a benchmark file, which says "-" or "NA" for a job that ended before it was measured."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def score_rows(score_files: list[str], bases: dict[str, str]) -> list[dict]:
    """Results, each checkpoint right after its base model.

    Args:
        bases: checkpoint -> model that it was tuned from.
    """
    results = [read_json(path) for path in score_files]
    order = {name: (bases.get(name, name), name in bases, name) for name in (r["candidate"] for r in results)}
    return sorted(results, key=lambda r: (r["benchmark"], order[r["candidate"]]))


def pass_rates(task_files: list[str], verdict_files: list[str]) -> dict[str, list[dict]]:
    """Pass rate of the responses by `category` and `difficulty` of their task, and the verdicts' numbers."""
    tasks = {row["id"]: (row["category"], row["difficulty"]) for path in task_files for row in read_jsonl(path)}
    groups: dict[str, dict[str, list[int]]] = {
        "category": defaultdict(lambda: [0, 0]),
        "difficulty": defaultdict(lambda: [0, 0]),
    }
    verdicts: Counter[str] = Counter()
    for path in verdict_files:
        for row in read_jsonl(path):
            verdicts[row["verdict"]] += 1
            for kind, name in zip(groups, tasks[row["task_id"]], strict=True):
                groups[kind][name][0] += 1
                groups[kind][name][1] += row["passed"]
    tables = {
        kind: [{"name": name, "rows": rows, "passed": passed} for name, (rows, passed) in sorted(group.items())]
        for kind, group in groups.items()
    }
    return {**tables, "verdict": [{"name": name, "rows": rows} for name, rows in verdicts.most_common()]}


def examples(pair_files: list[str], stages: dict[str, list[str]], most: int) -> list[dict]:
    """A few pairs with everything they descend from: the pair, seed, concepts, and all samples with their verdicts.

    Args:
        stages: files of the stages seeds, concepts, responses, verdicts; read once each, row by row.
    """
    pairs = []
    for path in pair_files:
        pairs += [row for row, _ in zip(read_jsonl(path), range(most), strict=False)]
    pairs = pairs[:most]
    wanted = {pair["lineage"]["task_id"] for pair in pairs}
    seeds = pick(stages["seeds"], "id", {pair["lineage"]["seed_id"] for pair in pairs})
    verdicts = {row["response_id"]: row for row in pick(stages["verdicts"], "task_id", wanted)}
    samples = defaultdict(list)
    for row in pick(stages["responses"], "task_id", wanted):
        samples[row["task_id"]].append({**row, "verdict": verdicts[row["id"]]})
    by_id = {seed["id"]: seed for seed in seeds}
    return [
        {
            "pair": pair,
            "seed": by_id[pair["lineage"]["seed_id"]],
            "samples": sorted(samples[pair["lineage"]["task_id"]], key=lambda row: row["sample"]),
        }
        for pair in pairs
    ]


def pick(paths: list[str], key: str, values: set[str]) -> list[dict]:
    return [row for path in paths for row in read_jsonl(path) if row[key] in values]


def warnings(scores: list[dict], funnel: list[dict], pairs: int, engines: set[str]) -> list[str]:
    """What a reader must know before quoting a number, in plain words."""
    found = []
    if "fake" in engines:
        found.append("The fake backend made these rows up: nothing here says anything about a model.")
    for benchmark in dict.fromkeys(r["benchmark"] for r in scores):
        limited = next((r for r in scores if r["benchmark"] == benchmark and r["problems"] < r["of"]), None)
        if limited:
            found.append(
                f"{benchmark} was evaluated on {limited['problems']} of {limited['of']} problems: its scores can't be "
                "compared with published ones."
            )
    for result in scores:
        comparison = result.get("comparison")
        if comparison and comparison["interval95"][0] <= 0 <= comparison["interval95"][1]:
            found.append(
                f"{result['candidate']} on {result['benchmark']}: the interval of the difference from its base model "
                "includes zero, so this run does not show that tuning changed the score."
            )
    if pairs < FEW_PAIRS:
        found.append(
            f"Only {pairs} pairs were trained on: enough to show that everything runs, not to improve a model."
        )
    for row in funnel:
        if failed := row["extra"].get("infrastructure", 0):
            found.append(f"{failed} rows of stage {row['stage']} could not be judged because the machine failed.")
    return found


FEW_PAIRS = 1000
