"""Gets a model's weights, tokenizer and config from the first of its sources that works."""

import logging
from pathlib import Path

from selfalign.adapter import run
from selfalign.models.sources import fetch_model

logger = logging.getLogger("selfalign.fetch_model")


def main(name: str, spec: dict, folder: str) -> None:
    """Makes `folder` the model that config entry `name` describes in `spec`; its model.json is written last."""
    manifest = fetch_model(name, spec, folder)
    logger.info("model %s: %d files", name, len(manifest.get("files", {})))


if "snakemake" in globals():
    run(
        main,
        snakemake,
        name=snakemake.wildcards.model,
        spec=snakemake.params.spec,
        folder=str(Path(snakemake.output.manifest).parent),
    )
