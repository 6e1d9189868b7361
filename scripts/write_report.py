"""Writes the report page, its figures, the scores as CSV, and the summary that `make run` prints."""

import csv
import io
import logging
from pathlib import Path

import yaml
from markupsafe import Markup

from selfalign.adapter import run
from selfalign.io import read_json, read_jsonl, write_text
from selfalign.report import collect, figures, page

logger = logging.getLogger("selfalign")

EXAMPLES = 8
SCORE_COLUMNS = (
    "benchmark",
    "candidate",
    "base",
    "problems",
    "of",
    "pass_at_1",
    "low",
    "high",
    "gained",
    "lost",
    "p_value",
)


def main(config: dict, inputs: dict[str, list[str]], benchmarks: str, outputs: dict[str, str]) -> None:
    """Makes the report.

    Args:
        config: as resolved.
        inputs: files by kind: counts, usage, seeds, concepts, unique_tasks, responses, verdicts, pairs, training, scores,
            manifest.
        benchmarks: folder of Snakemake's benchmark files.
        outputs: html, summary, scores, and the figures funnel, scores_figure, loss.
    """
    bases = {name: checkpoint["model"] for name, checkpoint in config["checkpoints"].items()}
    scores = collect.score_rows(inputs["scores"], bases)
    funnel = collect.funnel_rows(inputs["counts"])
    jobs = collect.job_costs(Path(benchmarks))
    usage = collect.usage_rows(inputs["usage"], {row["rule"]: row["memory_mb"] for row in jobs})
    trainings = dict(zip(config["checkpoints"], map(read_json, inputs["training"]), strict=True))
    pairs = sum(1 for path in inputs["pairs"] for _ in read_jsonl(path))
    drawings = {
        "funnel": figures.funnel_figure(funnel),
        "scores_figure": figures.scores_figure(scores, bases),
        "loss": figures.loss_figure(trainings),
    }
    engines = {model["engine"] for model in config["models"].values()}
    warnings = collect.warnings(scores, funnel, pairs, engines)
    html = page.render(
        warnings=warnings,
        scores=scores,
        funnel=funnel,
        rates=collect.pass_rates(inputs["unique_tasks"], inputs["verdicts"]),
        examples=collect.examples(inputs["pairs"], inputs, EXAMPLES),
        pairs=pairs,
        usage=usage,
        jobs=jobs,
        trainings=trainings,
        manifest=read_json(inputs["manifest"][0]),
        config=yaml.safe_dump(config, sort_keys=True, allow_unicode=True),
        funnel_figure=Markup(drawings["funnel"]),
        scores_figure=Markup(drawings["scores_figure"]),
        loss_figure=Markup(drawings["loss"]),
    )
    for name, drawing in drawings.items():
        write_text(outputs[name], drawing)
    write_text(outputs["scores"], scores_csv(scores, bases))
    write_text(outputs["summary"], summary(scores, warnings, outputs["html"]))
    write_text(outputs["html"], html)
    logger.info("report: %s", outputs["html"])


def scores_csv(scores: list[dict], bases: dict[str, str]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, SCORE_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for result in scores:
        comparison = result.get("comparison", {})
        writer.writerow(
            {
                **{key: result[key] for key in ("benchmark", "candidate", "problems", "of", "pass_at_1")},
                "base": bases.get(result["candidate"], ""),
                "low": result["interval95"][0],
                "high": result["interval95"][1],
                **{key: comparison.get(key, "") for key in ("gained", "lost", "p_value")},
            }
        )
    return stream.getvalue()


def summary(scores: list[dict], warnings: list[str], html: str) -> str:
    """The table of scores as plain text, with the path of the report."""
    rows = [("benchmark", "model", "problems", "pass@1", "95 % interval")]
    rows += [
        (
            r["benchmark"], r["candidate"], f"{r['problems']} of {r['of']}", page.percent(r["pass_at_1"]),
            f"{page.percent(r['interval95'][0])} – {page.percent(r['interval95'][1])}",
        )
        for r in scores
    ]  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(["", *lines, "", *(f"Note: {warning}" for warning in warnings), "", f"Report: {html}", ""])


if "snakemake" in globals():
    run(
        main,
        snakemake,
        config=snakemake.params.config,
        inputs={name: [files] if isinstance(files, str) else list(files) for name, files in snakemake.input.items()},
        benchmarks="results/run/benchmarks",
        outputs=dict(snakemake.output.items()),
    )
