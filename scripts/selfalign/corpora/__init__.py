"""Sources of code. Every kind yields the same two things: source files, and files passed over with a reason."""

from collections.abc import Iterator

from selfalign.corpora import directory, hub, jsonl, pypi
from selfalign.corpora.base import Limits, RejectedFile, SourceFile

READERS = {"pypi": pypi.read, "directory": directory.read, "jsonl": jsonl.read, "hub": hub.read}
"""Kind of corpus -> `read(name, spec, folder, limits)`; a new kind is a module with such a function and a line here."""


def read_corpus(name: str, spec: dict, folder: str | None, limits: Limits) -> Iterator[SourceFile | RejectedFile]:
    """Every file of a corpus, in an order that depends on its content alone.

    Args:
        name: the corpus' name in the config, for messages.
        spec: its config.
        folder: what `fetch_corpus.py` unpacked (kind `pypi`), else None.
        limits: bounds that a file must keep.

    Raises:
        UserError: the corpus does not exist or cannot be read as what it is said to be.
    """
    return READERS[spec["kind"]](name, spec, folder, limits)
