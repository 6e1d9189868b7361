"""The row of a task (docs/data.md), for all methods that make some."""

from collections.abc import Sequence

from selfalign.rows import row_id

UNSTATED = "unstated"
"""Category or difficulty of a task that was not written for a drawn one."""


def task_row(
    parent: dict,
    instruction: str,
    *content: str,
    seed_id: str,
    concepts_id: str | None = None,
    concepts: Sequence[str] = (),
    category: str = UNSTATED,
    difficulty: str = UNSTATED,
    language: str = "python",
    **more,
) -> dict:
    """A task that was made from `parent`, a row of any kind.

    Args:
        content: what beside instruction and parent makes it another task, such as an answer that it brings.
        more: further fields that the method gives its tasks (`answer`, `generated`, …).
    """
    return {
        "id": row_id("task", parent["id"], instruction, *content),
        "seed_id": seed_id,
        "concepts_id": concepts_id,
        "category": category,
        "difficulty": difficulty,
        "language": language,
        "concepts": list(concepts),
        "instruction": instruction,
        **more,
    }
