"""Problems of the benchmarks in one form.

A row: `id`, `benchmark` (its name in the config), `kind`, `variant` (of a kind that has some), `task_id`, `prompt`, `entry_point`, `canonical_solution`,
`tests` (a text that checks the entry point; empty where something else does it), `decontaminate` (further texts that
training data must not repeat), and what its kind of benchmark adds.
"""

import re
from collections.abc import Iterable
from hashlib import sha256

from selfalign.benchmarks.base import Benchmark, open_benchmark
from selfalign.benchmarks.records import read_records
from selfalign.errors import UserError
from selfalign.rows import row_id


def parse_problems(
    name: str, spec: dict, text: bytes, where: str, tests: list[tuple[bytes, str]] | None = None
) -> list[dict]:
    """Normalised rows, in the order of the source.

    Args:
        name: the benchmark's name in the config.
        spec: `kind`, `variant` where it has some, `since` and `until` for those of a window of time, and `problems` where
            another number than the benchmark's own is wanted.
        text: JSON Lines, a JSON list, or Parquet, in the benchmark's own format.
        where: the source, for messages.
        tests: other benchmarks' files that it borrows from, each with its source.

    Raises:
        UserError: not that format, a task id twice, another number of problems, or another release than scores are compared on.
    """
    benchmark, variant = open_benchmark(spec["kind"]), spec.get("variant")
    rows = [
        {
            "id": row_id("problem", name, fields["task_id"]),
            "benchmark": name,
            "kind": benchmark.kind,
            **({"variant": variant} if variant else {}),
            **fields,
        }
        for fields in _fields(benchmark, variant, text, where, _lenders(benchmark, tests or []))
    ]
    wanted = spec.get("problems") or benchmark.size(variant)
    if len(rows) != wanted:
        whole = f"{benchmark.kind}, {variant}," if variant else benchmark.kind
        raise UserError(
            f"{whole} has {wanted} problems, the file {len(rows)}",
            where=where,
            fix="fetch the whole file, of the version that docs/benchmarks.md names",
        )
    ids = [row["task_id"] for row in rows]
    if len(set(ids)) != len(ids):
        twice = next(task for task in ids if ids.count(task) > 1)
        raise UserError(f"the problem {twice!r} is there twice", where=where, fix="fetch the original file")
    if benchmark.releases and not release_of(benchmark, text) and not vouched_for(spec):
        raise UserError(
            f"the file is none of {benchmark.kind}'s releases that scores are compared on: {', '.join(benchmark.releases.values())}",
            where=where,
            fix="fetch that file (a mini, another version or a shortened one gives other scores); or name yours by its hash, "
            "`source: {path: ..., sha256: ...}`, to score by it all the same",
        )
    return within(rows, spec, where)


def release_of(benchmark: Benchmark, text: bytes) -> str | None:
    """The name of the release that a file's bytes are; None for one that is not known."""
    return benchmark.releases.get(sha256(text).hexdigest())


def vouched_for(spec: dict) -> bool:
    """Whether the config says itself which file is wanted: by its hash, or by another number of problems."""
    return bool(spec.get("problems") or spec.get("source", {}).get("sha256"))


def within(rows: list[dict], spec: dict, where: str) -> list[dict]:
    """The rows of the window from `since` to `until` (days, both included), where the config asks for one.

    Raises:
        UserError: no problem is of that time.
    """
    since, until = spec.get("since"), spec.get("until")
    if not since and not until:
        return rows
    found = [row for row in rows if (since or "") <= row["date"] <= (until or "9999")]
    if not found:
        first, last = (choose(row["date"] for row in rows) for choose in (min, max))
        raise UserError(
            f"no problem is of the time from {since or 'the first'} to {until or 'the last'}",
            where=where,
            fix=f"set `since` and `until` so that they meet the file's problems, which are of {first} to {last}",
        )
    return found


def _lacking(record: object, fields: Iterable[str]) -> str:
    """The fields that a record does not have, in words; all where it is no record."""
    return ", ".join(field for field in fields if not isinstance(record, dict) or field not in record)


def _lenders(benchmark: Benchmark, tests: list[tuple[bytes, str]]) -> dict[str, dict]:
    """Task id -> record to borrow from."""
    found = {}
    for text, where in tests:
        for place, record in read_records(text, benchmark.kind, where):
            if missing := _lacking(record, benchmark.borrows):
                raise UserError(
                    f"{place} lacks {missing}, which {benchmark.kind} borrows",
                    where=where,
                    fix="check `tests`; docs/benchmarks.md says which files are wanted there",
                )
            found[record["task_id"]] = record
    return found


def _fields(benchmark: Benchmark, variant: str | None, text: bytes, where: str, lenders: dict[str, dict]):
    """What the benchmark makes of each record."""
    advice = "check `kind`, `variant` and `source`; docs/benchmarks.md says which file each kind wants"
    for place, record in read_records(text, benchmark.kind, where):
        if missing := _lacking(record, benchmark.fields):
            raise UserError(
                f"{place} lacks {missing}: this is not {benchmark.kind}'s own format",
                where=where,
                fix=advice,
            )
        if benchmark.borrows:
            record = {**record, "borrowed": lenders.get(record["task_id"])}
        try:
            fields = benchmark.problem(record, variant)
            if not re.fullmatch(benchmark.task_ids, str(fields["task_id"])):
                raise ValueError(f"the task id {fields['task_id']!r}")
        except UserError as error:
            raise UserError(f"{place}: {error.what}", where=where, fix=error.fix or advice) from None
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{place} is not in {benchmark.kind}'s own format: {type(error).__name__}: {error}",
                where=where,
                fix=advice,
            ) from None
        yield fields
