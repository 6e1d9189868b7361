"""Runs every response of one shard against its tests in the sandbox, and writes one verdict row for each."""

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from selfalign.adapter import run
from selfalign.io import read_json, read_jsonl, write_json
from selfalign.journal import Journal
from selfalign.journal_batches import JournalBatches
from selfalign.rows import digest, row_id
from selfalign.sandbox import Limits, Program, Result, Sandbox
from selfalign.sandbox.engines import harness_version
from selfalign.sandbox.program import static_verdict
from selfalign.stage import StageWriter

logger = logging.getLogger(__name__)


def main(
    responses: str,
    image: str,
    limits: dict,
    engine: str,
    journal: str,
    writer: str,
    threads: int,
    verdicts: str,
    rejected: str,
    counts: str,
    usage: str,
) -> None:
    """Judges a shard.

    Args:
        responses: rows with `solution` and `tests`.
        image: the sandbox image's manifest; its folder is the image.
        limits: see :class:`selfalign.sandbox.Limits`.
        engine: "auto", "apptainer" or "bubblewrap".
        journal: folder of the row journal, shared by all generators: the same program is executed once.
        writer: name of this writer in the journal.
        threads: programs that run at the same time.
        verdicts, rejected, counts, usage: output files. Every response has a row in `verdicts`, passed or not.

    Raises:
        InfrastructureError: the machine is at fault; no response is failed for that.
    """
    started = time.monotonic()
    rows = list(read_jsonl(responses))
    limits = Limits(**limits)
    image_digest = read_json(image)["digest"]
    programs = {_key(row, image_digest, limits): Program(row["solution"], row["tests"]) for row in rows}
    results = {key: result for key, program in programs.items() if (result := static_verdict(program))}
    spent = {"requests": len(rows), "without_execution": len(results), "duplicates": len(rows) - len(programs)}
    with Journal(journal, writer, (row["seed_id"] for row in rows)) as store:
        found = store.load(set(programs) - set(results))
        results |= {key: Result(**fields) for key, fields in found.items()}
        todo = {key: program for key, program in programs.items() if key not in results}
        spent |= {"reused": len(found), "executed": len(todo), "cpu_seconds": 0.0, "engine": None, "layers": None}
        if todo:
            with Sandbox.open(Path(image).parent, limits, engine, threads) as sandbox, JournalBatches(store) as batches:
                for key, result in zip(todo, sandbox.stream(todo.values()), strict=True):
                    results[key] = result
                    batches.add(key, asdict(result))
                spent |= {"engine": sandbox.engine, "layers": sandbox.layers}
                spent["cpu_seconds"] = round(sandbox.cpu_seconds, 3)
    with StageWriter("verdicts", kept=verdicts, rejected=rejected, counts=counts) as out:
        for row in rows:
            out.read()
            out.keep(_verdict_row(row, results[_key(row, image_digest, limits)]))
        out.extra = _tally(results[_key(row, image_digest, limits)] for row in rows)
    spent["seconds"] = round(time.monotonic() - started, 3)
    write_json(usage, spent)
    logger.info("%d responses: %s", len(rows), ", ".join(f"{key} {value}" for key, value in sorted(out.extra.items())))


def _key(row: dict, image_digest: str, limits: Limits) -> str:
    return digest("verdict", row["solution"], row["tests"], image_digest, limits.as_dict(), harness_version())


def _tally(results: Iterator[Result]) -> dict[str, int]:
    """Responses by verdict."""
    tally: dict[str, int] = {}
    for result in results:
        tally[result.verdict] = tally.get(result.verdict, 0) + 1
    return dict(sorted(tally.items()))


def _verdict_row(row: dict, result: Result) -> dict:
    fields = asdict(result)
    fields.pop("executed")
    return {
        "id": row_id("verdict", row["id"]),
        "response_id": row["id"],
        "task_id": row["task_id"],
        "seed_id": row["seed_id"],
        "passed": result.passed,
        **fields,
    }


if "snakemake" in globals():
    run(
        main,
        snakemake,
        responses=snakemake.input.responses,
        image=snakemake.input.image,
        limits=snakemake.params.limits,
        engine=snakemake.params.engine,
        journal="results/.journal/verdicts",
        writer="_".join(snakemake.wildcards),
        threads=snakemake.threads,
        **{key: snakemake.output[key] for key in ("verdicts", "rejected", "counts", "usage")},
    )
