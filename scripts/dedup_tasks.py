"""Drops tasks that repeat another task of the same generator or overlap a benchmark, before responses are paid for."""

import logging
from itertools import groupby

from selfalign.adapter import run
from selfalign.decontaminate import Contamination
from selfalign.stage import funnel
from selfalign.unique import RowFiles, ShardsWriter, Uniqueness, first_task, folder_of, keep_unique

logger = logging.getLogger(__name__)


def main(
    tasks: list[str],
    benchmarks: list[str],
    near_duplicates: dict,
    decontaminate: dict,
    unique_tasks: list[str],
    rejected: str,
    counts: str,
) -> None:
    """Writes the unique tasks of every shard, in the shard's own order. Single shards may end up empty, all may not.

    Args:
        tasks: files of tasks, one a shard; or several for each, one round after another, each with a file for every shard.
        benchmarks: files that no task may overlap.
        near_duplicates, decontaminate: the generator's `tasks.near_duplicates` and `tasks.decontaminate`.
        unique_tasks: output files, in the order of `tasks`.

    Raises:
        EmptyStageError: no task is left.
    """
    judge = Uniqueness(near_duplicates, Contamination.from_files(benchmarks, decontaminate["ngram"]), ignore_case=True)
    with (
        RowFiles(tasks) as files,
        ShardsWriter("unique_tasks", folder=folder_of(unique_tasks), rejected=rejected, counts=counts) as writer,
    ):
        unique = keep_unique(files, lambda row: row["instruction"], judge, writer, kin_of=first_task)
        shards = len(unique_tasks)
        in_shards = sorted(unique, key=lambda place: (place.file % shards, place.file, place.offset))
        places = {shard: list(group) for shard, group in groupby(in_shards, key=lambda place: place.file % shards)}
        for number, path in enumerate(unique_tasks):
            with writer.shard(path):
                for place in places.get(number, []):
                    writer.keep(files.row(place))
    logger.info("unique tasks: %s", funnel(writer.counts()))


if "snakemake" in globals():
    run(
        main,
        snakemake,
        tasks=list(snakemake.input.tasks),
        benchmarks=list(snakemake.input.benchmarks),
        near_duplicates=snakemake.params.settings["near_duplicates"],
        decontaminate=snakemake.params.settings["decontaminate"],
        unique_tasks=list(snakemake.output.tasks),
        rejected=snakemake.output.rejected,
        counts=snakemake.output.counts,
    )
