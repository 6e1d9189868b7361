"""Fetches one benchmark and writes its problems in one form."""

import logging
from hashlib import sha256
from pathlib import Path

from selfalign.adapter import run
from selfalign.benchmarks.base import open_benchmark
from selfalign.benchmarks.problems import parse_problems, release_of
from selfalign.benchmarks.sources import describe, read_source
from selfalign.io import write_json, write_jsonl

logger = logging.getLogger(__name__)


def main(name: str, spec: dict, output: str, about: str) -> None:
    """Writes the benchmark's rows (see :mod:`selfalign.benchmarks.problems`).

    Args:
        name: the benchmark's name in the config.
        spec: `kind` (see docs/benchmarks.md), `source`, `variant` for a kind that has some, and `tests`,
            sources of other benchmarks, for one that borrows theirs.
        output: JSON Lines file.
        about: JSON file that says what was read: `source` in words, `sha256` of its uncompressed bytes, `release` where these
            are a known one's, and the same of each of `tests`.
    """
    source = spec["source"]
    packages = Path(output).parent / ".packages"
    data = read_source(source, packages)
    tests = [(read_source(other, packages), describe(other)) for other in spec.get("tests", [])]
    lent = [{"source": where, "sha256": sha256(text).hexdigest()} for text, where in tests]
    count = write_jsonl(output, parse_problems(name, spec, data, describe(source), tests))
    origin = {"source": describe(source), "sha256": sha256(data).hexdigest()}
    release = release_of(open_benchmark(spec["kind"]), data)
    write_json(about, {**origin, "release": release, **({"tests": lent} if lent else {})})
    logger.info("%s: %d problems from %s", name, count, describe(source))


if "snakemake" in globals():
    run(
        main,
        snakemake,
        name=snakemake.wildcards.benchmark,
        spec=snakemake.params.spec,
        output=snakemake.output.problems,
        about=snakemake.output.about,
    )
