"""Draws one response a task by policy, drops duplicates and benchmark overlap, splits, and writes pairs and card."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selfalign.adapter import run
from selfalign.datasets.assemble import in_order, shard_pairs
from selfalign.datasets.card import card_text
from selfalign.datasets.census import Census, ordered
from selfalign.datasets.files import parquet_rows
from selfalign.datasets.judge import PairJudge, keep_unique
from selfalign.datasets.policies import POLICIES
from selfalign.datasets.shown_tests import with_shown_tests
from selfalign.datasets.split import held_out_ids
from selfalign.decontaminate import Contamination
from selfalign.errors import EmptyStageError
from selfalign.io import atomic, dumps, read_json, write_text
from selfalign.progress import counted
from selfalign.stage import StageWriter, funnel, merge_counts
from selfalign.unique import RowFiles, ShardsWriter, folder_of

logger = logging.getLogger("selfalign")


def main(
    name: str,
    spec: dict,
    generators: list[str],
    shards: list[dict[str, str]],
    verdict_counts: list[str],
    benchmarks: list[str],
    models: list[str],
    train: str,
    held_out: str,
    train_parquet: str,
    held_out_parquet: str,
    rejected: str,
    counts: str,
    card: str,
    origins: dict[str, dict] | None = None,
) -> None:
    """Writes a dataset's splits as JSON Lines and Parquet, the rejected rows, the counts and the card.

    Memory: one shard's rows at a time, then the index of near-duplicates (see :class:`NearDuplicates`) and about
    500 bytes a candidate; candidates wait in a file.

    Args:
        name: of the dataset.
        spec: its config.
        generators: name of the generator of each entry of `shards`.
        shards: paths by stage, one entry a generator and shard (:func:`selfalign.methods.layout.dataset_shards`).
        verdict_counts: counts files of the verdicts, checked before anything is read.
        benchmarks: files that no pair may overlap.
        models: manifests of the models that generated.
        origins: generator -> what the card says of it (:func:`selfalign.methods.layout.origin`).

    Raises:
        EmptyStageError: no response qualifies under the policy (the message holds the verdicts), or every candidate
            is a duplicate or overlaps a benchmark.
        UserError: a row descends from one that is not there, or counts don't add up.
    """
    merge_counts(verdict_counts)
    census = Census()
    contamination = Contamination.from_files(benchmarks, spec["decontaminate"]["ngram"])
    judge = PairJudge(spec["near_duplicates"], contamination, spec["unique_names"])
    with (
        ShardsWriter("datasets", folder=folder_of([train]), rejected=rejected, counts=counts) as writer,
        temporary(Path(train).with_name(".candidates.jsonl")) as waiting,
    ):
        write_candidates(waiting, in_order(generators, shards), spec["policy"], writer, census)
        with RowFiles([str(waiting)]) as candidates:
            if not candidates.places:
                raise nothing_qualifies(name, spec["policy"], census)
            unique = keep_unique(candidates, judge, writer, spec["limit"])
            writer.extra = figures(census, judge)
            if unique:
                apart = held_out_ids([place.row_id for place in unique], spec["held_out"])
                sides = {"train": (train, train_parquet), "held_out": (held_out, held_out_parquet)}
                for split, paths in sides.items():
                    places = [place for place in unique if (place.row_id in apart) == (split == "held_out")]
                    pairs = (with_shown_tests(candidates.row(place), spec["shown_tests"]) for place in places)
                    write_split(split, paths, pairs, writer, census)
    found = read_json(counts)
    write_text(card, card_text(name, spec, census, found, [read_json(m) for m in models], origins or {}))
    logger.info("dataset %s: %s", name, funnel(found))


@contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """A path whose file is gone at the end."""
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def write_candidates(
    path: Path, shards: list[tuple[str, dict[str, str]]], policy: str, writer: StageWriter, census: Census
) -> None:
    """Writes the drawn response of every task, as a pair; the other responses are rejected."""
    with atomic(path) as stream:
        for generator, paths in counted(shards, len(shards), "shards"):
            for pair, reason in shard_pairs(paths, generator, POLICIES[policy], census):
                writer.read()
                if reason:
                    writer.reject(pair, reason, f"policy {policy}, verdict {pair['lineage']['verdict']}")
                else:
                    stream.write(dumps(pair) + "\n")


def write_split(
    split: str, paths: tuple[str, str], pairs: Iterable[dict], writer: ShardsWriter, census: Census
) -> None:
    """Writes the pairs of one side to a JSON Lines and a Parquet file, by ascending id."""
    rows, table = paths
    with writer.shard(rows), parquet_rows(table) as add:
        for pair in pairs:
            writer.keep(pair)
            add(pair)
            census.kept(pair, split)


def figures(census: Census, judge: PairJudge) -> dict[str, int]:
    """Further figures for the counts file."""
    return {
        **{f"contaminated: {benchmark}": number for benchmark, number in sorted(judge.contaminated.items())},
        **{f"verdict: {verdict}": number for verdict, number in ordered(census.verdicts)},
        "tasks": census.tasks_by_passes.total(),
        "tasks with a passing response": census.tasks_by_passes[True],
    }


def nothing_qualifies(name: str, policy: str, census: Census) -> EmptyStageError:
    return EmptyStageError(
        f"no response qualifies under policy {policy!r}, so dataset {name!r} would be empty: "
        f"0 kept, {census.funnel_of_verdicts()}",
        where=f"datasets.{name}.policy",
        fix="read some rows of results/generators/*/verdicts to see why; more seeds or samples, easier tasks, clearer "
        "examples or higher sandbox limits give more",
    )


if "snakemake" in globals():
    given = snakemake.input
    run(
        main,
        snakemake,
        name=snakemake.wildcards.dataset,
        spec=snakemake.params.spec,
        generators=[generator for generator, _ in snakemake.params.shards],
        shards=[paths for _, paths in snakemake.params.shards],
        origins=snakemake.params.origins,
        verdict_counts=list(given.counts),
        benchmarks=list(given.benchmarks),
        models=list(given.models),
        **dict(snakemake.output.items()),
    )
