"""The records of a benchmark's file, which is JSON Lines, one JSON list, or Parquet."""

import io
import json
from collections.abc import Iterator
from typing import Any

from selfalign.errors import UserError


def read_records(data: bytes, kind: str, where: str) -> Iterator[tuple[str, Any]]:
    """Each record with the words for its place ("line 3").

    Raises:
        UserError: the bytes are none of these formats.
    """
    if data.startswith(b"PAR1"):
        yield from _parquet(data, kind, where)
    elif data.lstrip()[:1] == b"[" and (records := _list(data)) is not None:
        yield from ((f"record {number}", record) for number, record in enumerate(records, 1))
    else:
        for number, line in enumerate(io.BytesIO(data), 1):
            if line.strip():
                yield f"line {number}", _json(line, f"line {number}", kind, where)


def _json(text: bytes, place: str, kind: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise _not_own(f"{place} is not JSON: {error}", kind, where) from None


def _list(data: bytes) -> list | None:
    """The list that the whole text is; None where each line is a list, or the text no JSON."""
    try:
        records = json.loads(data)
    except ValueError:
        return None
    return records if records and all(isinstance(record, dict) for record in records) else None


def _parquet(data: bytes, kind: str, where: str) -> Iterator[tuple[str, Any]]:
    import pyarrow
    from pyarrow import parquet

    try:
        records = parquet.read_table(pyarrow.BufferReader(data)).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise _not_own(f"the Parquet file can't be read: {error}", kind, where) from None
    yield from ((f"row {number}", record) for number, record in enumerate(records, 1))


def _not_own(what: str, kind: str, where: str) -> UserError:
    return UserError(what, where=where, fix=f"give a file in {kind}'s own format")
