"""Rows that are neither duplicates nor overlap a benchmark: shared by seeds and tasks.

Decisions are made in ascending id order, so that they depend on neither shards, nor files, nor the order in them. Only
ids and places of rows are held, not their texts.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from selfalign.decontaminate import Contamination
from selfalign.io import atomic, dumps, read_jsonl_offsets
from selfalign.near_duplicates import NearDuplicates, exact_key
from selfalign.progress import counted
from selfalign.stage import StageWriter

OPEN_FILES = 100


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a row stands: id, number of its file, offset in bytes."""

    row_id: str
    file: int
    offset: int


class RowFiles:
    """JSON Lines files, read row by row in order of id. Use as a context manager.

    Memory: about 200 bytes a row. At most OPEN_FILES files are open at once, however many shards there are.
    """

    def __init__(self, paths: list[str]):
        self.paths = [str(path) for path in paths]
        self._open: dict[int, BinaryIO] = {}
        self.places = sorted(self._scan())

    def __enter__(self) -> "RowFiles":
        return self

    def __exit__(self, *exc) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def _scan(self) -> Iterator[Place]:
        for number, path in enumerate(self.paths):
            yield from (Place(row["id"], number, offset) for offset, row in read_jsonl_offsets(path))

    def row(self, place: Place) -> dict:
        """The row at a place."""
        if place.file not in self._open:
            if len(self._open) >= OPEN_FILES:
                self._open.pop(next(iter(self._open))).close()
            self._open[place.file] = open(self.paths[place.file], "rb")  # noqa: SIM115 (closed above or at exit)
        stream = self._open[place.file]
        stream.seek(place.offset)
        return json.loads(stream.readline())

    def in_order(self) -> Iterator[tuple[Place, dict]]:
        """Every row by ascending id; rows of one id in order of their content, wherever they stand."""
        for _, group in groupby(self.places, key=lambda place: place.row_id):
            rows = [(place, self.row(place)) for place in group]
            yield from sorted(rows, key=lambda pair: dumps(pair[1])) if len(rows) > 1 else rows


class Uniqueness:
    """Judges rows one after another: exact duplicate, contaminated, near-duplicate, or unique.

    Args:
        near: settings of :class:`NearDuplicates`: threshold, permutations, shingle.
        contamination: the benchmarks.
        ignore_case: whether rows that differ in case alone are exact duplicates.
    """

    def __init__(self, near: dict, contamination: Contamination, *, ignore_case: bool):
        self._near = NearDuplicates(near["threshold"], near["permutations"], near["shingle"])
        self._contamination, self._ignore_case = contamination, ignore_case
        self._exact: dict[bytes, str] = {}
        self.contaminated: Counter[str] = Counter(dict.fromkeys(contamination.tasks, 0))
        """Benchmark -> rows that overlap it; a row that overlaps several counts for each."""

    def judge(self, row_id: str, text: str, kin: str | None = None) -> tuple[str, str]:
        """(reason, detail), or ("", "") for a row that is unique and remembered. A row that overlaps a benchmark is not
        remembered, so it takes no other row with it. Rows of the same `kin` are no near-duplicates of each other."""
        key = exact_key(text, ignore_case=self._ignore_case)
        if key in self._exact:
            return "exact_duplicate", f"of {self._exact[key]}"
        if hits := self._contamination.find_all(text):
            self.contaminated.update(hit.benchmark for hit in hits)
            return "contaminated", "; ".join(map(str, hits))
        if near := self._near.add(row_id, text, kin):
            return "near_duplicate", f"of {near[0]}, similarity {near[1]:.3f}"
        self._exact[key] = row_id
        return "", ""

    def figures(self) -> dict:
        """Figures for the counts file."""
        return {f"contaminated: {name}": number for name, number in sorted(self.contaminated.items())}


class ShardsWriter(StageWriter):
    """A :class:`StageWriter` whose kept rows go to several files, one after another; counts are written last."""

    def __init__(self, stage: str, *, folder: str, rejected: str, counts: str):
        super().__init__(stage, kept=folder, rejected=rejected, counts=counts)

    def __enter__(self) -> "ShardsWriter":
        self._stack = ExitStack()
        self._files = {"rejected": self._stack.enter_context(atomic(self._paths["rejected"]))}
        return self

    @contextmanager
    def shard(self, path: str) -> Iterator[None]:
        """Sends kept rows to `path` while the context lasts."""
        with atomic(path) as stream:
            self._files["kept"] = stream
            yield
        del self._files["kept"]


def first_task(task: dict) -> str:
    """Id of the task that a task was evolved from, over all rounds; its own for one that was not. The versions of one task
    are alike by design, and whether each says something new was asked when it was made: they are kin, not duplicates."""
    return [*task.get("evolved_from", []), task["id"]][0]


def keep_unique(
    files: RowFiles,
    text_of: Callable[[dict], str],
    judge: Uniqueness,
    writer: StageWriter,
    limit: int | None = None,
    kin_of: Callable[[dict], str | None] = lambda row: None,
) -> list[Place]:
    """Judges every row of `files`; rejects go to `writer`, the places of the others are returned by ascending id.

    After `limit` unique rows the rest are rejected as `over_limit` without a look at them.
    """
    unique: list[Place] = []
    for place, row in counted(files.in_order(), len(files.places), "rows"):
        writer.read()
        if limit is not None and len(unique) >= limit:
            writer.reject(row, "over_limit")
            continue
        reason, detail = judge.judge(place.row_id, text_of(row), kin_of(row))
        if reason:
            writer.reject(row, reason, detail)
        else:
            unique.append(place)
    writer.extra = judge.figures()
    return unique


def folder_of(paths: list[str]) -> str:
    """The folder that output files lie in, for messages."""
    return str(Path(paths[0]).parent)
