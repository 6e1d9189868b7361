"""Reads a table of instructions as seeds of their kind; every row is kept or has its reason."""

import logging

from selfalign.adapter import run
from selfalign.corpora import instruction_table
from selfalign.mining.instructions import judge_instruction
from selfalign.mining.mined import enter
from selfalign.progress import counted
from selfalign.stage import StageWriter, funnel

logger = logging.getLogger("selfalign.mine_instructions")


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
        rows = counted(instruction_table.read(corpus, spec), None, "rows")
        enter(writer, (judge_instruction(corpus, spec, licences, *found) for found in rows))
    logger.info("corpus %s: %s", corpus, funnel(writer.counts()))


if "snakemake" in globals():
    run(
        main,
        snakemake,
        corpus=snakemake.wildcards.corpus,
        spec=snakemake.params.spec,
        licences=snakemake.params.licences,
        **dict(snakemake.output.items()),
    )
