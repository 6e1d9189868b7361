"""Problems of the benchmarks in one form.

A row: `id`, `benchmark` (its name in the config), `kind`, `task_id`, `prompt`, `entry_point`, `canonical_solution`,
`tests` (a text that checks the entry point; empty where EvalPlus does it), `decontaminate` (further texts that training
data must not repeat), `evalplus` (the fields that EvalPlus scores by, or null).
"""

import json

from selfalign.errors import UserError
from selfalign.rows import row_id

PROBLEMS = {"humaneval": 164, "humaneval-plus": 164, "mbpp-plus": 378}
"""Kind -> how many problems the whole benchmark has."""

FIELDS = {
    "humaneval": ("task_id", "prompt", "entry_point", "canonical_solution", "test"),
    "humaneval-plus": ("task_id", "prompt", "entry_point", "canonical_solution", "base_input", "plus_input", "atol"),
    "mbpp-plus": ("task_id", "prompt", "entry_point", "canonical_solution", "base_input", "plus_input", "atol"),
}
"""Kind -> fields that each of its problems must have."""


def parse_problems(name: str, spec: dict, text: bytes, where: str) -> list[dict]:
    """Normalised rows, in the order of the source.

    Args:
        name: the benchmark's name in the config.
        spec: `kind`, and `problems` where another number than the benchmark's own is wanted.
        text: JSON Lines in the benchmark's own format.
        where: the source, for messages.

    Raises:
        UserError: not that format, a task id twice, or another number of problems.
    """
    kind = spec["kind"]
    rows = [_problem(name, kind, record) for record in _records(text, kind, where)]
    wanted = spec.get("problems") or PROBLEMS[kind]
    if len(rows) != wanted:
        raise UserError(f"{kind} has {wanted} problems, the file {len(rows)}", where=where, fix="fetch the whole file")
    ids = [row["task_id"] for row in rows]
    if len(set(ids)) != len(ids):
        twice = next(task for task in ids if ids.count(task) > 1)
        raise UserError(f"the problem {twice!r} is there twice", where=where, fix="fetch the original file")
    return rows


def _records(text: bytes, kind: str, where: str) -> list[dict]:
    records = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            missing = [field for field in FIELDS[kind] if field not in record]
        except (ValueError, TypeError) as error:
            raise UserError(
                f"line {number} is not JSON: {error}", where=where, fix=f"give a file in {kind}'s own format"
            ) from None
        if missing:
            raise UserError(
                f"line {number} lacks {', '.join(missing)}: this is not {kind}'s own format",
                where=where,
                fix="check `kind` and `source`; docs/benchmarks.md says which file each kind wants",
            )
        records.append(record)
    return records


def _problem(name: str, kind: str, record: dict) -> dict:
    entry = record["entry_point"]
    return {
        "id": row_id("problem", name, record["task_id"]),
        "benchmark": name,
        "kind": kind,
        "task_id": record["task_id"],
        "prompt": record["prompt"],
        "entry_point": entry,
        "canonical_solution": record["canonical_solution"],
        "tests": f"{record['test']}\n\ncheck({entry})\n" if kind == "humaneval" else "",
        "decontaminate": [record["assertion"]] if record.get("assertion") else [],
        "evalplus": None if kind == "humaneval" else {field: record[field] for field in FIELDS[kind]},
    }
