"""Reads a table of instructions as seeds of their kind; every row is kept or has its reason."""

import logging

from selfalign.adapter import run
from selfalign.corpora import instruction_table
from selfalign.corpora.base import licence_allowed
from selfalign.progress import counted
from selfalign.rows import row_id
from selfalign.stage import StageWriter, funnel
from selfalign.stages.parsing import invalid_unicode

logger = logging.getLogger("selfalign.mine_instructions")

LANGUAGE = "python"


def main(corpus: str, spec: dict, licences: list[str], kept: str, rejected: str, counts: str) -> None:
    """Writes the rows of corpus `corpus` that ask for something under an allowed licence.

    Args:
        spec: the corpus' config, of kind `instructions`.
        licences: the allow-list.

    Raises:
        EmptyStageError: no row is kept.
        UserError: there is no table, or it can't be read.
    """
    with StageWriter("instructions", kept=kept, rejected=rejected, counts=counts) as writer:
        for place, row, problem in counted(instruction_table.read(corpus, spec), None, "rows"):
            writer.read()
            reason, detail = judge(row, problem, licences)
            seed = as_seed(corpus, spec, place, row)
            if reason:
                writer.reject(seed, reason, detail)
            else:
                writer.keep(seed)
    logger.info("corpus %s: %s", corpus, funnel(writer.counts()))


def judge(row: dict, problem: str, licences: list[str]) -> tuple[str, str]:
    """(reason, detail) of a row that is dropped, ("", "") of one that is kept."""
    if problem:
        return "unreadable", problem
    if not row["licence"] or not licence_allowed(row["licence"], licences):
        return "licence", f"{row['licence'] or 'none'} is stated"
    if not row["instruction"]:
        return "empty", ""
    if detail := invalid_unicode(row["instruction"] + row["answer"]):
        return "invalid_unicode", detail
    return "", ""


def as_seed(corpus: str, spec: dict, place: str, row: dict) -> dict:
    """A seed whose `code`, by which seeds are compared, is the instruction; with its `answer`, "" for none."""
    file, _, line = place.rpartition(":")
    origin = {
        "corpus": corpus, "package": spec["dataset"] or "", "version": spec["revision"] or "", "path": file, "line": int(line),
        "name": "",
    }  # fmt: skip
    instruction, answer = row.get("instruction", ""), row.get("answer", "")
    key = row_id("seed", "instruction", instruction, answer) if row else row_id("instruction", corpus, place)
    return {
        "id": key, "code": instruction, "docstring": "", "language": LANGUAGE, "answer": answer, "origin": origin,
        "licence": row.get("licence", ""),
    }  # fmt: skip


if "snakemake" in globals():
    run(
        main,
        snakemake,
        corpus=snakemake.wildcards.corpus,
        spec=snakemake.params.spec,
        licences=snakemake.params.licences,
        **dict(snakemake.output.items()),
    )
