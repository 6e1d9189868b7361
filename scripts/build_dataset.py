"""Chooses one response a task by policy, drops duplicates and benchmark overlap, splits, and writes pairs and card."""

import logging
from collections import Counter

from selfalign.adapter import run
from selfalign.datasets.assemble import PairJudge, shard_pairs
from selfalign.datasets.card import write_card
from selfalign.datasets.files import write_parquet
from selfalign.decontaminate import Contamination
from selfalign.errors import EmptyStageError
from selfalign.io import read_json
from selfalign.rows import draw
from selfalign.stage import funnel, merge_counts
from selfalign.unique import ShardsWriter, folder_of

logger = logging.getLogger("selfalign")

SMALLEST_SPLIT = 10  # pairs; from here on a held-out share above 0 holds at least one


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
) -> None:
    """Writes a dataset's splits as JSON Lines and Parquet, the rejected rows, the counts and the card.

    Args:
        name: of the dataset.
        spec: its config.
        generators: name of the generator of each entry of `shards`.
        shards: paths of the stages seeds, concepts, unique_tasks, responses, verdicts, one entry a generator and shard.
        verdict_counts: counts files of the verdicts, checked before anything is read.
        benchmarks: files that no pair may overlap.
        models: manifests of the models that generated.

    Raises:
        EmptyStageError: no response qualifies under the policy; the message holds the verdicts.
    """
    merge_counts(verdict_counts)
    verdicts: Counter[str] = Counter()
    judge = PairJudge(spec["near_duplicates"], Contamination.from_files(benchmarks, spec["decontaminate"]["ngram"]))
    with ShardsWriter("datasets", folder=folder_of([train]), rejected=rejected, counts=counts) as writer:
        candidates = []
        for generator, paths in zip(generators, shards, strict=True):
            for pair, chosen in shard_pairs(paths, generator, spec["policy"], verdicts):
                writer.read()
                if chosen:
                    candidates.append(pair)
                else:
                    writer.reject(pair, "not_selected", f"policy {spec['policy']}")
        if not candidates:
            raise nothing_qualifies(name, spec["policy"], verdicts)
        pairs = []
        for pair in sorted(candidates, key=lambda row: row["id"]):
            reason, detail = judge.judge(pair)
            if not reason and spec["limit"] is not None and len(pairs) >= spec["limit"]:
                reason = "over_limit"
            if reason:
                writer.reject(pair, reason, detail)
            else:
                pairs.append(pair)
        writer.extra = {
            **{f"contaminated: {benchmark}": n for benchmark, n in sorted(judge.contaminated.items())},
            **{f"verdict: {verdict}": n for verdict, n in sorted(verdicts.items())},
        }
        splits = split(pairs, spec["held_out"])
        for path, part in zip((train, held_out), splits, strict=True):
            with writer.shard(path):
                for pair in part:
                    writer.keep(pair)
    write_parquet(train_parquet, splits[0])
    write_parquet(held_out_parquet, splits[1])
    figures = read_json(counts)
    write_card(card, name, spec, splits, figures, [read_json(model) for model in models])
    logger.info("dataset %s: %s", name, funnel(figures))


def split(pairs: list[dict], share: float) -> tuple[list[dict], list[dict]]:
    """(train, held out). A pair's side hangs on its own id, so it stays where it is when pairs are added."""
    held_out = {pair["id"] for pair in pairs if draw(pair["id"], "split") < share}
    if share and not held_out and len(pairs) >= SMALLEST_SPLIT:
        held_out = {min((pair["id"] for pair in pairs), key=lambda key: draw(key, "split"))}
    return [pair for pair in pairs if pair["id"] not in held_out], [pair for pair in pairs if pair["id"] in held_out]


def nothing_qualifies(name: str, policy: str, verdicts: Counter) -> EmptyStageError:
    seen = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.most_common()) or "there are no responses"
    return EmptyStageError(
        f"no response qualifies under policy {policy!r}, so nothing is kept; the verdicts: {seen}",
        where=f"datasets.{name}.policy",
        fix="read some rows of results/generators/*/verdicts to see why; more seeds or samples, easier tasks, clearer "
        "examples or higher sandbox limits give more",
    )


if "snakemake" in globals():
    given = snakemake.input
    stages = ("seeds", "concepts", "unique_tasks", "responses", "verdicts")
    columns = zip(*(list(given[stage]) for stage in stages), strict=True)
    run(
        main,
        snakemake,
        name=snakemake.wildcards.dataset,
        spec=snakemake.params.spec,
        generators=snakemake.params.generators,
        shards=[dict(zip(stages, paths, strict=True)) for paths in columns],
        verdict_counts=list(given.counts),
        benchmarks=list(given.benchmarks),
        models=list(given.models),
        **dict(snakemake.output.items()),
    )
