"""Corpus kind `commits`: a table of commits such as CommitPackFT, from the hub at a revision or from a file.

A row is a commit that changes one file: the message, and the file before and after.
"""

from collections.abc import Iterator
from typing import Any

from selfalign.corpora import table
from selfalign.corpora.base import join_licences

COLUMNS = (
    "commit_column", "message_column", "path_column", "before_column", "after_column", "repository_column", "licence_column",
)  # fmt: skip


def read(name: str, spec: dict) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(place, row, what is wrong with it) of every commit, in the order of files and rows.

    Keys of a row are those of :data:`COLUMNS` less `_column`; of several repositories that have the commit it names the
    first, and a licence for each row where the config states one for all.
    """
    for place, row, problem in table.rows(name, spec, COLUMNS):
        yield place, {} if problem else as_commit(row, spec), problem


def as_commit(row: dict, spec: dict) -> dict[str, Any]:
    """A row under this project's names."""
    found = {key.removesuffix("_column"): row.get(spec[key]) for key in COLUMNS if spec[key]}
    found["repository"] = str(found.get("repository") or "").split(",")[0].strip()
    found["licence"] = join_licences(found["licence"] if spec["licence_column"] else spec["licence"])
    return found
