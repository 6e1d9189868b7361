"""Runs every response of one shard against its tests in the sandbox, and writes one verdict row for each."""

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict

from selfalign.adapter import run
from selfalign.io import read_jsonl, write_json
from selfalign.journal import Journal
from selfalign.progress import say_reuse
from selfalign.rows import row_id
from selfalign.sandbox import Limits, Program, Result
from selfalign.stage import StageWriter
from selfalign.validation.consensus import agreement
from selfalign.validation.executor import Executor
from selfalign.validation.policy import SKIP, Validation

logger = logging.getLogger(__name__)


def main(
    responses: str,
    image: str,
    limits: dict,
    engine: str,
    require: str,
    validation: dict,
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
        require: "strict" or "standard", see docs/sandbox.md.
        validation: see :class:`selfalign.validation.policy.Validation`.
        journal: folder of the row journal, shared by all generators: the same program is executed once.
        writer: name of this writer in the journal.
        threads: programs that run at the same time.
        verdicts, rejected, counts, usage: output files. Every response has a row in `verdicts`, passed or not.

    Raises:
        InfrastructureError: the machine is at fault; no response is failed for that.
    """
    started = time.monotonic()
    rows = list(read_jsonl(responses))
    policy = Validation(**validation)
    program_of = {row["id"]: Program(row["solution"], row["tests"]) for row in rows}
    with (
        Journal(journal, writer, (row["seed_id"] for row in rows)) as store,
        Executor(image, Limits(**limits), engine, require, store, threads) as executor,
    ):
        first = executor.run(program_of.values(), policy.trials)
        results = {program: policy.after_first(result) for program, result in first.items()}
        seconds: dict[Program, Result] = {}
        if policy.second_run != SKIP:
            seconds = executor.run((program for program, result in results.items() if result.passed), second=True)
        results |= {program: policy.after_second(results[program], second) for program, second in seconds.items()}
        agreed = agreement(rows, results, executor.run) if policy.consensus else {}
    with StageWriter("verdicts", kept=verdicts, rejected=rejected, counts=counts) as out:
        for row in rows:
            out.read()
            program = program_of[row["id"]]
            second = seconds.get(program)
            more = {"second_run": second.verdict if second else None, "consensus": agreed.get(row["id"])}
            out.keep(_verdict_row(row, results[program], more))
        out.extra = _tally(results[program] for program in program_of.values())
    again = reuse(rows, program_of, executor, policy.consensus)
    spent = {"requests": len(rows), **again, "duplicates": len(rows) - len(first), **executor.spent}
    write_json(usage, spent | {"seconds": round(time.monotonic() - started, 3)})
    say_reuse(len(rows), again["reused"], again["made"])
    logger.info("%d responses: %s", len(rows), ", ".join(f"{key} {value}" for key, value in sorted(out.extra.items())))


def reuse(rows: list[dict], program_of: dict[str, Program], executor: Executor, consensus: bool) -> dict[str, int]:
    """Rows for which something was executed now (`made`), and those of whom the journal knew everything (`reused`).

    The others' verdicts are clear without an execution.
    """
    # Where samples judge each other, a row is also made by running its solution against another's tests.
    solutions = {program.solution for program in executor.anew} if consensus else set()
    made = {row["id"] for row in rows if program_of[row["id"]] in executor.anew or row["solution"] in solutions}
    reused = sum(program_of[row["id"]] in executor.known and row["id"] not in made for row in rows)
    return {"reused": reused, "made": len(made)}


def _tally(results: Iterator[Result]) -> dict[str, int]:
    """Responses by verdict."""
    tally: dict[str, int] = {}
    for result in results:
        tally[result.verdict] = tally.get(result.verdict, 0) + 1
    return dict(sorted(tally.items()))


def _verdict_row(row: dict, result: Result, more: dict) -> dict:
    fields = asdict(result)
    fields.pop("executed")
    return {
        "id": row_id("verdict", row["id"]),
        "response_id": row["id"],
        "task_id": row["task_id"],
        "seed_id": row["seed_id"],
        "passed": result.passed,
        **fields,
        **more,
    }


if "snakemake" in globals():
    run(
        main,
        snakemake,
        responses=snakemake.input.responses,
        image=snakemake.input.image,
        limits=snakemake.params.limits,
        engine=snakemake.params.engine,
        require=snakemake.params.require,
        validation=snakemake.params.validation,
        journal="results/.journal/verdicts",
        writer="_".join(snakemake.wildcards),
        threads=snakemake.threads,
        **{key: snakemake.output[key] for key in ("verdicts", "rejected", "counts", "usage")},
    )
