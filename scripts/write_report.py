"""Writes the report: page, figures, scores as CSV, figures as JSON, and the summary that `make run` prints."""

import logging
from pathlib import Path

from selfalign.adapter import run
from selfalign.cards.scores import card_with_scores
from selfalign.io import write_json, write_text
from selfalign.report import figures, page
from selfalign.report.collect import carried, collect
from selfalign.report.packing import clean
from selfalign.report.scores import scores_csv
from selfalign.report.summary import summary

logger = logging.getLogger("selfalign")


def main(config: dict, inputs: dict[str, list[str]], folder: str, outputs: dict) -> None:
    """Makes the report.

    Args:
        config: as resolved.
        inputs: files by kind, see :data:`selfalign.report.collect.KINDS`.
        folder: with Snakemake's benchmark files and a cluster's efficiency report.
        outputs: html, numbers (JSON), summary (Markdown), scores (CSV), the figures scores_figure, funnel, loss (SVG),
            and cards, the model cards with scores in the order of the checkpoints' own in `inputs`.
    """
    content = clean(collect(config, inputs, Path(folder)))
    charts = figures.figures(content)
    data, there = carried(config, inputs, content["scores"])
    html = page.render(content, charts, data, there)
    write_text(outputs["scores_figure"], figures.svg(charts["scores"]))
    for name in ("funnel", "loss"):
        write_text(outputs[name], figures.svg(charts[name]))
    write_json(outputs["numbers"], {**content, "carried": there})
    write_text(outputs["scores"], scores_csv(content["scores"]))
    write_text(outputs["summary"], summary(content, outputs["html"]))
    for card, output in zip(inputs.get("cards", []), outputs.get("cards", []), strict=True):
        text = Path(card).read_text(encoding="utf-8")
        write_text(output, card_with_scores(text, Path(output).stem, content["scores"]))
    write_text(outputs["html"], html)
    logger.info("report: %s, %.1f MB", outputs["html"], len(html.encode()) / 1e6)


if "snakemake" in globals():
    run(
        main,
        snakemake,
        config=snakemake.params.config,
        inputs={name: [files] if isinstance(files, str) else list(files) for name, files in snakemake.input.items()},
        folder="results/run",
        outputs={name: file if isinstance(file, str) else list(file) for name, file in snakemake.output.items()},
    )
