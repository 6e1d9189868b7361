"""Row journals: what was paid for is never paid for twice.

A journal is a folder of append-only JSON Lines files, one a writer. It lies outside Snakemake's `output:`, which
Snakemake deletes when a job starts or fails. A record's key is a hash of the full request, so a record is used exactly
when the same request is made again, whatever config, generator or shard count asks for it.

Shards are contiguous ranges of seed ids, and a file's name starts with the range of its writer: a reader opens only
files whose range overlaps its own, so that a changed shard count costs a few files and not the whole journal.

A writer that came to its end leaves a list of the keys that it used (`WRITER.used`): what clean-journal keeps.
"""

import json
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from selfalign.io import atomic, dumps, told_when_full

logger = logging.getLogger(__name__)

RANGE_DIGITS = 8
USED_DIGITS = 20
"""Of a key in the lists of used ones: 80 bits, below one expected collision among 10^11 keys."""


def used_file(folder: str | Path, writer: str) -> Path:
    """The list of the keys that a writer's last complete job used, a line each, cut to USED_DIGITS."""
    return Path(folder) / f"{writer}.used"


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
        self._used_path = used_file(folder, writer)
        self._used: set[str] = set()
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
        self._used.update(key[:USED_DIGITS] for key in found)
        return found

    def append(self, records: Iterable[tuple[str, dict]]) -> None:
        """Adds (key, result) records and flushes them to disk before it returns.

        Raises:
            InfrastructureError: the disk is full; a record that is torn for that is passed over later.
        """
        data = b""
        if self._stream is None:
            # Without a buffer, which would be written again when the file is closed on a full disk.
            self._stream = open(self.path, "ab", buffering=0)  # noqa: SIM115 (closed by close())
            if self._stream.tell() and not self._ends_with_newline():
                data = b"\n"
        for key, result in records:
            data += (dumps({"key": key, "result": result}) + "\n").encode()
            self._used.add(key[:USED_DIGITS])
        with told_when_full(self.path):
            while data:
                data = data[self._stream.write(data) :]
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

    def __exit__(self, kind, error, trace) -> None:
        self.close()
        if kind is None:
            with atomic(self._used_path) as stream:
                stream.writelines(f"{key}\n" for key in sorted(self._used))
