"""Joins the tables of the report into the content of the page."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import yaml

from selfalign.candidates import arm_of
from selfalign.io import read_json
from selfalign.report import arms, compare, costs, funnel, pairs, problems, published, rates, rejects, scores, tasks
from selfalign.report.packing import chunks, pack
from selfalign.report.warnings import warnings

KINDS = (
    "counts", "usage", "seeds", "unique_tasks", "responses", "verdicts", "pairs", "training", "scores", "manifest",
    "completions", "problems", "earlier",
)  # fmt: skip

LINEAGE_BUDGET, ANSWER_BUDGET = 6_000_000, 3_000_000
"""Characters of packed data: with the libraries, and the list of 100,000 pairs, the page stays under 20 MB."""

LINEAGES_A_CHUNK, ANSWERS_A_CHUNK = 25, 20


def collect(config: dict, inputs: dict[str, list[str]], run: Path) -> dict:
    """The figures of the report by name, which are also its report.json; see the modules for the form of each table.

    Args:
        config: as resolved.
        inputs: files by kind, see :data:`KINDS`. Kinds of which there are no files may be missing.
        run: folder with Snakemake's benchmark files and a cluster's efficiency report.
    """
    of = {kind: list(inputs.get(kind, [])) for kind in KINDS}
    bases = {name: checkpoint["model"] for name, checkpoint in config["checkpoints"].items()}
    results = scores.score_rows(of["scores"], bases, {name: arm_of(config, name) for name in bases})
    against = scores.against_bases(results)
    groups = funnel.funnels(of["counts"])
    jobs = costs.job_rows(run / "benchmarks")
    usage = costs.usage_rows(of["usage"], {row["rule"]: row["memory_mb"] for row in jobs})
    trainings = {record["checkpoint"]: record for record in map(read_json, of["training"])}
    manifest = read_json(of["manifest"][0])
    properties = tasks.properties(of["unique_tasks"], of["seeds"], tasks.groups_of(of["unique_tasks"]))
    passed = rates.pass_rates(properties, of["verdicts"])
    content = {
        "scores": results,
        "headlines": scores.headlines(against),
        "further": scores.further(results),
        "published": published.published(results),
        "warnings": warnings(
            config, results, against, groups, trainings, usage, manifest.get("git", {}), costs.versions(of["usage"])
        ),
        "funnels": groups,
        "contamination": funnel.contamination(groups),
        "duplicates": funnel.duplicates(groups),
        "rates": passed,
        "sources": rates.pair_sources(of["pairs"]),
        "usage": usage,
        "jobs": jobs,
        "slowest": costs.slowest(run / "benchmarks", of["usage"]),
        "totals": costs.totals(usage, jobs, trainings),
        "efficiency": costs.efficiency(run),
        "trainings": trainings,
        "manifest": manifest,
        "config": config,
        "config_text": yaml.safe_dump(config, sort_keys=True, allow_unicode=True),
        "generators": compare.generators(groups, passed, usage),
        "datasets": compare.datasets(config, groups, trainings),
    }
    content["arms"] = arms.arms(config, results, content["generators"], content["datasets"], usage, trainings)
    content["earlier"] = compare.with_earlier(content, read_json(of["earlier"][0]) if of["earlier"] else None)
    return content


def carried(config: dict, inputs: dict[str, list[str]], results: list[dict]) -> tuple[dict[str, str], dict]:
    """(packed data of the page by name, what of it there is): the pairs, lineages, answers and dropped rows that the
    page opens on demand. Takes as much as fits; the numbers say how much that is."""
    of = {kind: list(inputs.get(kind, [])) for kind in KINDS}
    policies = {name: dataset["policy"] for name, dataset in config["datasets"].items()}
    lineages, opened = packed(
        "lineages", pairs.lineages(of["pairs"], of, policies), lambda entry: (entry["dataset"], entry["pair"]["id"]),
        LINEAGES_A_CHUNK, LINEAGE_BUDGET,
    )  # fmt: skip
    answers, answered = packed(
        "answers", problems.answers(results, of["problems"], of["completions"]),
        lambda entry: (entry["benchmark"], entry["task_id"]), ANSWERS_A_CHUNK, ANSWER_BUDGET,
    )  # fmt: skip
    listed = pairs.Listed(of["pairs"], tasks.groups_of(of["unique_tasks"]))
    outcomes = problems.outcomes(results, answered)
    dropped = rejects.examples(of["counts"])
    tables = {"pairs": listed.table(opened), "problems": outcomes, "rejects": dropped}
    return {**{name: pack(table) for name, table in tables.items()}, **lineages, **answers}, {
        "pairs": sum(listed.totals.values()),
        "pairs_listed": len(listed.rows),
        "pairs_opened": len(opened),
        "problems": sum(len(entry["problems"]) for entry in outcomes.values()),
        "answers_opened": len(answered),
        "examples": sorted(dropped),
        "datasets": listed.totals,
    }


def packed(
    name: str, entries: Iterable[dict], key: Callable[[dict], tuple[str, str]], size: int, budget: int
) -> tuple[dict[str, str], dict[tuple[str, str], tuple[int, int]]]:
    """(chunks by name, place (chunk, number in it) of each entry that fitted, by key)."""
    keys: list[tuple[str, str]] = []

    def noted() -> Iterator[dict]:
        for entry in entries:
            keys.append(key(entry))
            yield entry

    data, places = {}, {}
    for chunk, (number, text) in enumerate(chunks(noted(), size, budget)):
        data[f"{name}-{chunk}"] = text
        start = len(places)
        places |= {keys[start + index]: (chunk, index) for index in range(number)}
    return data, places
