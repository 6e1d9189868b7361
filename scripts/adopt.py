"""Takes rows over from what a shard's rows already hold: a role of a method that no model has to play."""

import importlib
import logging
from collections.abc import Callable

from selfalign.adapter import run
from selfalign.io import read_jsonl
from selfalign.stage import StageWriter, funnel
from selfalign.stages.adoption import STEPS
from selfalign.stages.parsing import Rejected

logger = logging.getLogger("selfalign.adopt")

Step = Callable[[dict, dict], dict | Rejected]


def main(step: str, role: str, rows: str, settings: dict, kept: str, rejected: str, counts: str) -> None:
    """Writes a row, or a reason, for every row of a shard.

    Args:
        step: a name of :data:`selfalign.stages.adoption.STEPS`, or the module of a method that has the function `adopt`.
        role: "tasks" or "responses"; its reasons are the step's.
        settings: of the role, from config.
    """
    function: Step = STEPS.get(step) or importlib.import_module(f"selfalign.methods.{step}").adopt
    parents = list(read_jsonl(rows))
    with StageWriter(role, kept=kept, rejected=rejected, counts=counts, allow_empty=not parents) as out:
        for row in parents:
            out.read()
            made = function(row, settings)
            if isinstance(made, Rejected):
                out.reject(row, made.reason, made.detail)
            else:
                out.keep(made)
    logger.info("%s: %s", role, funnel(out.counts()))


if "snakemake" in globals():
    run(
        main,
        snakemake,
        step=snakemake.params.step,
        role=snakemake.rule.removeprefix("adopt_"),
        rows=snakemake.input.rows,
        settings=snakemake.params.settings,
        **dict(snakemake.output.items()),
    )
