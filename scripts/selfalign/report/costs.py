"""Time, tokens and memory, from usage files and Snakemake's benchmark files."""

import csv
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median

from selfalign.io import read_json
from selfalign.report.paths import owner
from selfalign.usage import differ

RULES = {"verdicts": "validate_responses"}
"""Rule of a stage whose name is not `generate_` and the stage's."""

ORDER = ("concepts", "tasks", "responses", "tests", "verdicts", "completions")


def usage_rows(usage_files: list[str], memory: dict[str, float]) -> list[dict]:
    """Cost by stage and generator or evaluated model, summed over shards and benchmarks.

    Args:
        memory: peak resident memory in MB by rule.

    Returns:
        Rows with `stage`, `owner`, `requests`, of these `reused` and `made`, `prompt_tokens`, `cached_share` and
        `tokens_per_second` (output; None where nothing was generated), `output_tokens`, `seconds`,
        `engine_start_seconds`, `memory_mb`.
    """
    totals: dict[tuple[str, str], Counter] = defaultdict(Counter)
    for path in usage_files:
        figures = {key: value for key, value in read_json(path).items() if isinstance(value, int | float)}
        figures["gpu_seconds"] = figures.get("gpus", 0) * figures["seconds"]
        totals[Path(path).parent.name, owner(path)[1]].update(figures)
    order = {stage: number for number, stage in enumerate(ORDER)}
    return [
        {"stage": stage, "owner": name, **cost(total), "memory_mb": memory.get(rule_of(stage))}
        for (stage, name), total in sorted(totals.items(), key=lambda item: (order.get(item[0][0], 99), item[0]))
    ]


def versions(usage_files: list[str]) -> list[dict]:
    """The models whose answers were made by more than one version of an engine or server, be it in one stage or in several:
    `model`, `versions` (version -> answers), `work` (version -> what it was asked for, as "generator stage")."""
    found: dict[str, Counter] = defaultdict(Counter)
    work: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in usage_files:
        usage, (_, name) = read_json(path), owner(path)
        model = usage.get("model") or name
        for version, number in usage.get("versions", {}).items():
            found[model][version] += number
            work[model, version].add(f"{name} {Path(path).parent.name}")
    return [
        {
            "model": model,
            "versions": dict(sorted(counted.items())),
            "work": {version: sorted(work[model, version]) for version in sorted(counted)},
        }
        for model, counted in sorted(found.items())
        if differ(counted)
    ]


def rule_of(stage: str) -> str:
    """The rule that does a stage's work."""
    return "evolve_tasks" if stage.startswith("evolved-") else RULES.get(stage, f"generate_{stage}")


def cost(total: Counter) -> dict:
    prompt, output, seconds = total["prompt_tokens"], total["output_tokens"], total["seconds"]
    return {
        **{
            key: total[key]
            for key in ("requests", "reused", "made", "prompt_tokens", "output_tokens", "seconds", "gpu_seconds")
        },
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


def shard_usage(usage_files: list[str]) -> dict[tuple[str, str], dict]:
    """(rule, job as :func:`slowest` names it) -> figures of one shard, as :func:`cost` gives them for a stage."""
    found = {}
    for path in map(Path, usage_files):
        stage = path.parent.name
        names = [owner(str(path))[1], *([path.parents[1].name] if stage == "completions" else [])]
        figures = {key: value for key, value in read_json(path).items() if isinstance(value, int | float)}
        job = ", ".join([*names, path.name.removesuffix(".usage.json")])
        found[RULES.get(stage, f"generate_{stage}"), job] = cost(Counter(figures))
    return found


def slowest(folder: Path, usage_files: list[str], most: int = 50) -> list[dict]:
    """The jobs that took longest: `rule`, `job` (generator and shard …), `seconds`, `memory_mb`, `ratio` to the median
    job of their rule (None for a rule's only job), and `usage`, see :func:`shard_usage` (None for other rules)."""
    found, usage = [], shard_usage(usage_files)
    for path in sorted(folder.rglob("*.tsv")):
        parts = path.relative_to(folder).with_suffix("").parts
        with open(path, newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                figures = {"seconds": number(row["s"]), "memory_mb": number(row["max_rss"])}
                found.append({"rule": parts[0], "job": ", ".join(parts[1:]), **figures})
    of_rule: dict[str, list[float]] = defaultdict(list)
    for job in found:
        of_rule[job["rule"]].append(job["seconds"])
    for job in found:
        middle = median(of_rule[job["rule"]])
        job["ratio"] = job["seconds"] / middle if len(of_rule[job["rule"]]) > 1 and middle else None
        job["usage"] = usage.get((job["rule"], job["job"]))
    return sorted(found, key=lambda job: (-job["seconds"], job["rule"], job["job"]))[:most]


def totals(usage: list[dict], jobs: list[dict], trainings: dict[str, dict]) -> dict:
    """Of the whole run: `job_seconds` (all jobs together), `prompt_tokens`, `cached_share`, `output_tokens`, `requests`,
    `reused`, `made`, `gpu_hours` (training and generation on GPUs; None where no file names a GPU)."""
    keys = ("requests", "reused", "made", "prompt_tokens", "output_tokens")
    sums = {key: sum(row[key] for row in usage) for key in keys}
    cached = sum((row["cached_share"] or 0) * row["prompt_tokens"] for row in usage)
    gpu = [row["gpu_seconds"] for row in usage if row.get("gpu_seconds")]
    gpu += [seconds for run in trainings.values() if (seconds := training_gpu_seconds(run))]
    return {
        **sums,
        "job_seconds": sum(row["seconds"] for row in jobs),
        "cached_share": cached / sums["prompt_tokens"] if sums["prompt_tokens"] else None,
        "gpu_hours": sum(gpu) / 3600 if gpu else None,
    }


def training_gpu_seconds(run: dict) -> float:
    """Seconds of a training, times the GPUs that shared it; 0 on a CPU."""
    return 0 if run["device"].startswith("CPU") else run["processes"] * run.get("seconds", 0)


def efficiency(folder: Path) -> tuple[list[str], list[list[str]]]:
    """(header, rows) of the newest efficiency report that the SLURM plugin left in a folder; empty without one."""
    files = sorted(folder.glob("efficiency_report*.csv"), key=lambda path: path.stat().st_mtime)
    if not files:
        return [], []
    with open(files[-1], newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    return (rows[0], rows[1:]) if rows else ([], [])


def number(text: str | None) -> float:
    """A figure of a benchmark file, which says "-" or "NA" for a job that ended before it was measured."""
    try:
        return float(text or "")
    except ValueError:
        return 0.0
