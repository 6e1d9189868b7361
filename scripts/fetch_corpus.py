"""Downloads the pinned packages of a corpus and unpacks their Python files; `corpus.json` is written last."""

import logging
from pathlib import Path

from selfalign.adapter import run
from selfalign.corpora import pypi

logger = logging.getLogger(__name__)


def main(corpus: str, spec: dict, folder: str) -> None:
    """Fetches corpus `corpus` (kind `pypi`, config `spec`) into `folder`."""
    manifest = pypi.fetch(corpus, spec["packages"], folder)
    files = sum(package["files"] for package in manifest["packages"])
    logger.info("corpus %s: %d packages, %d Python files", corpus, len(manifest["packages"]), files)


if "snakemake" in globals():
    run(
        main,
        snakemake,
        corpus=snakemake.wildcards.corpus,
        spec=snakemake.params.spec,
        folder=str(Path(snakemake.output.manifest).parent),
    )
