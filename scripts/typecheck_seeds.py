"""Drops seeds in which the type checker finds an error."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from selfalign.adapter import run
from selfalign.io import read_jsonl
from selfalign.mining.typecheck import CheckerFailed, check_surely, self_test
from selfalign.progress import counted
from selfalign.stage import StageWriter, funnel

logger = logging.getLogger(__name__)

BATCH_ROWS = 400
TIMEOUT = 900.0  # seconds a batch, of which a usual one needs about ten


def main(seeds: str, kept: str, rejected: str, counts: str, threads: int) -> None:
    """Writes the seeds without type errors, in their order; `threads` checkers run side by side.

    Raises:
        InfrastructureError: the checker does not work at all.
    """
    self_test()
    with StageWriter("typecheck", kept=kept, rejected=rejected, counts=counts) as writer:
        total = sum(1 for _ in read_jsonl(seeds))
        for row, verdict in counted(verdicts(read_jsonl(seeds), threads), total, "functions"):
            writer.read()
            if isinstance(verdict, CheckerFailed):
                writer.fail(row, "no_verdict", str(verdict))
            elif verdict:
                writer.reject(row, "type_error", verdict)
            else:
                writer.keep(row)
    logger.info("type check: %s", funnel(writer.counts()))


def verdicts(rows: Iterator[dict], threads: int) -> Iterator[tuple[dict, str | CheckerFailed | None]]:
    """Every row with its verdict, in order; rows of one id (the same code) are checked once a batch."""
    with ThreadPoolExecutor(threads) as pool:
        while group := list(islice(rows, BATCH_ROWS * threads)):
            size = -(-len(group) // threads)  # a small corpus is spread over all threads too
            batches = [group[start : start + size] for start in range(0, len(group), size)]
            texts = [{row["id"]: row["code"] for row in batch} for batch in batches]
            for batch, found in zip(batches, pool.map(lambda part: check_surely(part, TIMEOUT), texts), strict=True):
                yield from ((row, found[row["id"]]) for row in batch)


if "snakemake" in globals():
    run(
        main,
        snakemake,
        seeds=snakemake.input.seeds,
        kept=snakemake.output.kept,
        rejected=snakemake.output.rejected,
        counts=snakemake.output.counts,
        threads=snakemake.threads,
    )
