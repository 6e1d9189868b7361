"""What earlier runs in this folder took: usage files, counts, training records. Only where something was really made."""

from collections import Counter
from pathlib import Path

import yaml

from selfalign.io import read_json
from selfalign.plan.assumptions import GENERATION, Assumptions

ROUNDS = ("tasks", "evolved-*")
"""Folders of tasks: written from seeds, or round by round from other tasks."""
MINIMUM_REQUESTS = 16
"""Fewer answers than this say nothing about a rate."""


def with_generation(found: Assumptions, folder: Path) -> Assumptions:
    """The assumptions of a generator with what `results/generators/NAME` tells of it: speed, tokens, yields."""
    tokens, prompts, kept = dict(found.tokens), dict(found.prompt_tokens), dict(found.kept)
    total: Counter[str] = Counter()
    for stage in GENERATION[:4]:
        folders = ROUNDS if stage == "tasks" else (stage,)
        usage = summed(folder, *(f"{name}/*.usage.json" for name in folders))
        if usage["made"] >= MINIMUM_REQUESTS:
            tokens[stage] = usage["output_tokens"] / usage["made"]
            if usage["prompt_tokens"]:
                prompts[stage] = usage["prompt_tokens"] / usage["made"]
            total += usage
        counts = summed(folder, *(f"{name}/*.counts.json" for name in folders))
        if counts["in"]:
            kept[stage] = counts["kept"] / counts["in"]
    unique = summed(folder, "unique_tasks.counts.json")
    if unique["in"]:
        kept["unique_tasks"] = unique["kept"] / unique["in"]
    if tokens != found.tokens:
        found = found.with_measured("tokens", tokens).with_measured("prompt_tokens", prompts)
    if kept != found.kept:
        found = found.with_measured("kept", kept)
    found = with_rate(found, total, folder, "*/*.usage.json")
    verdicts = summed(folder, "verdicts/*.usage.json")
    if verdicts["executed"] >= MINIMUM_REQUESTS and verdicts["cpu_seconds"]:
        found = found.with_measured("execution_seconds", verdicts["cpu_seconds"] / verdicts["executed"])
    return found


def with_completions(found: Assumptions, folder: Path) -> Assumptions:
    """The assumptions of a candidate with what `results/evaluation/NAME` tells of its answers to benchmarks."""
    pattern = "*/completions/*.usage.json"
    usage = summed(folder, pattern)
    if usage["made"] < MINIMUM_REQUESTS:
        return found
    tokens = {**found.tokens, "completions": usage["output_tokens"] / usage["made"]}
    return with_rate(found.with_measured("tokens", tokens), usage, folder, pattern)


def with_rate(found: Assumptions, usage: Counter, folder: Path, pattern: str) -> Assumptions:
    """The assumptions with the speed of an engine, and with its start by the usage files of a pattern."""
    if not (usage["output_tokens"] and usage["seconds"]):
        return found
    starts = [seconds for path in folder.glob(pattern) if (seconds := engine_start(path)) is not None]
    found = found.with_measured("tokens_per_second", usage["output_tokens"] / usage["seconds"])
    return found.with_measured("engine_start_seconds", sum(starts) / len(starts)) if starts else found


def with_pairs(found: Assumptions, dataset_counts: Path) -> Assumptions:
    """The assumptions with the share of tasks that became pairs, from a dataset's counts."""
    if not dataset_counts.is_file():
        return found
    counts = read_json(dataset_counts)
    tasks = counts.get("extra", {}).get("tasks", 0)
    return found.with_measured("kept", {**found.kept, "pairs": counts["kept"] / tasks}) if tasks else found


def with_training(found: Assumptions, record: Path) -> Assumptions:
    """The assumptions with the speed of one device and the length of a pair, from a checkpoint's training.json."""
    if not record.is_file():
        return found
    figures = read_json(record)
    if figures.get("tokens_per_second"):
        rate = figures["tokens_per_second"] / figures["processes"]
        found = found.with_measured("training_tokens_per_second", rate)
    return found.with_measured("pair_tokens", figures["row_tokens"] / figures["rows"])


def engine_start(path: Path) -> float | None:
    """Seconds that a job's engine took to start; None where none was started."""
    usage = read_json(path)
    return usage.get("engine_start_seconds") if usage.get("made") else None


def summed(folder: Path, *patterns: str) -> Counter:
    """Sums of the numbers in JSON files."""
    total: Counter[str] = Counter()
    for path in (path for pattern in patterns for path in folder.glob(pattern)):
        total.update({key: value for key, value in read_json(path).items() if isinstance(value, int | float)})
    return total


def same_seeds(results: Path, seeds: dict) -> bool:
    """Whether the earlier run looked for seeds as `seeds` of a resolved config says: shards and limit apart, which don't
    change what is found. True where it left no config."""
    path = results / "run" / "config.yaml"
    if not path.is_file():
        return True
    earlier = yaml.safe_load(path.read_text(encoding="utf-8"))["seeds"]
    keys = (earlier.keys() | seeds.keys()) - {"shards", "limit"}
    return all(earlier.get(key) == seeds.get(key) for key in keys)


def seeds_found(results: Path) -> int | None:
    """Seeds that an earlier run kept before the limit, or None."""
    path = results / "seeds" / "seeds.counts.json"
    if not path.is_file():
        return None
    counts = read_json(path)
    return counts["kept"] + counts["rejected"].get("over_limit", 0)


def weight_bytes(resources: Path, model: str) -> int | None:
    """Size of a model's weights, when it has been fetched."""
    folder = resources / "models" / model
    return sum(path.stat().st_size for path in folder.glob("*.safetensors")) or None
