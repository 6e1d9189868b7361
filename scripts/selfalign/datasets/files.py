"""Parquet form of a dataset's splits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow
from pyarrow import parquet

from selfalign.io import atomic, dumps

ROWS_A_GROUP = 10_000
TEXT = pyarrow.string()
SCHEMA = pyarrow.schema(
    [
        ("id", TEXT),
        ("instruction", TEXT),
        ("response", TEXT),
        ("solution", TEXT),
        ("tests", TEXT),
        (
            "lineage",
            pyarrow.struct(
                [
                    *((name, TEXT) for name in ("generator", "response_id", "task_id", "concepts_id", "seed_id")),
                    *((name, TEXT) for name in ("verdict", "category", "difficulty")),
                    ("concepts", pyarrow.list_(TEXT)),
                    ("evolved_from", pyarrow.list_(TEXT)),
                    ("licence", TEXT),
                    ("origin", TEXT),  # as JSON: what it holds depends on the kind of corpus
                    ("model", TEXT),
                    ("revision", TEXT),
                    ("task_model", TEXT),
                    ("tests_model", TEXT),
                ]
            ),
        ),
    ]
)


@contextmanager
def parquet_rows(path: str) -> Iterator[Callable[[dict], None]]:
    """Gives a function that adds a pair to the file; at most ROWS_A_GROUP pairs are held in memory.

    The schema is fixed, so an empty split has columns too, and equal rows give equal bytes.
    """
    waiting: list[dict] = []
    with atomic(path, "wb") as stream, parquet.ParquetWriter(stream, SCHEMA, compression="zstd") as writer:

        def flush() -> None:
            writer.write_table(pyarrow.Table.from_pylist(waiting, schema=SCHEMA))
            waiting.clear()

        def add(pair: dict) -> None:
            waiting.append({**pair, "lineage": {**pair["lineage"], "origin": dumps(pair["lineage"]["origin"])}})
            if len(waiting) == ROWS_A_GROUP:
                flush()

        yield add
        if waiting:
            flush()
