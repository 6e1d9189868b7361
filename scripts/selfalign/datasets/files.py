"""Parquet form of a dataset's splits."""

import pyarrow
from pyarrow import parquet

from selfalign.io import atomic, dumps

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
                    ("licence", TEXT),
                    ("origin", TEXT),  # as JSON: what it holds depends on the kind of corpus
                    ("model", TEXT),
                    ("revision", TEXT),
                ]
            ),
        ),
    ]
)


def write_parquet(path: str, pairs: list[dict]) -> None:
    """Writes pairs under one fixed schema, so that an empty split has columns too and equal rows give equal bytes."""
    rows = [{**pair, "lineage": {**pair["lineage"], "origin": dumps(pair["lineage"]["origin"])}} for pair in pairs]
    with atomic(path, "wb") as stream:
        parquet.write_table(pyarrow.Table.from_pylist(rows, schema=SCHEMA), stream, compression="zstd")
