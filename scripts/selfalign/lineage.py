"""From a pair back to its seed, and from a seed, a package or a licence to every pair that came of it.

Reads the files of a run, nothing else. Lineages never cross shards, so one shard of each stage is enough for a pair.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from selfalign.errors import UserError
from selfalign.io import read_jsonl

SHORTEST_ID = 6
"""Characters of an id that are enough to ask for it, if only one row begins with them."""


class Run:
    """The results of a run.

    Args:
        folder: `results`.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise UserError(
                f"there is no {self.folder}", where=str(self.folder), fix="name the run's folder with --results"
            )

    def pairs(self) -> Iterator[tuple[str, str, dict]]:
        """(dataset, "train" or "held_out", pair) of every dataset."""
        for path in sorted(self.folder.glob("datasets/*/*.jsonl")):
            if path.stem in ("train", "held_out"):
                yield from ((path.parent.name, path.stem, pair) for pair in read_jsonl(path))

    def pair(self, start: str) -> tuple[list[str], dict]:
        """The datasets that hold a pair, and the pair, by its id or the beginning of it."""
        if len(start) < SHORTEST_ID:
            raise UserError(f"{start!r} is too short: {SHORTEST_ID} characters of an id are needed", where="--pair")
        found: dict[str, tuple[list[str], dict]] = {}
        for dataset, part, pair in self.pairs():
            if pair["id"].startswith(start):
                found.setdefault(pair["id"], ([], pair))[0].append(f"{dataset} ({part})")
        if len(found) != 1:
            what = f"{len(found)} pairs begin with {start}: {', '.join(sorted(found))}" if found else f"no pair {start}"
            raise UserError(what, where=str(self.folder / "datasets"), fix="ids are in train.jsonl and held_out.jsonl")
        return found.popitem()[1]

    def path(self, pair: dict) -> dict:
        """Everything that led to a pair: `seed`, `concepts`, `task`, and all `samples` of the task with their verdicts.

        Returns:
            Rows as the stages wrote them; None where a stage's file is gone.
        """
        lineage = pair["lineage"]
        shard = self._shard(lineage["seed_id"])
        own = lineage["generator"]

        def rows(stage: str, key: str, value: str, generator: str = own) -> list[dict]:
            paths = self.folder.glob(f"generators/{generator}/{stage}/{shard}.jsonl")
            return [row for path in paths for row in read_jsonl(path) if row.get(key) == value]

        verdicts = {row["response_id"]: row for row in rows("verdicts", "task_id", lineage["task_id"])}
        samples = [
            {"response": row, "verdict": verdicts.get(row["id"]), "chosen": row["id"] == lineage["response_id"]}
            for row in self._answers(rows, lineage)
        ]
        seed = [row for path in self._seed_files(shard) for row in read_jsonl(path) if row["id"] == lineage["seed_id"]]
        return {
            "seed": (seed or [None])[0],
            "concepts": (rows("concepts", "id", lineage.get("concepts_id"), "*") or [None])[0],
            "task": (rows("unique_tasks", "id", lineage["task_id"], "*") or [None])[0],
            "samples": sorted(samples, key=lambda sample: sample["response"]["sample"]),
            "pair": pair,
        }

    @staticmethod
    def _answers(rows: Callable[[str, str, str], list[dict]], lineage: dict) -> list[dict]:
        """The samples of a pair's task: with the tests that were written for them, where the pair has such."""
        tested = rows("tests", "task_id", lineage["task_id"])
        if any(row["id"] == lineage["response_id"] for row in tested):
            return tested
        return rows("responses", "task_id", lineage["task_id"])

    def _shard(self, seed_id: str) -> str | None:
        """The shard that a seed is in: they are contiguous ranges of ids."""
        for path in self._seed_files("*-of-*"):
            first = next(iter(read_jsonl(path)), None)
            if first and first["id"] <= seed_id and any(row["id"] == seed_id for row in read_jsonl(path)):
                return path.stem
        return None

    def _seed_files(self, shard: str | None) -> Iterator[Path]:
        """The files of a shard's seeds, of every kind."""
        for folder in ("seeds/shards", "seeds/*/shards"):
            yield from self.folder.glob(f"{folder}/{shard}.jsonl")

    def descendants(self, **wanted: str) -> Iterator[tuple[str, str, dict]]:
        """(dataset, part, pair) of every pair whose seed fits.

        Args:
            wanted: `seed`, `package`, `corpus` or `licence` -> what it must be; a seed's id may be its beginning.
        """
        for dataset, part, pair in self.pairs():
            lineage, origin = pair["lineage"], pair["lineage"]["origin"]
            has = {"package": origin.get("package"), "corpus": origin.get("corpus"), "licence": lineage["licence"]}
            if all(
                lineage["seed_id"].startswith(value) if kind == "seed" else has[kind] == value
                for kind, value in wanted.items()
            ):
                yield dataset, part, pair
