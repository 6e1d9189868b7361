"""Joins the tables of the report into the content of the page."""

from pathlib import Path

import yaml

from selfalign.io import read_json
from selfalign.report import costs, examples, funnel, rates, scores
from selfalign.report.warnings import warnings

EXAMPLES = 8


def collect(config: dict, inputs: dict[str, list[str]], benchmarks: Path) -> dict:
    """The page's content by name; see the modules for the form of each table.

    Args:
        config: as resolved.
        inputs: files by kind: counts, usage, seeds, unique_tasks, responses, verdicts, pairs, training, scores, manifest.
            Kinds of which there are no files may be missing.
        benchmarks: folder of Snakemake's benchmark files.
    """
    files = {kind: list(paths) for kind, paths in inputs.items()}
    of = {kind: files.get(kind, []) for kind in KINDS}
    bases = {name: checkpoint["model"] for name, checkpoint in config["checkpoints"].items()}
    results = scores.score_rows(of["scores"], bases)
    groups = funnel.funnels(of["counts"])
    jobs = costs.job_rows(benchmarks)
    usage = costs.usage_rows(of["usage"], {row["rule"]: row["memory_mb"] for row in jobs})
    trainings = {record["checkpoint"]: record for record in map(read_json, of["training"])}
    manifest = read_json(of["manifest"][0])
    return {
        "scores": results,
        "headlines": scores.headlines(results),
        "warnings": warnings(config, results, groups, trainings, usage, manifest.get("git", {})),
        "funnels": groups,
        "contamination": funnel.contamination(groups),
        "rates": rates.pass_rates(of["unique_tasks"], of["verdicts"]),
        "sources": rates.pair_sources(of["pairs"]),
        "examples": examples.examples(of["pairs"], of, EXAMPLES),
        "usage": usage,
        "jobs": jobs,
        "trainings": trainings,
        "manifest": manifest,
        "config": config,
        "config_text": yaml.safe_dump(config, sort_keys=True, allow_unicode=True),
    }


KINDS = (
    "counts", "usage", "seeds", "unique_tasks", "responses", "verdicts", "pairs", "training", "scores", "manifest",
)  # fmt: skip
