"""Writes the report page, its figures, the scores as CSV, and the summary that `make run` prints."""

import logging
from pathlib import Path

from selfalign.adapter import run
from selfalign.io import write_text
from selfalign.report import figures, page
from selfalign.report.collect import collect
from selfalign.report.scores import scores_csv, summary

logger = logging.getLogger("selfalign")


def main(config: dict, inputs: dict[str, list[str]], benchmarks: str, outputs: dict[str, str]) -> None:
    """Makes the report.

    Args:
        config: as resolved.
        inputs: files by kind, see :func:`selfalign.report.collect.collect`.
        benchmarks: folder of Snakemake's benchmark files.
        outputs: html, summary, scores (CSV), and the figures funnel, scores_figure, loss (SVG).
    """
    content = collect(config, inputs, Path(benchmarks))
    drawings = {
        "funnel": figures.funnel_figure(content["funnels"]),
        "scores_figure": figures.scores_figure(content["scores"]),
        "loss": figures.loss_figure(content["trainings"]),
    }
    html = page.render(content, drawings)
    for name, drawing in drawings.items():
        write_text(outputs[name], drawing)
    write_text(outputs["scores"], scores_csv(content["scores"]))
    write_text(outputs["summary"], summary(content["scores"], content["warnings"], outputs["html"]))
    write_text(outputs["html"], html)
    logger.info("report: %s", outputs["html"])


if "snakemake" in globals():
    run(
        main,
        snakemake,
        config=snakemake.params.config,
        inputs={name: [files] if isinstance(files, str) else list(files) for name, files in snakemake.input.items()},
        benchmarks="results/run/benchmarks",
        outputs=dict(snakemake.output.items()),
    )
