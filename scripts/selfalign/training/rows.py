"""Pair rows become token ids and labels.

Prompt and completion are tokenised apart and joined, so the prompt's ids are exactly those that an engine makes of the
evaluation prompt (see :mod:`selfalign.chat`); TRL gets finished `input_ids` and `labels` and adds nothing to them.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from selfalign.chat import ChatTemplate
from selfalign.stage import StageWriter

logger = logging.getLogger(__name__)

IGNORED = -100
"""Label of a token that the loss leaves out: torch's and transformers' convention."""


@dataclass(frozen=True)
class EncodedRow:
    """Token ids of prompt and completion; `labels` has the same length, :data:`IGNORED` over the prompt."""

    id: str
    input_ids: list[int]
    prompt_tokens: int

    @property
    def labels(self) -> list[int]:
        return [IGNORED] * self.prompt_tokens + self.input_ids[self.prompt_tokens :]

    @property
    def completion_tokens(self) -> int:
        return len(self.input_ids) - self.prompt_tokens


def encode_row(template: ChatTemplate, row: dict) -> EncodedRow:
    """Token ids of a pair row (`id`, `instruction`, `response`)."""
    prompt = template.prompt_ids(row["instruction"])
    completion = template.completion_ids(row["response"])
    return EncodedRow(row["id"], prompt + completion, len(prompt))


def encode_rows(
    template: ChatTemplate, rows: Iterable[dict], max_tokens: int, writer: StageWriter | None = None
) -> tuple[list[EncodedRow], int]:
    """The rows that fit into `max_tokens`, and how many did not. Longer rows are dropped, never cut: a cut row has no
    end token and teaches the model not to stop.

    Args:
        writer: keeps account of kept and dropped rows, when given.
    """
    kept: list[EncodedRow] = []
    dropped = 0
    for row in rows:
        encoded = encode_row(template, row)
        tokens = len(encoded.input_ids)
        fits = tokens <= max_tokens
        if fits:
            kept.append(encoded)
        else:
            dropped += 1
        if writer:
            writer.read()
            if fits:
                counts = {"tokens": tokens, "completion_tokens": encoded.completion_tokens}
                writer.keep({"id": encoded.id, **counts})
            else:
                writer.reject(row, "too_long", f"{tokens} tokens, recipe.max_tokens is {max_tokens}")
    return kept, dropped


def to_dataset(rows: list[EncodedRow]):
    """A `datasets.Dataset` with the columns `input_ids` and `labels`, held in memory."""
    import pyarrow as pa
    from datasets import Dataset

    kind = pa.list_(pa.int32())
    columns = {
        "input_ids": pa.array([row.input_ids for row in rows], kind),
        "labels": pa.array([row.labels for row in rows], kind),
    }
    return Dataset(pa.table(columns))
