"""Time, tokens and memory, from usage files and Snakemake's benchmark files."""

import csv
from collections import Counter, defaultdict
from pathlib import Path

from selfalign.io import read_json
from selfalign.report.paths import owner

RULES = {"verdicts": "validate_responses"}
"""Rule of a stage whose name is not `generate_` and the stage's."""

ORDER = ("concepts", "tasks", "responses", "verdicts", "completions")


def usage_rows(usage_files: list[str], memory: dict[str, float]) -> list[dict]:
    """Cost by stage and generator or evaluated model, summed over shards and benchmarks.

    Args:
        memory: peak resident memory in MB by rule.

    Returns:
        Rows with `stage`, `owner`, `requests`, `reused`, `prompt_tokens`, `cached_share` and `tokens_per_second` (output;
        None where nothing was generated), `output_tokens`, `seconds`, `engine_start_seconds`, `memory_mb`.
    """
    totals: dict[tuple[str, str], Counter] = defaultdict(Counter)
    for path in usage_files:
        figures = {key: value for key, value in read_json(path).items() if isinstance(value, int | float)}
        totals[Path(path).parent.name, owner(path)[1]].update(figures)
    order = {stage: number for number, stage in enumerate(ORDER)}
    return [
        {"stage": stage, "owner": name, **cost(total), "memory_mb": memory.get(RULES.get(stage, f"generate_{stage}"))}
        for (stage, name), total in sorted(totals.items(), key=lambda item: (order.get(item[0][0], 99), item[0]))
    ]


def cost(total: Counter) -> dict:
    prompt, output, seconds = total["prompt_tokens"], total["output_tokens"], total["seconds"]
    return {
        **{key: total[key] for key in ("requests", "reused", "prompt_tokens", "output_tokens", "seconds")},
        "cached_share": total["cached_prompt_tokens"] / prompt if prompt else None,
        "tokens_per_second": output / seconds if output and seconds else None,
        "engine_start_seconds": total.get("engine_start_seconds"),
    }


def job_rows(folder: Path) -> list[dict]:
    """Cost by rule: `rule`, `jobs`, `seconds` (together), `longest` (seconds), `memory_mb` (of the largest)."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for path in sorted(folder.rglob("*.tsv")):
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        with open(path, newline="", encoding="utf-8") as stream:
            found[rule] += [
                (number(row["s"]), number(row["max_rss"])) for row in csv.DictReader(stream, delimiter="\t")
            ]
    return [
        {
            "rule": rule,
            "jobs": len(jobs),
            "seconds": sum(seconds for seconds, _ in jobs),
            "longest": max(seconds for seconds, _ in jobs),
            "memory_mb": max(memory for _, memory in jobs),
        }
        for rule, jobs in sorted(found.items())
        if jobs
    ]


def number(text: str | None) -> float:
    """A figure of a benchmark file, which says "-" or "NA" for a job that ended before it was measured."""
    try:
        return float(text or "")
    except ValueError:
        return 0.0
