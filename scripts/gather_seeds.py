"""Joins the seeds of all corpora: drops duplicates, benchmark overlap and what is excluded, cuts the rest into shards."""

import logging

from selfalign.adapter import run
from selfalign.decontaminate import Contamination
from selfalign.errors import UserError
from selfalign.stage import funnel
from selfalign.unique import RowFiles, ShardsWriter, Uniqueness, folder_of, keep_unique

logger = logging.getLogger(__name__)


def main(
    corpora: list[str],
    benchmarks: list[str],
    near_duplicates: dict,
    decontaminate: dict,
    limit: int | None,
    exclude: dict[str, list[str]],
    shards: list[str],
    rejected: str,
    counts: str,
) -> None:
    """Writes the shards: contiguous ranges of the sorted ids, equal to within one row.

    Args:
        corpora: files of seeds, one a corpus.
        benchmarks: files that no seed may overlap.
        near_duplicates, decontaminate: the config's `seeds.near_duplicates` and `seeds.decontaminate`.
        limit: keep the unique seeds with the lowest ids, at most so many; ids are hashes, so that is a random draw.
        exclude: the config's `seeds.exclude`. What it takes out is taken out last: nothing comes in its place, neither a
            near-duplicate nor a seed beyond the limit, so that no seed is new.
        shards: output files, in order.

    Raises:
        EmptyStageError: no seed is left.
        UserError: fewer seeds than shards.
    """
    judge = Uniqueness(near_duplicates, Contamination.from_files(benchmarks, decontaminate["ngram"]), ignore_case=False)
    with (
        RowFiles(corpora) as files,
        ShardsWriter("seeds", folder=folder_of(shards), rejected=rejected, counts=counts) as writer,
    ):
        unique = keep_unique(files, lambda row: row["code"], judge, writer, limit)
        seeds = []
        for place in unique:
            row = files.row(place)
            if why := excluded(row, exclude):
                writer.reject(row, "excluded", why)
            else:
                seeds.append(place)
        if 0 < len(seeds) < len(shards):
            raise UserError(
                f"{len(seeds)} seeds are left for {len(shards)} shards: "
                + ", ".join(f"{number} {reason}" for reason, number in sorted(writer.rejected.items())),
                where="seeds.shards",
                fix=f"set seeds.shards to {len(seeds)} or less, or give more corpora",
            )
        for path, places in zip(shards, cut(seeds, len(shards)), strict=True):
            with writer.shard(path):
                for place in places:
                    writer.keep(files.row(place))
    logger.info("seeds: %s", funnel(writer.counts()))


def excluded(seed: dict, exclude: dict[str, list[str]]) -> str:
    """Which entry of `seeds.exclude` names a seed, or an empty string."""
    origin = seed["origin"]
    named = {
        "seeds": seed["id"],
        "packages": origin.get("package"),
        "corpora": origin.get("corpus"),
        "licences": seed["licence"],
    }
    return next((f"{kind}: {name}" for kind, name in named.items() if name in exclude[kind]), "")


def cut(items: list, parts: int) -> list[list]:
    """`items` in `parts` contiguous pieces whose lengths differ by at most one."""
    return [items[len(items) * part // parts : len(items) * (part + 1) // parts] for part in range(parts)]


if "snakemake" in globals():
    run(
        main,
        snakemake,
        corpora=list(snakemake.input.corpora),
        benchmarks=list(snakemake.input.benchmarks),
        near_duplicates=snakemake.params.near_duplicates,
        decontaminate=snakemake.params.decontaminate,
        limit=snakemake.params.limit,
        exclude=snakemake.params.exclude,
        shards=list(snakemake.output.shards),
        rejected=snakemake.output.rejected,
        counts=snakemake.output.counts,
    )
