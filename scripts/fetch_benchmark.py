"""Fetches one benchmark and writes its problems in one form."""

import logging
from pathlib import Path

from selfalign.adapter import run
from selfalign.benchmarks.problems import parse_problems
from selfalign.benchmarks.sources import describe, read_source
from selfalign.io import write_jsonl

logger = logging.getLogger(__name__)


def main(name: str, spec: dict, output: str) -> None:
    """Writes the benchmark's rows (see :mod:`selfalign.benchmarks.problems`).

    Args:
        name: the benchmark's name in the config.
        spec: `kind` (see docs/benchmarks.md), `source`, `variant` for a kind that has some, and `tests`,
            sources of other benchmarks, for one that borrows theirs.
        output: JSON Lines file.
    """
    source = spec["source"]
    packages = Path(output).parent / ".packages"
    data = read_source(source, packages)
    tests = [(read_source(other, packages), describe(other)) for other in spec.get("tests", [])]
    count = write_jsonl(output, parse_problems(name, spec, data, describe(source), tests))
    logger.info("%s: %d problems from %s", name, count, describe(source))


if "snakemake" in globals():
    run(
        main,
        snakemake,
        name=snakemake.wildcards.benchmark,
        spec=snakemake.params.spec,
        output=snakemake.output.problems,
    )
