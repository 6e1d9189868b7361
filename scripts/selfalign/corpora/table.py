"""Rows of a table on the hub at a revision, or in a file: what corpora of kinds `commits` and `instructions` share."""

from collections.abc import Iterator
from typing import Any

from selfalign.corpora import hub, jsonl


def rows(name: str, spec: dict, columns: tuple[str, ...]) -> Iterator[tuple[str, Any, str]]:
    """(place, row, what is wrong with it) of every row, in the order of files and rows; a row that is wrong is {}.

    Args:
        name: the corpus' name in the config, for messages.
        spec: its config, with `dataset`, `revision` and `files`, or `path` and `sha256`.
        columns: the keys of the config that name columns.
    """
    files = hub.fetched(name, spec) if spec["dataset"] else [(path := jsonl.checked_path(name, spec), path.name)]
    for path, file in files:
        if file.endswith(hub.PARQUET_SUFFIX):
            found = ((place, row, "") for place, row in hub.parquet_rows(path, file, name, spec, columns))
        else:
            found = jsonl.parsed(path, file)
        for place, row, problem in found:
            if not problem and not isinstance(row, dict):
                problem = "not an object with columns"
            yield place, {} if problem else row, problem
