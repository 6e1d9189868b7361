"""A handful of pairs with everything that they descend from."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import islice, zip_longest
from pathlib import Path

from selfalign.io import read_jsonl

LOOKED_AT = 300
"""First pairs of a dataset among which examples are chosen; pairs are sorted by id, hence in random order."""


ORIGIN = ("package", "repository", "version", "revision", "path", "line", "name")
"""Keys of an origin that are shown first."""


def examples(pair_files: list[str], stages: dict[str, list[str]], most: int) -> list[dict]:
    """Pairs of every dataset, of different categories and difficulties: `pair`, `seed`, `origin` [(key, value)], and
    `samples`, which are all responses to the task, each with its `verdict`.

    Args:
        stages: files of the stages seeds, responses, verdicts. Of a stage only those shards are read that an example
            descends from.
        most: number of examples; each dataset has at least one.
    """
    share = max(1, most // max(1, len(pair_files)))
    pairs = [pair for path in pair_files for pair in islice(varied(islice(read_jsonl(path), LOOKED_AT)), share)]
    seeds, shards = find_seeds(stages["seeds"], {pair["lineage"]["seed_id"] for pair in pairs})
    tasks = {pair["lineage"]["task_id"] for pair in pairs}
    files = {
        stage: [path for path in stages[stage] if Path(path).stem in shards] for stage in ("verdicts", "responses")
    }
    verdicts = {row["response_id"]: row for row in pick(files["verdicts"], "task_id", tasks)}
    samples: dict[str, dict[str, dict]] = defaultdict(dict)
    for row in pick(files["responses"], "task_id", tasks):
        samples[row["task_id"]][row["id"]] = {**row, "verdict": verdicts[row["id"]]}
    return [
        {
            "pair": pair,
            "seed": seeds[pair["lineage"]["seed_id"]],
            "origin": origin_items(seeds[pair["lineage"]["seed_id"]]["origin"]),
            "samples": sorted(samples[pair["lineage"]["task_id"]].values(), key=lambda row: (row["sample"], row["id"])),
        }
        for pair in pairs
    ]


def origin_items(origin: dict) -> list[tuple[str, object]]:
    """What is known of a seed's origin, the most telling first."""
    keys = [*(key for key in ORIGIN if key in origin), *sorted(set(origin) - set(ORIGIN))]
    return [(key, origin[key]) for key in keys if origin[key] not in (None, "")]


def varied(pairs: Iterable[dict]) -> Iterable[dict]:
    """The pairs in turns: one of each category and difficulty, then another of each."""
    groups: dict[tuple, list[dict]] = defaultdict(list)
    for pair in pairs:
        groups[pair["lineage"]["category"], pair["lineage"]["difficulty"]].append(pair)
    for turn in zip_longest(*(groups[key] for key in sorted(groups))):
        yield from (pair for pair in turn if pair is not None)


def find_seeds(paths: list[str], wanted: set[str]) -> tuple[dict[str, dict], set[str]]:
    """(seeds by id, names of the shards that they are in)."""
    seeds, shards = {}, set()
    for path in paths:
        for row in pick([path], "id", wanted - set(seeds)):
            seeds[row["id"]] = row
            shards.add(Path(path).stem)
    return seeds, shards


def pick(paths: list[str], key: str, values: set[str]) -> list[dict]:
    return [row for path in paths for row in read_jsonl(path) if row[key] in values] if values else []
