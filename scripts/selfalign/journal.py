"""Row journals: what was paid for is never paid for twice.

A journal is a folder of append-only JSON Lines files, one a writer. It lies outside Snakemake's `output:`, which
Snakemake deletes when a job starts or fails. A record's key is a hash of the full request, so a record is used exactly
when the same request is made again, whatever config, generator or shard count asks for it.

Shards are contiguous ranges of seed ids, and a file's name starts with the range of its writer: a reader opens only
files whose range overlaps its own, so that a changed shard count costs a few files and not the whole journal.
"""

import json
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from selfalign.io import dumps

logger = logging.getLogger(__name__)

RANGE_DIGITS = 8


class Journal:
    """Append-only store of results by key.

    Args:
        folder: the journal's folder; every writer of a stage shares it.
        writer: name of this writer, unique among jobs that run at the same time.
        seed_ids: the ids of the seeds that this job's rows descend from; they decide which files are read.
    """

    def __init__(self, folder: str | Path, writer: str, seed_ids: Iterable[str]):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        prefixes = sorted({seed_id[:RANGE_DIGITS] for seed_id in seed_ids}) or ["0", "0"]
        self._low, self._high = prefixes[0], prefixes[-1]
        self.path = self.folder / f"{self._low}_{self._high}_{writer}.jsonl"
        self._stream = None

    def load(self, keys: set[str], accept: Callable[[dict], bool] = lambda result: True) -> dict[str, dict]:
        """Results of those `keys` that are in the journal, the first of each that `accept` says yes to.

        A torn line (a killed writer's last) is passed over.
        """
        found: dict[str, dict] = {}
        for path in sorted(self.folder.glob("*.jsonl")):
            low, high, _ = path.name.split("_", 2)
            if low > self._high or high < self._low:
                continue
            with open(path, "rb") as stream:
                for line in stream:
                    try:
                        record = json.loads(line)
                        key, result = record["key"], record["result"]
                    except (ValueError, KeyError, TypeError):
                        logger.warning("passing over a torn record in %s", path)
                        continue
                    if key in keys and key not in found and accept(result):
                        found[key] = result
        return found

    def append(self, records: Iterable[tuple[str, dict]]) -> None:
        """Adds (key, result) records and flushes them to disk before it returns."""
        if self._stream is None:
            self._stream = open(self.path, "ab")  # noqa: SIM115 (closed by close())
            if self._stream.tell() and not self._ends_with_newline():
                self._stream.write(b"\n")
        for key, result in records:
            self._stream.write((dumps({"key": key, "result": result}) + "\n").encode())
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def _ends_with_newline(self) -> bool:
        with open(self.path, "rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) == b"\n"

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exc) -> None:
        self.close()
